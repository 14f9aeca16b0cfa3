package dev.tern.jinja;

import dev.tern.ChatTemplateException;
import dev.tern.ChatTemplateException.Reason;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * What a template computes with: {@link Text}, Long, Double, Boolean, {@link #NONE}, {@link Undefined}, {@link Seq}, {@link Dict},
 * {@link Namespace}, {@link Loop} and {@link Function}. No object of another class is ever a value, so there is nothing to reach for.
 */
final class Values {
  /** None. */
  static final Object NONE = new Object() {
    @Override
    public String toString() {
      return "None";
    }
  };

  /** A name that has no value; using it as more than an empty text is an error. */
  record Undefined(String name) {
    ChatTemplateException error() {
      return Values.error("'" + name + "' is undefined");
    }
  }

  /** A list or a tuple; never changed. */
  record Seq(List<Object> items, boolean tuple) {
    static Seq list(List<Object> items) {
      return new Seq(items, false);
    }

    static Seq tuple(Object... items) {
      return new Seq(List.of(items), true);
    }
  }

  /** A dictionary; never changed once it is made. */
  record Dict(Map<Key, Object> map) {
    /** The item under a name, or null. */
    Object get(String name) {
      return map.get(new Key(Text.given(name)));
    }
  }

  /** What namespace() makes: the only value that changes. */
  static final class Namespace {
    final Map<String, Object> map = new LinkedHashMap<>();
  }

  /** Arguments of a call. */
  record Args(List<Object> positional, Map<String, Object> named) {
    static final Args NONE = new Args(List.of(), Map.of());

    static Args of(Object... positional) {
      return new Args(List.of(positional), Map.of());
    }

    /** The i-th argument, which may also be given by name, or the fallback. */
    Object get(int i, String name, Object fallback) {
      return i < positional.size() ? positional.get(i) : named.getOrDefault(name, fallback);
    }

    Object need(int i, String name) {
      Object value = get(i, name, null);
      if (value == null) {
        throw error("argument '" + name + "' is missing");
      }
      return value;
    }

    long integer(int i, String name, long fallback) {
      Object value = get(i, name, NONE_GIVEN);
      return value == NONE_GIVEN || value == Values.NONE ? fallback : Operators.integer(value, name);
    }

    boolean flag(int i, String name, boolean fallback) {
      Object value = get(i, name, NONE_GIVEN);
      return value == NONE_GIVEN ? fallback : truth(value);
    }

    /** A text argument, or null if it is absent or None. */
    Text text(int i, String name) {
      Object value = get(i, name, Values.NONE);
      if (value == Values.NONE) {
        return null;
      }
      if (!(value instanceof Text text)) {
        throw error("argument '" + name + "' is of type " + typeName(value) + ", expected str");
      }
      return text;
    }

    private static final Object NONE_GIVEN = new Object();
  }

  /** Whatever can be called. */
  @FunctionalInterface
  interface Function {
    Object call(Env env, Args args);
  }

  private Values() {}

  static ChatTemplateException error(String message) {
    return new ChatTemplateException(Reason.EVALUATION, "the chat template fails: " + message);
  }

  /** What counts as true in a condition. */
  static boolean truth(Object value) {
    if (value instanceof Boolean b) {
      return b;
    } else if (value instanceof Text t) {
      return !t.isEmpty();
    } else if (value instanceof Long n) {
      return n != 0;
    } else if (value instanceof Double d) {
      return d != 0;
    } else if (value instanceof Seq s) {
      return !s.items().isEmpty();
    } else if (value instanceof Dict d) {
      return !d.map().isEmpty();
    }
    return value != NONE && !(value instanceof Undefined);
  }

  static String typeName(Object value) {
    if (value instanceof Text) {
      return "str";
    } else if (value instanceof Long) {
      return "int";
    } else if (value instanceof Double) {
      return "float";
    } else if (value instanceof Boolean) {
      return "bool";
    } else if (value instanceof Seq s) {
      return s.tuple() ? "tuple" : "list";
    } else if (value instanceof Dict) {
      return "dict";
    } else if (value == NONE) {
      return "None";
    } else if (value instanceof Undefined) {
      return "undefined";
    }
    return value instanceof Function ? "function" : value instanceof Namespace ? "namespace" : "loop";
  }

  /** The elements that a loop over a value goes through: of a dictionary its keys, of a text its characters. */
  static List<Object> elements(Env env, Object value) {
    if (value instanceof Seq s) {
      return s.items();
    } else if (value instanceof Dict d) {
      env.budget.elements(d.map().size());
      List<Object> keys = new ArrayList<>(d.map().size());
      d.map().keySet().forEach(k -> keys.add(k.value()));
      return keys;
    } else if (value instanceof Text t) {
      return Strings.characters(env, t);
    } else if (value instanceof Undefined) {
      return List.of();
    }
    throw error("a value of type " + typeName(value) + " cannot be looped over");
  }

  /** A key of a dictionary as it is stored. The look-up that follows compares texts, which is paid here. */
  static Key key(Env env, Object value) {
    if (value instanceof Text t) {
      env.budget.steps(t.length() / 16);
      return new Key(value);
    }
    if (value instanceof Double d && d == Math.rint(d) && Math.abs(d) < 0x1p63) {
      return new Key((long) (double) d);
    }
    if (value instanceof Long || value instanceof Double || value instanceof Boolean || value == NONE) {
      return new Key(value);
    }
    throw error("a value of type " + typeName(value) + " cannot be a key");
  }

  /** Counts the characters of what a template is given, and makes values of it: texts, numbers, booleans, lists, maps, null. */
  static final class Given {
    private static final int MAX_DEPTH = 64;
    private long chars;
    private int depth;

    long chars() {
      return chars;
    }

    Object value(Object java) {
      if (java instanceof Text || java instanceof Boolean || java instanceof Long || java instanceof Double || java instanceof Function) {
        return java;
      } else if (java instanceof CharSequence s) {
        chars += s.length();
        return Text.given(s.toString());
      } else if (java == null) {
        return NONE;
      } else if (java instanceof Integer || java instanceof Short || java instanceof Byte) {
        return ((Number) java).longValue();
      } else if (java instanceof Float f) {
        return (double) f;
      }
      if (++depth > MAX_DEPTH) {
        throw new IllegalArgumentException("a value for a chat template nests deeper than " + MAX_DEPTH + " levels");
      }
      Object made;
      if (java instanceof Map<?, ?> map) {
        Map<Key, Object> values = new LinkedHashMap<>();
        map.forEach((k, v) -> values.put(new Key(value(String.valueOf(k))), value(v)));
        made = new Dict(values);
      } else if (java instanceof List<?> list) {
        List<Object> values = new ArrayList<>(list.size());
        list.forEach(v -> values.add(value(v)));
        made = Seq.list(values);
      } else {
        throw new IllegalArgumentException("a chat template cannot be given a " + java.getClass().getName());
      }
      depth--;
      chars += 16;
      return made;
    }
  }
}
