package dev.tern.jinja;

import dev.tern.jinja.Values.Args;
import dev.tern.jinja.Values.Dict;
import dev.tern.jinja.Values.Function;
import dev.tern.jinja.Values.Seq;
import dev.tern.jinja.Values.Undefined;
import java.util.Locale;

/** The tests: VALUE is NAME. */
final class Tests {
  private Tests() {}

  static boolean holds(Env env, String name, Object value, Args args) {
    return switch (name) {
      case "defined" -> !(value instanceof Undefined);
      case "undefined" -> value instanceof Undefined;
      case "none" -> value == Values.NONE;
      case "string" -> value instanceof Text;
      case "mapping" -> value instanceof Dict;
      case "sequence" -> value instanceof Seq || value instanceof Text || value instanceof Dict || value instanceof Undefined;
      case "iterable" -> value instanceof Seq || value instanceof Text || value instanceof Dict || value instanceof Undefined;
      case "number" -> Operators.isNumber(value);
      case "integer" -> value instanceof Long;
      case "float" -> value instanceof Double;
      case "boolean" -> value instanceof Boolean;
      case "true" -> Boolean.TRUE.equals(value);
      case "false" -> Boolean.FALSE.equals(value);
      case "callable" -> value instanceof Function;
      case "odd", "even" -> Math.floorMod(Operators.integer(value, "a value"), 2) == (name.equals("odd") ? 1 : 0);
      case "divisibleby" -> Operators.equal(env, Operators.modulo(env, value, args.need(0, "num")), 0L);
      case "lower", "upper" -> cased(env, Printer.text(env, value), name.equals("upper"));
      case "eq", "equalto", "==" -> Operators.equal(env, value, args.need(0, "other"));
      case "sameas" -> same(env, value, args.need(0, "other"));
      case "ne", "!=" -> !Operators.equal(env, value, args.need(0, "other"));
      case "lt", "lessthan", "<" -> Operators.holds(env, "<", value, args.need(0, "other"));
      case "le", "<=" -> Operators.holds(env, "<=", value, args.need(0, "other"));
      case "gt", "greaterthan", ">" -> Operators.holds(env, ">", value, args.need(0, "other"));
      case "ge", ">=" -> Operators.holds(env, ">=", value, args.need(0, "other"));
      case "in" -> Operators.contains(env, args.need(0, "seq"), value);
      default -> throw Values.error("there is no test '" + name + "'");
    };
  }

  private static boolean cased(Env env, Text text, boolean upper) {
    env.budget.chars(text.length());
    String chars = text.toString();
    return chars.equals(upper ? chars.toUpperCase(Locale.ROOT) : chars.toLowerCase(Locale.ROOT));
  }

  private static boolean same(Env env, Object a, Object b) {
    return a == b || a.getClass() == b.getClass() && !(a instanceof Seq) && !(a instanceof Dict) && Operators.equal(env, a, b);
  }
}
