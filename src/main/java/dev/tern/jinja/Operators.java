package dev.tern.jinja;

import dev.tern.jinja.Values.Dict;
import dev.tern.jinja.Values.Seq;
import dev.tern.jinja.Values.Undefined;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** Arithmetic and comparison, as Python has them. Whole numbers have 64 bits; what leaves their range is an error. */
final class Operators {
  /** What no order holds for: NaN. */
  private static final int UNORDERED = 2;

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
    } else if (isNumber(a) && isNumber(b)) {
      return order(a, b) == 0;
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
      return sameEntries(env, d, e);
    }
    return a instanceof Undefined && b instanceof Undefined;
  }

  private static boolean sameEntries(Env env, Dict d, Dict e) {
    if (d.map().size() != e.map().size()) {
      return false;
    }
    for (Map.Entry<Key, Object> entry : d.map().entrySet()) {
      Object other = e.map().get(Values.key(env, entry.getKey().value()));
      if (other == null || !equal(env, entry.getValue(), other)) {
        return false;
      }
    }
    return true;
  }

  /** Order of two values, for sorting: NaN is equal to itself and comes last. */
  static int compare(Env env, Object a, Object b) {
    return order(env, a, b, true);
  }

  /** Order of two values: -1, 0, 1, or UNORDERED, which a total order has none of. */
  private static int order(Env env, Object a, Object b, boolean total) {
    defined(a, b);
    env.budget.step();
    if (isNumber(a) && isNumber(b)) {
      int order = order(a, b);
      return order == UNORDERED && total ? Boolean.compare(isNaN(a), isNaN(b)) : order;
    } else if (a instanceof Text s && b instanceof Text t) {
      env.budget.steps(Math.min(s.length(), t.length()) / 16);
      return Integer.signum(s.compareTo(t));
    } else if (a instanceof Seq s && b instanceof Seq t && s.tuple() == t.tuple()) {
      env.budget.enter();
      int order = order(env, s.items(), t.items(), total);
      env.budget.leave();
      return order;
    }
    throw unsupported("<", a, b);
  }

  private static int order(Env env, List<Object> a, List<Object> b, boolean total) {
    for (int i = 0; a != b && i < Math.min(a.size(), b.size()); i++) {
      env.budget.step();
      int order = a.get(i) == b.get(i) ? 0 : order(env, a.get(i), b.get(i), total); // what is the same needs no order, as in Python
      if (order != 0) {
        return order;
      }
    }
    return Integer.compare(a.size(), b.size());
  }

  private static boolean isNaN(Object value) {
    return value instanceof Double d && d.isNaN();
  }

  /** Order of two numbers by their exact values, so that it is transitive where doubles have no fractions any more. */
  private static int order(Object a, Object b) {
    if (whole(a) && whole(b)) {
      return Long.compare(asLong(a), asLong(b));
    } else if (isNaN(a) || isNaN(b)) {
      return UNORDERED;
    } else if (whole(a)) {
      return exactOrder(asLong(a), (Double) b);
    } else if (whole(b)) {
      return -exactOrder(asLong(b), (Double) a);
    }
    double x = (Double) a;
    double y = (Double) b;
    return x < y ? -1 : x > y ? 1 : 0;
  }

  private static int exactOrder(long n, double d) {
    if (d >= 0x1p63 || d < -0x1p63) {
      return d > 0 ? -1 : 1;
    }
    long cut = (long) d;
    return n != cut ? Long.compare(n, cut) : (int) Math.signum(cut - d);
  }

  static boolean contains(Env env, Object container, Object value) {
    if (container instanceof Text s) {
      if (!(value instanceof Text t)) {
        throw unsupported("in", value, container);
      }
      return new Search(env.budget, t.toString()).first(s.toString(), 0) >= 0;
    } else if (container instanceof Dict d) {
      return d.map().containsKey(Values.key(env, value));
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

  private static boolean atLeast(Env env, Object a, Object b) {
    int order = order(env, a, b, false);
    return order == 0 || order == 1;
  }

  /** A comparison by its operator. */
  static boolean holds(Env env, String operator, Object a, Object b) {
    return switch (operator) {
      case "==" -> equal(env, a, b);
      case "!=" -> !equal(env, a, b);
      case "<" -> order(env, a, b, false) < 0;
      case "<=" -> order(env, a, b, false) <= 0;
      case ">" -> order(env, a, b, false) == 1;
      case ">=" -> atLeast(env, a, b);
      case "in" -> contains(env, b, a);
      default -> !contains(env, b, a);
    };
  }
}
