package dev.tern.jinja;

import dev.tern.jinja.Values.Dict;
import dev.tern.jinja.Values.Seq;
import dev.tern.jinja.Values.Undefined;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** Arithmetic and comparison, as Python has them. Whole numbers have 64 bits; what leaves their range is an error. */
final class Operators {
  private static final int MAX_DEPTH = 64; // of what is compared

  private Operators() {}

  static boolean isNumber(Object value) {
    return value instanceof Long || value instanceof Double || value instanceof Boolean;
  }

  private static boolean whole(Object value) {
    return value instanceof Long || value instanceof Boolean;
  }

  private static long asLong(Object value) {
    return value instanceof Boolean b ? b ? 1 : 0 : (Long) value;
  }

  static double real(Object value) {
    return value instanceof Double d ? d : asLong(value);
  }

  static long integer(Object value, String what) {
    if (!whole(value)) {
      throw Values.error(what + " is of type " + Values.typeName(value) + ", expected int");
    }
    return asLong(value);
  }

  static Object add(Env env, Object a, Object b) {
    defined(a, b);
    if (whole(a) && whole(b)) {
      return exact(() -> Math.addExact(asLong(a), asLong(b)));
    } else if (isNumber(a) && isNumber(b)) {
      return real(a) + real(b);
    } else if (a instanceof Text s && b instanceof Text t) {
      return s.isEmpty() ? t : t.isEmpty() ? s : new Text.Builder(env.budget).append(s).append(t).build();
    } else if (a instanceof Seq s && b instanceof Seq t && s.tuple() == t.tuple()) {
      env.budget.elements(s.items().size() + t.items().size());
      List<Object> items = new ArrayList<>(s.items());
      items.addAll(t.items());
      return new Seq(items, s.tuple());
    }
    throw unsupported("+", a, b);
  }

  static Object subtract(Object a, Object b) {
    defined(a, b);
    if (whole(a) && whole(b)) {
      return exact(() -> Math.subtractExact(asLong(a), asLong(b)));
    } else if (isNumber(a) && isNumber(b)) {
      return real(a) - real(b);
    }
    throw unsupported("-", a, b);
  }

  static Object multiply(Env env, Object a, Object b) {
    defined(a, b);
    if (whole(a) && whole(b)) {
      return exact(() -> Math.multiplyExact(asLong(a), asLong(b)));
    } else if (isNumber(a) && isNumber(b)) {
      return real(a) * real(b);
    } else if (whole(a)) {
      return repeat(env, b, asLong(a), a);
    } else if (whole(b)) {
      return repeat(env, a, asLong(b), b);
    }
    throw unsupported("*", a, b);
  }

  private static Object repeat(Env env, Object value, long times, Object by) {
    if (value instanceof Text t) {
      Text.Builder out = new Text.Builder(env.budget);
      for (long i = 0; i < times && !t.isEmpty(); i++) {
        env.budget.step();
        out.append(t);
      }
      return out.build();
    } else if (value instanceof Seq s) {
      List<Object> items = new ArrayList<>();
      for (long i = 0; i < times && !s.items().isEmpty(); i++) {
        env.budget.elements(s.items().size());
        items.addAll(s.items());
      }
      return new Seq(items, s.tuple());
    }
    throw unsupported("*", value, by);
  }

  static Object divide(Object a, Object b) {
    numbers("/", a, b);
    if (real(b) == 0) {
      throw Values.error("division by zero");
    }
    return real(a) / real(b);
  }

  static Object floorDivide(Object a, Object b) {
    numbers("//", a, b);
    if (real(b) == 0) {
      throw Values.error("division by zero");
    }
    return whole(a) && whole(b) ? (Object) Math.floorDiv(asLong(a), asLong(b)) : (Object) Math.floor(real(a) / real(b));
  }

  static Object modulo(Env env, Object a, Object b) {
    if (a instanceof Text format) {
      return Formatter.percent(env, format, b instanceof Seq s && s.tuple() ? s.items() : List.of(b), b);
    }
    numbers("%", a, b);
    if (real(b) == 0) {
      throw Values.error("division by zero");
    }
    if (whole(a) && whole(b)) {
      return Math.floorMod(asLong(a), asLong(b));
    }
    double rest = real(a) % real(b);
    return rest != 0 && rest < 0 != real(b) < 0 ? rest + real(b) : rest;
  }

  static Object power(Object a, Object b) {
    numbers("**", a, b);
    if (whole(a) && whole(b) && asLong(b) >= 0) {
      return exact(() -> {
        long result = 1;
        long base = asLong(a);
        for (long n = asLong(b); n > 0; n >>= 1) {
          result = (n & 1) != 0 ? Math.multiplyExact(result, base) : result;
          base = n > 1 ? Math.multiplyExact(base, base) : base;
        }
        return result;
      });
    }
    return Math.pow(real(a), real(b));
  }

