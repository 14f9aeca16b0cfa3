package dev.tern.jinja;

import dev.tern.jinja.Values.Dict;
import dev.tern.jinja.Values.Seq;
import dev.tern.jinja.Values.Undefined;
import java.math.BigDecimal;
import java.math.MathContext;
import java.math.RoundingMode;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Map;

/** Values as text: as Python prints them, and as JSON. */
final class Printer {
  // What the digits of a number take: at all, for each binary digit of its exponent, and for each number of digits that is tried.
  private static final long SETUP_BYTES = 2560;
  private static final long SIZE_BYTES = 32;
  private static final long ROUND_BYTES = 448;

  private final Env env;
  private final Text.Builder out;

  private Printer(Env env) {
    this.env = env;
    out = new Text.Builder(env.budget);
  }

  /** What str() makes of a value. */
  static Text text(Env env, Object value) {
    if (value instanceof Text t) {
      return t;
    } else if (value instanceof Undefined) {
      return Text.EMPTY;
    }
    Printer printer = new Printer(env);
    printer.repr(value);
    return printer.out.build();
  }

  private void repr(Object value) {
    env.budget.enter();
    env.budget.step();
    if (value instanceof Text t) {
      out.append(Text.made(quoted(env, t.toString()), t));
    } else if (value instanceof Boolean b) {
      out.append(b ? "True" : "False");
    } else if (value instanceof Double d) {
      out.append(real(env, d));
    } else if (value instanceof Seq s) {
      out.append(s.tuple() ? "(" : "[");
      for (int i = 0; i < s.items().size(); i++) {
        out.append(i == 0 ? "" : ", ");
        repr(s.items().get(i));
      }
      out.append(s.tuple() ? s.items().size() == 1 ? ",)" : ")" : "]");
    } else if (value instanceof Dict d) {
      String before = "{";
      for (Map.Entry<Key, Object> e : d.map().entrySet()) {
        out.append(before);
        repr(e.getKey().value());
        out.append(": ");
        repr(e.getValue());
        before = ", ";
      }
      out.append(d.map().isEmpty() ? "{}" : "}");
    } else if (value instanceof Long || value == Values.NONE) {
      out.append(value.toString());
    } else {
      out.append(value instanceof Undefined ? "Undefined" : "<" + Values.typeName(value) + ">");
    }
    env.budget.leave();
  }

  private static String quoted(Env env, String chars) {
    env.budget.chars(2L * chars.length()); // in the builder and out of it
    char quote = chars.indexOf('\'') >= 0 && chars.indexOf('"') < 0 ? '"' : '\'';
    StringBuilder quoted = new StringBuilder(chars.length() + 2).append(quote);
    for (int i = 0; i < chars.length(); ) {
      int c = chars.codePointAt(i);
      i += Character.charCount(c);
      int escape = "\n\r\t\\".indexOf(c);
      if (escape >= 0) {
        quoted.append('\\').append("nrt\\".charAt(escape));
      } else if (c == quote) {
        quoted.append('\\').append(quote);
      } else if (c < ' ' || c >= 0x7f && c < 0xa1 || c == 0xad) {
        env.budget.chars(4);
        hex(quoted.append("\\x"), c, 2);
      } else {
        quoted.appendCodePoint(c);
      }
    }
    return quoted.append(quote).toString();
  }

  private static void hex(StringBuilder out, int c, int digits) {
    for (int i = digits - 1; i >= 0; i--) {
      out.append(Character.forDigit(c >> 4 * i & 15, 16));
    }
  }

