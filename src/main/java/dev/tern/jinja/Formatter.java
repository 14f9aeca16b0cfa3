package dev.tern.jinja;

import dev.tern.jinja.Values.Args;
import dev.tern.jinja.Values.Dict;
import java.util.List;
import java.util.Locale;
import java.util.regex.Pattern;

/** Texts with places for values: Python's % operator, and the plain forms of its format method. */
final class Formatter {
  private static final int MAX_DIGITS = 64;

  private static final Pattern NAME = Pattern.compile("\\w{0,64}");
  private static final Pattern NUMBER = Pattern.compile("\\d+");

  private Formatter() {}

  /** Fills text to a width; left says which part of the filling goes before it. */
  static Text pad(Env env, Text s, String fill, long width, double left) {
    long missing = Math.max(0, width) - Strings.length(env, s);
    if (missing <= 0) {
      return s;
    }
    env.budget.chars(missing);
    env.budget.chars(missing);
    if (fill.codePointCount(0, fill.length()) != 1) {
      throw Values.error("filling must be one character");
    }
    int before = left == 0.5 ? (int) (missing / 2 + (missing & width & 1)) : (int) (missing * left); // as Python centers
    boolean signed = fill.equals("0") && left == 1 && !s.isEmpty() && "+-".indexOf(s.toString().charAt(0)) >= 0;
    Text.Builder out = new Text.Builder(env.budget);
    if (signed) {
      out.append(s.substring(0, 1));
    }
    return out.append(fill.repeat(before)).append(s.substring(signed ? 1 : 0, s.length())).append(fill.repeat((int) missing - before)).build();
  }

  /** Replaces each %s and its like by the next value, or %(name)s by one of a dictionary. */
  static Text percent(Env env, Text format, List<Object> values, Object all) {
    Text.Builder out = new Text.Builder(env.budget);
    String f = format.toString();
    env.budget.chars(f.length());
    int next = 0;
    int from = 0;
    for (int at = f.indexOf('%'); at >= 0; at = f.indexOf('%', from)) {
      env.budget.step();
      out.append(format.substring(from, at));
      int i = at + 1;
      Object named = null;
      if (i < f.length() && f.charAt(i) == '(') {
        int close = f.indexOf(')', i);
        if (close < 0 || !(all instanceof Dict d)) {
          throw Values.error("the format '" + f + "' needs a dict");
        }
        named = d.get(f.substring(i + 1, close));
        i = close + 1;
      }
      int spec = i;
      while (i < f.length() && "-+ 0#.123456789".indexOf(f.charAt(i)) >= 0) {
        i++;
      }
      if (i >= f.length()) {
        throw Values.error("the format '" + f + "' is cut off");
      }
      from = i + 1;
      if (f.charAt(i) == '%') {
        out.append(format.substring(i, i + 1));
        continue;
      }
      if (named == null && next >= values.size()) {
        throw Values.error("the format '" + f + "' has more places than there are values");
      }
      out.append(one(env, f.substring(spec, i), f.charAt(i), named != null ? named : values.get(next++)));
    }
    return out.append(format.substring(from, f.length())).build();
  }

  private static Text one(Env env, String spec, char kind, Object value) {
    env.budget.steps(8);
    int end = 0;
    while (end < spec.length() && spec.charAt(end) != '.' && (spec.charAt(end) < '1' || spec.charAt(end) > '9')) {
      end++;
    }
    String flags = spec.substring(0, end);
    String rest = spec.substring(flags.length());
    int dot = rest.indexOf('.');
    int width = number(dot < 0 ? rest : rest.substring(0, dot));
    int precision = dot < 0 ? -1 : number(rest.substring(dot + 1));
    Text text;
    switch (kind) {
      case 's', 'r' -> {
        text = kind == 's' ? Printer.text(env, value) : Printer.text(env, Values.Seq.list(List.of(value)));
        text = kind == 's' ? text : text.substring(1, text.length() - 1);
        text = precision >= 0 && precision < Strings.length(env, text) ? text.substring(0, text.toString().offsetByCodePoints(0, precision)) : text;
      }
      case 'd', 'i', 'x', 'X' -> {
        long n = value instanceof Double d ? (long) (double) d : Operators.integer(value, "a value for %" + kind);
        String digits = kind == 'x' || kind == 'X' ? Long.toString(n, 16) : Long.toString(n);
        text = Text.template(kind == 'X' ? digits.toUpperCase(Locale.ROOT) : digits);
      }
      case 'f', 'F' -> {
        if (!Operators.isNumber(value) || precision > MAX_DIGITS) {
          throw Values.error("a value for %f of type " + Values.typeName(value) + ", or more than " + MAX_DIGITS + " digits");
        }
        int size = Math.abs(Math.getExponent(Operators.real(value)));
        env.budget.steps(8 + size / 8);
        env.budget.bytes(2048 + 8L * size);
        text = Text.template(String.format(Locale.ROOT, "%." + (precision < 0 ? 6 : precision) + "f", Operators.real(value)));
      }
      default -> throw Values.error("the conversion %" + kind + " is not supported");
    }
    if (flags.contains("+") && kind != 's' && kind != 'r' && !text.toString().startsWith("-")) {
      text = Text.made("+" + text, text);
    }
    boolean zeros = flags.contains("0") && kind != 's' && kind != 'r' && !flags.contains("-");
    return pad(env, text, zeros ? "0" : " ", width, flags.contains("-") ? 0 : 1);
  }

  private static int number(String digits) {
    if (digits.isEmpty()) {
      return 0;
    }
    try {
      return Integer.parseInt(digits);
    } catch (NumberFormatException e) {
      throw Values.error("'" + digits + "' in a format is no number");
    }
  }

  /** Python's format, for places {}, {0} and {name}. */
  static Text braces(Env env, Text format, Args args) {
    Text.Builder out = new Text.Builder(env.budget);
    String f = format.toString();
    env.budget.chars(f.length());
    int next = 0;
    for (int i = 0; i < f.length(); ) {
      char c = f.charAt(i);
      env.budget.step();
      if (c != '{' && c != '}') {
        int end = i;
        while (end < f.length() && f.charAt(end) != '{' && f.charAt(end) != '}') {
          end++;
        }
        out.append(format.substring(i, end));
        i = end;
      } else if (i + 1 < f.length() && f.charAt(i + 1) == c) {
        out.append(format.substring(i, i + 1));
        i += 2;
      } else {
        int close = c == '{' ? f.indexOf('}', i) : -1;
        String name = close < 0 ? "" : f.substring(i + 1, close);
        if (close < 0 || !NAME.matcher(name).matches()) {
          throw Values.error("the format '" + f + "' is not supported");
        }
        Object value = name.isEmpty() || NUMBER.matcher(name).matches()
            ? args.need(name.isEmpty() ? next++ : number(name), "{" + name + "}") : args.named().get(name);
        if (value == null) {
          throw Values.error("the format '" + f + "' has no value for {" + name + "}");
        }
        out.append(Printer.text(env, value));
        i = close + 1;
      }
    }
    return out.build();
  }
}