  static Object negate(Object a) {
    numbers("-", a, a);
    return whole(a) ? exact(() -> Math.negateExact(asLong(a))) : (Object) (-real(a));
  }

  private interface Exact {
    long compute();
  }

  private static Object exact(Exact sum) {
    try {
      return sum.compute();
    } catch (ArithmeticException e) {
      throw Values.error("a number of more than 64 bits");
    }
  }

  private static void defined(Object... values) {
    for (Object value : values) {
      if (value instanceof Undefined u) {
        throw u.error();
      }
    }
  }

  private static void numbers(String operator, Object a, Object b) {
    defined(a, b);
    if (!isNumber(a) || !isNumber(b)) {
      throw unsupported(operator, a, b);
    }
  }

  private static RuntimeException unsupported(String operator, Object a, Object b) {
    return Values.error("'" + operator + "' between " + Values.typeName(a) + " and " + Values.typeName(b));
  }

  static boolean equal(Env env, Object a, Object b) {
    env.budget.step();
    env.budget.enter();
    boolean equal = sameValue(env, a, b);
    env.budget.leave();
    return equal;
  }

  private static boolean sameValue(Env env, Object a, Object b) {
    if (a == b) {
      return true;
    } else if (whole(a) && whole(b)) {
      return asLong(a) == asLong(b);
    } else if (isNumber(a) && isNumber(b)) {
      return real(a) == real(b);
    } else if (a instanceof Text s && b instanceof Text t) {
      env.budget.steps(s.length() / 16);
      return s.equals(t);
    } else if (a instanceof Seq s && b instanceof Seq t) {
      boolean same = s.tuple() == t.tuple() && s.items().size() == t.items().size();
      for (int i = 0; same && i < s.items().size(); i++) {
        same = equal(env, s.items().get(i), t.items().get(i));
      }
      return same;
    } else if (a instanceof Dict d && b instanceof Dict e) {
      boolean same = d.map().size() == e.map().size();
      for (Map.Entry<Object, Object> entry : d.map().entrySet()) {
        same = same && e.map().containsKey(entry.getKey()) && equal(env, entry.getValue(), e.map().get(entry.getKey()));
      }
      return same;
    }
    return a instanceof Undefined && b instanceof Undefined;
  }

  /** Order of two values. */
  static int compare(Object a, Object b) {
    return compare(a, b, 0);
  }

  private static int compare(Object a, Object b, int depth) {
    defined(a, b);
    if (depth > MAX_DEPTH) {
      throw Budget.exceeded("compares lists that nest deeper than " + MAX_DEPTH + " levels");
    }
    if (whole(a) && whole(b)) {
      return Long.compare(asLong(a), asLong(b));
    } else if (isNumber(a) && isNumber(b)) {
      return Double.compare(real(a), real(b));
    } else if (a instanceof Text s && b instanceof Text t) {
      return s.compareTo(t);
    } else if (a instanceof Seq s && b instanceof Seq t && s.tuple() == t.tuple()) {
      for (int i = 0; i < Math.min(s.items().size(), t.items().size()); i++) {
        int order = compare(s.items().get(i), t.items().get(i), depth + 1);
        if (order != 0) {
          return order;
        }
      }
      return Integer.compare(s.items().size(), t.items().size());
    }
    throw unsupported("<", a, b);
  }

  static boolean contains(Env env, Object container, Object value) {
    if (container instanceof Text s) {
      if (!(value instanceof Text t)) {
        throw unsupported("in", value, container);
      }
      env.budget.steps(s.length() / 8);
      return s.toString().contains(t.toString());
    } else if (container instanceof Dict d) {
      return d.map().containsKey(Values.key(value));
    } else if (container instanceof Seq s) {
      for (Object item : s.items()) {
        if (equal(env, item, value)) {
          return true;
        }
      }
      return false;
    } else if (container instanceof Undefined) {
      return false;
    }
    throw unsupported("in", value, container);
  }

  /** A comparison by its operator. */
  static boolean holds(Env env, String operator, Object a, Object b) {
    return switch (operator) {
      case "==" -> equal(env, a, b);
      case "!=" -> !equal(env, a, b);
      case "<" -> compare(a, b) < 0;
      case "<=" -> compare(a, b) <= 0;
      case ">" -> compare(a, b) > 0;
      case ">=" -> compare(a, b) >= 0;
      case "in" -> contains(env, b, a);
      default -> !contains(env, b, a);
    };
  }
}