  /** The fewest digits that read back as the same number, as Python writes them. */
  static String real(Env env, double d) {
    if (Double.isNaN(d) || Double.isInfinite(d)) {
      return Double.isNaN(d) ? "nan" : d > 0 ? "inf" : "-inf";
    } else if (d == 0) {
      return 1 / d < 0 ? "-0.0" : "0.0";
    }
    int size = Math.abs(Math.getExponent(d)); // very large and very small ones have hundreds of digits
    env.budget.steps(1 + size / 4);
    env.budget.bytes(SETUP_BYTES + SIZE_BYTES * size);
    String digits = Double.toString(d);
    BigDecimal value = new BigDecimal(d);
    BigDecimal cut = value.round(new MathContext(17, RoundingMode.DOWN)); // with one more digit they fit into a long, which is rounded at little cost
    if (cut.compareTo(value) != 0) { // one more digit keeps what is above a tie above it
      cut = cut.add(BigDecimal.valueOf(value.signum(), cut.scale() + 1));
    }
    BigDecimal near = new BigDecimal(2 * Math.ulp(d)).round(new MathContext(3, RoundingMode.UP)); // what is farther away need not be read
    for (int n = 1; n < 17; n++) {
      env.budget.steps(2);
      env.budget.bytes(ROUND_BYTES);
      BigDecimal shorter = cut.round(new MathContext(n));
      if (shorter.subtract(cut).abs().compareTo(near) <= 0 && Double.parseDouble(shorter.toString()) == d) {
        digits = shorter.toString();
        break;
      }
    }
    BigDecimal exact = new BigDecimal(digits).stripTrailingZeros();
    int exponent = exact.precision() - exact.scale() - 1;
    if (exponent >= -4 && exponent < 16) {
      String plain = exact.toPlainString();
      return plain.contains(".") ? plain : plain + ".0";
    }
    String mantissa = exact.unscaledValue().abs().toString();
    return (d < 0 ? "-" : "") + mantissa.charAt(0) + (mantissa.length() > 1 ? "." + mantissa.substring(1) : "")
        + String.format("e%c%02d", exponent < 0 ? '-' : '+', Math.abs(exponent));
  }

  /**
   * How JSON is written.
   *
   * @param indent blanks a level, or -1 for one line
   * @param sorted by key
   * @param ascii with all other characters escaped
   */
  record Json(int indent, String itemEnd, String keyEnd, boolean sorted, boolean ascii) {
    private static final Json PLAIN = new Json(-1, ", ", ": ", false, false);
  }

  /** A value as JSON, not escaped beyond what JSON asks for, as chat templates expect it of tojson. */
  static Text json(Env env, Object value, Json style) {
    Printer printer = new Printer(env);
    printer.json(value, 0, style);
    return printer.out.build();
  }

  private void json(Object value, int level, Json style) {
    env.budget.enter();
    env.budget.step();
    if (value instanceof Text t) {
      out.append(Text.made(jsonString(env, t.toString(), style.ascii), t));
    } else if (value instanceof Boolean || value == Values.NONE) {
      out.append(value == Values.NONE ? "null" : value.toString());
    } else if (value instanceof Long) {
      out.append(value.toString());
    } else if (value instanceof Double d) {
      out.append(d.isNaN() ? "NaN" : d.isInfinite() ? d > 0 ? "Infinity" : "-Infinity" : real(env, d));
    } else if (value instanceof Seq s) {
      out.append("[");
      for (int i = 0; i < s.items().size(); i++) {
        out.append(i == 0 ? "" : style.itemEnd);
        line(level + 1, style.indent);
        json(s.items().get(i), level + 1, style);
      }
      if (!s.items().isEmpty()) {
        line(level, style.indent);
      }
      out.append("]");
    } else if (value instanceof Dict d) {
      out.append("{");
      List<Key> keys = new ArrayList<>(d.map().keySet());
      if (style.sorted) {
        keys.sort((a, b) -> Operators.compare(env, a.value(), b.value()));
      }
      for (Iterator<Key> i = keys.iterator(); i.hasNext(); ) {
        Key key = i.next();
        line(level + 1, style.indent);
        Text name = key.value() instanceof Text t ? t : json(env, key.value(), Json.PLAIN);
        out.append(Text.made(jsonString(env, name.toString(), style.ascii), name)).append(style.keyEnd);
        json(d.map().get(key), level + 1, style);
        out.append(i.hasNext() ? style.itemEnd : "");
      }
      if (!keys.isEmpty()) {
        line(level, style.indent);
      }
      out.append("}");
    } else {
      throw Values.error("a value of type " + Values.typeName(value) + " cannot be JSON");
    }
    env.budget.leave();
  }

  private void line(int level, int indent) {
    if (indent >= 0) {
      env.budget.chars((long) level * indent);
      out.append("\n" + " ".repeat(level * indent));
    }
  }

  private static String jsonString(Env env, String chars, boolean ascii) {
    env.budget.chars(2L * chars.length()); // in the builder and out of it
    StringBuilder json = new StringBuilder(chars.length() + 2).append('"');
    for (int i = 0; i < chars.length(); i++) {
      char c = chars.charAt(i);
      int escape = "\"\\\n\r\t\b\f".indexOf(c);
      if (escape >= 0) {
        json.append('\\').append("\"\\nrtbf".charAt(escape));
      } else if (c < ' ' || ascii && c > '~') {
        env.budget.chars(6);
        hex(json.append("\\u"), c, 4);
      } else {
        json.append(c);
      }
    }
    return json.append('"').toString();
  }
}
