package dev.tern.jinja;

import dev.tern.jinja.Values.Args;
import dev.tern.jinja.Values.Dict;
import dev.tern.jinja.Values.Function;
import dev.tern.jinja.Values.Namespace;
import dev.tern.jinja.Values.Seq;
import dev.tern.jinja.Values.Undefined;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** What lies behind a dot or in brackets: items, characters, slices, methods. A closed list; nothing is looked up in Java. */
final class Members {
  private static final Set<String> TEXT_METHODS =
      Set.of("strip", "lstrip", "rstrip", "startswith", "endswith", "removeprefix", "removesuffix", "split", "rsplit", "splitlines", "partition",
          "rpartition", "replace", "join", "find", "rfind", "index", "count", "format", "lower", "casefold", "upper", "capitalize", "title", "zfill",
          "ljust", "rjust", "center", "isdigit", "isdecimal", "isnumeric", "isalpha", "isalnum", "isspace", "islower", "isupper");
  private static final Set<String> CHANGING =
      Set.of("append", "extend", "insert", "pop", "popitem", "remove", "clear", "reverse", "sort", "update", "setdefault", "add", "discard");

  private Members() {}

  /** VALUE.NAME: a method or else an item. */
  static Object attribute(Env env, Object value, String name) {
    if (value instanceof Undefined u) {
      throw u.error();
    }
    env.budget.steps(name.length() / 16);
    Object method = method(value, name);
    if (method != null) {
      return method;
    }
    if (value instanceof Dict d) {
      Object item = d.get(name);
      return item != null ? item : new Undefined(name);
    } else if (value instanceof Namespace n) {
      return n.map.getOrDefault(name, new Undefined(name));
    } else if (value instanceof Loop loop) {
      return loop.attribute(env, name);
    }
    return new Undefined(name);
  }

  /** VALUE[KEY]: an item or else a method. */
  static Object item(Env env, Object value, Object key) {
    if (value instanceof Undefined u) {
      throw u.error();
    }
    if (value instanceof Dict d) {
      Object item = d.map().get(Values.key(env, key));
      if (item != null) {
        return item;
      }
    } else if ((value instanceof Seq || value instanceof Text) && (key instanceof Long || key instanceof Boolean)) {
      return at(env, value, Operators.integer(key, "an index"));
    }
    return key instanceof Text name ? attribute(env, value, name.toString()) : new Undefined(Printer.text(env, key).toString());
  }

  private static Object at(Env env, Object value, long index) {
    if (value instanceof Seq s) {
      long i = index < 0 ? index + s.items().size() : index;
      return i >= 0 && i < s.items().size() ? s.items().get((int) i) : new Undefined("item " + index);
    }
    Text t = (Text) value;
    long n = Strings.length(env, t);
    long i = index < 0 ? index + n : index;
    if (i < 0 || i >= n) {
      return new Undefined("character " + index);
    }
    int from = t.toString().offsetByCodePoints(0, (int) i);
    return t.substring(from, t.toString().offsetByCodePoints(from, 1));
  }

  /** VALUE[FROM:TO:STEP]; null or None for what is left out. */
  static Object slice(Env env, Object value, Object from, Object to, Object step) {
    if (value instanceof Undefined u) {
      throw u.error();
    }
    if (!(value instanceof Seq) && !(value instanceof Text)) {
      throw Values.error("a value of type " + Values.typeName(value) + " has no slices");
    }
    long by = step == Values.NONE ? 1 : Operators.integer(step, "a slice's step");
    if (by == 0) {
      throw Values.error("a slice's step is 0");
    }
    if (value instanceof Text t && by == 1) {
      int length = (int) Strings.length(env, t);
      int begin = (int) bound(from, 0, length, 1);
      int end = (int) Math.max(begin, bound(to, length, length, 1));
      int start = t.toString().offsetByCodePoints(0, begin);
      env.budget.chars(end - begin);
      return t.substring(start, t.toString().offsetByCodePoints(start, end - begin));
    }
    List<Object> items = value instanceof Seq s ? s.items() : Strings.characters(env, (Text) value);
    int n = items.size();
    long first = bound(from, by > 0 ? 0 : n - 1, n, by);
    long end = bound(to, by > 0 ? n : -1, n, by);
    List<Object> chosen = new ArrayList<>();
    for (long i = first; by > 0 ? i < end : i > end; i += by) {
      chosen.add(items.get((int) i));
      if (Math.abs(by) > n) {
        break;
      }
    }
    env.budget.elements(chosen.size());
    if (value instanceof Seq s) {
      return new Seq(chosen, s.tuple());
    }
    Text.Builder out = new Text.Builder(env.budget);
    chosen.forEach(c -> out.append((Text) c));
    return out.build();
  }

