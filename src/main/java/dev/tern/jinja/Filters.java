package dev.tern.jinja;

import dev.tern.jinja.Ordered.Path;
import dev.tern.jinja.Values.Args;
import dev.tern.jinja.Values.Dict;
import dev.tern.jinja.Values.Seq;
import dev.tern.jinja.Values.Undefined;
import java.math.BigDecimal;
import java.math.RoundingMode;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.regex.Pattern;

/** The filters: VALUE | NAME(ARGUMENTS). */
final class Filters {
  private static final List<String> ESCAPES = List.of("&amp;", "&lt;", "&gt;", "&#39;", "&#34;");
  private static final Pattern WHOLE = Pattern.compile("[+-]?\\d+");
  private static final Pattern DECIMAL = Pattern.compile("[+-]?(\\d+\\.?\\d*|\\.\\d+)([eE][+-]?\\d+)?");

  private Filters() {}

  static Object apply(Env env, String name, Object value, Args args) {
    if (!(value instanceof Text t)) {
      env.budget.step();
    } else {
      env.budget.steps(1 + t.length() / 16);
    }
    env.budget.enter(); // map() applies filters, which may be map()
    Object result = general(env, name, value, args);
    result = result != null ? result : ofTexts(env, name, value, args);
    result = result != null ? result : ofLists(env, name, value, args);
    env.budget.leave();
    if (result == null) {
      throw Values.error("there is no filter '" + name + "'");
    }
    return result;
  }

  private static Object general(Env env, String name, Object value, Args args) {
    switch (name) {
      case "default", "d":
        boolean missing = value instanceof Undefined || args.flag(1, "boolean", false) && !Values.truth(value);
        return missing ? args.get(0, "default_value", Text.EMPTY) : value;
      case "length", "count":
        return length(env, value);
      case "string":
        return Printer.text(env, value);
      case "safe", "e", "escape", "forceescape":
        return name.equals("safe") ? Printer.text(env, value) : escape(env, Printer.text(env, value));
      case "tojson":
        return json(env, value, args);
      case "int":
        return toInt(env, value, args);
      case "float":
        return toFloat(env, value, args);
      case "abs":
        return value instanceof Double d ? (Object) Math.abs(d) : Operators.compare(env, value, 0L) < 0 ? Operators.negate(value) : value;
      case "round":
        return round(env, value, args);
      case "attr":
        return Members.attribute(env, value, String.valueOf(args.text(0, "name")));
      case "items":
        return value instanceof Undefined ? Seq.list(List.of()) : Members.items(env, dict(value));
      case "dictsort":
        return Ordered.dictsort(env, dict(value), args);
      default:
        return null;
    }
  }

  private static Dict dict(Object value) {
    if (value instanceof Dict d) {
      return d;
    }
    throw Values.error("a dict is needed, and " + Values.typeName(value) + " is given");
  }

  private static Object length(Env env, Object value) {
    if (value instanceof Text t) {
      return Strings.length(env, t);
    } else if (value instanceof Dict d) {
      return (long) d.map().size();
    } else if (value instanceof Undefined) {
      return 0L;
    } else if (value instanceof Seq s) {
      return (long) s.items().size();
    }
    throw Values.error("a value of type " + Values.typeName(value) + " has no length");
  }

  private static Text escape(Env env, Text t) {
    String chars = t.toString();
    Text.Builder out = new Text.Builder(env.budget);
    int from = 0;
    for (int i = 0; i < chars.length(); i++) {
      int special = "&<>'\"".indexOf(chars.charAt(i));
      if (special >= 0) {
        env.budget.step();
        out.append(t.substring(from, i)).append(ESCAPES.get(special));
        from = i + 1;
      }
    }
    return out.append(t.substring(from, chars.length())).build();
  }

  private static Object json(Env env, Object value, Args args) {
    if (value instanceof Undefined u) {
      throw u.error();
    }
    Object indent = args.get(args.positional().size() > 1 ? 1 : 0, "indent", Values.NONE);
    int blanks = indent == Values.NONE || indent instanceof Boolean ? -1 : (int) Math.max(0, Math.min(64, Operators.integer(indent, "indent")));
    Object separators = args.named().getOrDefault("separators", Values.NONE);
    String[] ends = {null, null};
    if (separators instanceof Seq s && s.items().size() == 2) {
      ends = new String[] {separator(s.items().get(0)), separator(s.items().get(1))};
    }
    boolean ascii = Values.truth(args.named().getOrDefault("ensure_ascii", args.positional().size() > 1 ? args.positional().get(0) : false));
    boolean sorted = Values.truth(args.named().getOrDefault("sort_keys", false));
    return Printer.json(env, value, new Printer.Json(blanks, ends[0] != null ? ends[0] : blanks >= 0 ? "," : ", ", ends[1] != null ? ends[1] : ": ", sorted, ascii));
  }

