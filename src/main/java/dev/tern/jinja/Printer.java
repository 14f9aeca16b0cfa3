package dev.tern.jinja;

import dev.tern.jinja.Values.Dict;
import dev.tern.jinja.Values.Seq;
import dev.tern.jinja.Values.Undefined;
import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Map;

/** Values as text: as Python prints them, and as JSON. */
final class Printer {
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
    if (value instanceof Text t) {
      out.append(Text.made(quoted(t.toString()), t));
    } else if (value instanceof Boolean b) {
      out.append(b ? "True" : "False");
    } else if (value instanceof Double d) {
      out.append(real(d));
    } else if (value instanceof Seq s) {
      out.append(s.tuple() ? "(" : "[");
      for (int i = 0; i < s.items().size(); i++) {
        out.append(i == 0 ? "" : ", ");
        repr(s.items().get(i));
      }
      out.append(s.tuple() ? s.items().size() == 1 ? ",)" : ")" : "]");
    } else if (value instanceof Dict d) {
      String before = "{";
      for (Map.Entry<Object, Object> e : d.map().entrySet()) {
        out.append(before);
        repr(e.getKey());
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

  private static String quoted(String chars) {
    char quote = chars.indexOf('\'') >= 0 && chars.indexOf('"') < 0 ? '"' : '\'';
    StringBuilder quoted = new StringBuilder().append(quote);
    for (int i = 0; i < chars.length(); ) {
      int c = chars.codePointAt(i);
      i += Character.charCount(c);
      int escape = "\n\r\t\\".indexOf(c);
      if (escape >= 0) {
        quoted.append('\\').append("nrt\\".charAt(escape));
      } else if (c == quote) {
        quoted.append('\\').append(quote);
      } else if (c < ' ' || c >= 0x7f && c < 0xa1 || c == 0xad) {
        quoted.append(String.format("\\x%02x", c));
      } else {
        quoted.appendCodePoint(c);
      }
    }
    return quoted.append(quote).toString();
  }

  /** The fewest digits that read back as the same number, as Python writes them. */
  static String real(double d) {
    if (Double.isNaN(d) || Double.isInfinite(d)) {
      return Double.isNaN(d) ? "nan" : d > 0 ? "inf" : "-inf";
    }
    String digits = Double.toString(d);
    for (int n = 1; n < 17; n++) {
      String shorter = new BigDecimal(d).round(new java.math.MathContext(n)).toString();
      if (Double.parseDouble(shorter) == d) {
        digits = shorter;
        break;
      }
    }
    BigDecimal exact = new BigDecimal(digits).stripTrailingZeros();
    int exponent = exact.precision() - exact.scale() - 1;
    if (d == 0 || exponent >= -4 && exponent < 16) {
      String plain = exact.toPlainString();
      return (d == 0 && 1 / d < 0 ? "-" : "") + (plain.contains(".") ? plain : plain + ".0");
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
      out.append(Text.made(jsonString(t.toString(), style.ascii), t));
    } else if (value instanceof Boolean || value == Values.NONE) {
      out.append(value == Values.NONE ? "null" : value.toString());
    } else if (value instanceof Long) {
      out.append(value.toString());
    } else if (value instanceof Double d) {
      out.append(d.isNaN() ? "NaN" : d.isInfinite() ? d > 0 ? "Infinity" : "-Infinity" : real(d));
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
      List<Object> keys = new ArrayList<>(d.map().keySet());
      if (style.sorted) {
        keys.sort(Operators::compare);
      }
      for (Iterator<Object> i = keys.iterator(); i.hasNext(); ) {
        Object key = i.next();
        line(level + 1, style.indent);
        Text name = key instanceof Text t ? t : json(env, key, Json.PLAIN);
        out.append(Text.made(jsonString(name.toString(), style.ascii), name)).append(style.keyEnd);
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

  private static String jsonString(String chars, boolean ascii) {
    StringBuilder json = new StringBuilder(chars.length() + 2).append('"');
    for (int i = 0; i < chars.length(); i++) {
      char c = chars.charAt(i);
      int escape = "\"\\\n\r\t\b\f".indexOf(c);
      if (escape >= 0) {
        json.append('\\').append("\"\\nrtbf".charAt(escape));
      } else if (c < ' ' || ascii && c > '~') {
        json.append(String.format("\\u%04x", (int) c));
      } else {
        json.append(c);
      }
    }
    return json.append('"').toString();
  }
}