  private static long bound(Object given, long absent, int n, long step) {
    if (given == Values.NONE) {
      return absent;
    }
    long i = Operators.integer(given, "a slice's bound");
    i = i < 0 ? i + n : i;
    return step > 0 ? Math.max(0, Math.min(n, i)) : Math.max(-1, Math.min(n - 1, i));
  }

  private static Function method(Object value, String name) {
    if (value instanceof Text t) {
      return TEXT_METHODS.contains(name) ? (env, args) -> Strings.call(env, t, name, args) : null;
    } else if (value instanceof Dict d) {
      Function method = dictMethod(d, name);
      return method != null || !CHANGING.contains(name) || d.get(name) != null ? method : changing(name);
    } else if (value instanceof Seq s) {
      return switch (name) {
        case "index" -> (env, args) -> index(env, s, args.need(0, "value"));
        case "count" -> (env, args) -> s.items().stream().filter(item -> Operators.equal(env, item, args.need(0, "value"))).count();
        default -> CHANGING.contains(name) ? changing(name) : null;
      };
    }
    return null;
  }

  private static Function changing(String name) {
    return (env, args) -> {
      throw Values.error(name + "() would change a value; chat templates may not");
    };
  }

  private static Object index(Env env, Seq s, Object wanted) {
    for (int i = 0; i < s.items().size(); i++) {
      if (Operators.equal(env, s.items().get(i), wanted)) {
        return (long) i;
      }
    }
    throw Values.error("the value is not in the list");
  }

  private static Function dictMethod(Dict d, String name) {
    return switch (name) {
      case "get" -> (env, args) -> {
        Object item = d.map().get(Values.key(env, args.need(0, "key")));
        return item != null ? item : args.get(1, "default", Values.NONE);
      };
      case "items" -> (env, args) -> items(env, d);
      case "keys" -> (env, args) -> Seq.list(Values.elements(env, d));
      case "values" -> (env, args) -> listed(env, d.map().values().toArray());
      case "copy" -> (env, args) -> d;
      default -> null;
    };
  }

  static Seq items(Env env, Dict d) {
    env.budget.elements(3L * d.map().size());
    List<Object> items = new ArrayList<>();
    d.map().forEach((k, v) -> items.add(Seq.tuple(k.value(), v)));
    return Seq.list(items);
  }

  private static Seq listed(Env env, Object[] values) {
    env.budget.elements(values.length);
    return Seq.list(List.of(values));
  }

  /** What dict() makes: of another dictionary or of pairs, and of named arguments. */
  static Dict dict(Env env, Args args) {
    Map<Key, Object> map = new LinkedHashMap<>();
    Object from = args.get(0, "", Values.NONE);
    if (from instanceof Dict d) {
      env.budget.elements(4L * d.map().size());
      map.putAll(d.map());
    } else if (from != Values.NONE) {
      for (Object pair : Values.elements(env, from)) {
        List<Object> two = Values.elements(env, pair);
        if (two.size() != 2) {
          throw Values.error("dict() needs pairs");
        }
        env.budget.bytes(Key.ENTRY_BYTES);
        map.put(Values.key(env, two.get(0)), two.get(1));
      }
    }
    env.budget.bytes((long) Key.ENTRY_BYTES * args.named().size());
    args.named().forEach((k, v) -> map.put(new Key(Text.template(k)), v));
    return new Dict(map);
  }
}