  private static String separator(Object value) {
    if (value instanceof Text t) {
      return t.toString();
    }
    throw Values.error("a separator is of type " + Values.typeName(value) + ", expected str");
  }

  private static Object toInt(Env env, Object value, Args args) {
    if (value instanceof Double d && Math.abs(d) < 0x1p63) {
      return (long) (double) d;
    } else if (Operators.isNumber(value) && !(value instanceof Double)) {
      return Operators.integer(value, "a number");
    }
    try {
      String chars = digits(env, value);
      return WHOLE.matcher(chars).matches() ? Long.parseLong(chars) : (long) Double.parseDouble(chars);
    } catch (NumberFormatException e) {
      return args.get(0, "default", 0L);
    }
  }

  private static Object toFloat(Env env, Object value, Args args) {
    if (Operators.isNumber(value)) {
      return Operators.real(value);
    }
    try {
      return Double.parseDouble(digits(env, value));
    } catch (NumberFormatException e) {
      return args.get(0, "default", 0.0);
    }
  }

  /** The characters of a decimal number, or none. */
  private static String digits(Env env, Object value) {
    String chars = value instanceof Text t ? Strings.strip(env, t, null, true, true).toString() : "";
    return chars.length() <= 64 && DECIMAL.matcher(chars).matches() ? chars : "";
  }

  private static Object round(Env env, Object value, Args args) {
    if (!Operators.isNumber(value)) {
      throw Values.error("a value of type " + Values.typeName(value) + " cannot be rounded");
    }
    long digits = args.integer(0, "precision", 0);
    Text how = args.text(1, "method");
    double d = Operators.real(value);
    if (Double.isNaN(d) || Double.isInfinite(d) || Math.abs(digits) > 300) {
      return d;
    }
    long size = Math.abs(Math.getExponent(d)) + Math.abs(digits); // as many digits are computed with
    env.budget.steps(size / 4);
    env.budget.bytes(1536 + 16 * size);
    RoundingMode mode = how == null ? RoundingMode.HALF_EVEN : switch (how.toString()) {
      case "ceil" -> RoundingMode.CEILING;
      case "floor" -> RoundingMode.FLOOR;
      default -> RoundingMode.HALF_EVEN;
    };
    return new BigDecimal(d).setScale((int) digits, mode).doubleValue();
  }

  private static Object ofTexts(Env env, String name, Object value, Args args) {
    switch (name) {
      case "trim":
        return Strings.strip(env, Printer.text(env, value), args.text(0, "chars"), true, true);
      case "upper", "lower", "capitalize":
        return Strings.call(env, Printer.text(env, value), name, Args.NONE);
      case "title":
        Text words = Printer.text(env, value);
        env.budget.chars(words.length());
        return Text.made(Strings.title(words.toString(), c -> Strings.isSpace(c) || "-({[<".indexOf(c) >= 0), words);
      case "replace":
        return Strings.replace(env, Printer.text(env, value), args.text(0, "old"), args.text(1, "new"), args.integer(2, "count", -1));
      case "format":
        return Formatter.percent(env, Printer.text(env, value), args.positional(), new Dict(named(args)));
      case "center":
        return Formatter.pad(env, Printer.text(env, value), " ", args.integer(0, "width", 80), 0.5);
      case "indent":
        return indent(env, Printer.text(env, value), args);
      case "wordcount":
        return Strings.length(env, Printer.text(env, value)) == 0 ? 0L
            : (long) ((Seq) Strings.call(env, Printer.text(env, value), "split", Args.NONE)).items().size();
      default:
        return null;
    }
  }

  private static java.util.Map<Key, Object> named(Args args) {
    java.util.Map<Key, Object> map = new java.util.HashMap<>();
    args.named().forEach((k, v) -> map.put(new Key(Text.template(k)), v));
    return map;
  }

  private static Object indent(Env env, Text text, Args args) {
    Object width = args.get(0, "width", 4L);
    Text by = width instanceof Text t ? t : Text.template(" ".repeat((int) Math.max(0, Math.min(256, Operators.integer(width, "width")))));
    boolean first = args.flag(1, "first", false);
    boolean blank = args.flag(2, "blank", false);
    Text.Builder out = new Text.Builder(env.budget);
    String chars = text.toString();
    for (int from = 0; from <= chars.length(); ) {
      int end = chars.indexOf('\n', from);
      end = end < 0 ? chars.length() : end;
      env.budget.step();
      if (from == 0 ? first : blank || end > from) {
        out.append(by);
      }
      out.append(text.substring(from, Math.min(chars.length(), end + 1)));
      from = end + 1;
    }
    return out.build();
  }

  private static Object ofLists(Env env, String name, Object value, Args args) {
    switch (name) {
      case "list", "first", "last", "join", "reverse", "sort", "unique", "sum", "min", "max", "map", "select", "reject", "selectattr",
          "rejectattr", "batch", "groupby":
        break;
      default:
        return null;
    }
    if (name.equals("reverse") && value instanceof Text) {
      return Members.slice(env, value, Values.NONE, Values.NONE, -1L);
    }
    boolean chooses = name.equals("map") || name.startsWith("select") || name.startsWith("reject");
    List<Object> items = chooses && !Values.truth(value) ? List.of() : Values.elements(env, value);
    env.budget.elements(items.size());
    switch (name) {
      case "list":
        return Seq.list(items);
      case "first":
        return items.isEmpty() ? new Undefined("first item") : items.get(0);
      case "last":
        return items.isEmpty() ? new Undefined("last item") : items.get(items.size() - 1);
      case "join":
        Text separator = args.text(0, "d");
        Object attribute = args.get(1, "attribute", null);
        Path each = path(env, attribute);
        List<Object> parts = attribute == null ? items : items.stream().map(i -> each.of(env, i)).toList();
        return Strings.join(env, separator == null ? Text.EMPTY : separator, parts);
      case "reverse":
        List<Object> reversed = new ArrayList<>(items);
        Collections.reverse(reversed);
        return Seq.list(reversed);
      case "sum":
        Object total = args.get(1, "start", 0L);
        Path summand = path(env, args.get(0, "attribute", null));
        for (Object item : items) {
          total = Operators.add(env, total, summand.of(env, item));
        }
        return total;
      case "batch":
        return batch(env, items, args);
      case "sort":
        return Ordered.sort(env, items, args);
      case "unique":
        return Ordered.unique(env, items, args);
      case "min", "max":
        return Ordered.extreme(env, name, items, args);
      case "groupby":
        return Ordered.groups(env, items, args.need(0, "attribute"));
      default:
        return chosen(env, name, items, args);
    }
  }

  private static Path path(Env env, Object attribute) {
    return attribute == null ? (e, item) -> item : Ordered.path(env, attribute);
  }

  private static Object batch(Env env, List<Object> items, Args args) {
    long size = args.integer(0, "linecount", 0);
    if (size < 1) {
      throw Values.error("batch() needs a positive size");
    }
    List<Object> batches = new ArrayList<>();
    for (int i = 0; i < items.size(); i = (int) Math.min(items.size(), i + size)) {
      List<Object> batch = new ArrayList<>(items.subList(i, (int) Math.min(items.size(), i + size)));
      Object fill = args.get(1, "fill_with", Values.NONE);
      env.budget.elements(fill == Values.NONE ? 1 : size);
      while (fill != Values.NONE && batch.size() < size) {
        batch.add(fill);
      }
      batches.add(Seq.list(batch));
    }
    return Seq.list(batches);
  }

  private static Object chosen(Env env, String name, List<Object> items, Args args) {
    List<Object> chosen = new ArrayList<>();
    if (items.isEmpty()) {
      return Seq.list(chosen);
    }
    boolean ofAttribute = name.endsWith("attr");
    int testAt = ofAttribute ? 1 : 0;
    Args rest = args.positional().size() > testAt + 1
        ? new Args(args.positional().subList(testAt + 1, args.positional().size()), args.named()) : new Args(List.of(), args.named());
    Object attribute = name.equals("map") ? args.named().get("attribute") : ofAttribute ? args.need(0, "attribute") : null;
    Path path = path(env, attribute);
    for (Object item : items) {
      env.budget.step();
      if (name.equals("map")) {
        Object fallback = args.named().get("default");
        Object mapped = attribute == null ? apply(env, String.valueOf(args.text(0, "filter")), item, rest) : path.of(env, item);
        chosen.add(mapped instanceof Undefined && fallback != null ? fallback : mapped);
      } else {
        Object tested = path.of(env, item);
        Text test = args.text(testAt, "test");
        boolean holds = test == null ? Values.truth(tested) : Tests.holds(env, test.toString(), tested, rest);
        if (holds == name.startsWith("select")) {
          chosen.add(item);
        }
      }
    }
    return Seq.list(chosen);
  }
}
