package dev.tern.jinja;

import dev.tern.jinja.Values.Args;
import dev.tern.jinja.Values.Dict;
import dev.tern.jinja.Values.Seq;
import dev.tern.jinja.Values.Undefined;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Pattern;

/** The filters that order lists, or tell their elements apart. What they go by is computed once for each element. */
final class Ordered {
  private static final Pattern INDEX = Pattern.compile("\\d{1,9}");

  private record Keyed(Object key, Object item) {}

  /** What lies behind an attribute such as "a.b.0". */
  @FunctionalInterface
  interface Path {
    Object of(Env env, Object item);
  }

  private Ordered() {}

  static Path path(Env env, Object attribute) {
    if (!(attribute instanceof Text t)) {
      return (e, item) -> Members.item(e, item, attribute);
    }
    env.budget.chars(t.length());
    List<Object> keys = new ArrayList<>();
    for (String part : t.toString().split("\\.")) {
      env.budget.elements(4);
      keys.add(INDEX.matcher(part).matches() ? (Object) Long.parseLong(part) : Text.template(part));
    }
    return (e, item) -> {
      Object found = item;
      for (Object key : keys) {
        e.budget.step();
        found = Members.item(e, found, key);
      }
      return found;
    };
  }

  private static List<Keyed> keyed(Env env, List<Object> items, Object attribute, boolean caseSensitive) {
    Path path = attribute == null ? (e, item) -> item : path(env, attribute);
    List<Keyed> keyed = new ArrayList<>(items.size());
    for (Object item : items) {
      env.budget.elements(2);
      keyed.add(new Keyed(folded(env, path.of(env, item), caseSensitive), item));
    }
    return keyed;
  }

  private static Object folded(Env env, Object value, boolean caseSensitive) {
    if (caseSensitive || !(value instanceof Text t)) {
      return value;
    }
    env.budget.chars(t.length());
    return Text.made(t.toString().toLowerCase(Locale.ROOT), t);
  }

  private static Comparator<Keyed> order(Env env) {
    return (a, b) -> Operators.compare(env, a.key, b.key);
  }

  private static Seq items(List<Keyed> keyed) {
    List<Object> items = new ArrayList<>(keyed.size());
    keyed.forEach(k -> items.add(k.item));
    return Seq.list(items);
  }

  static Object sort(Env env, List<Object> items, Args args) {
    List<Keyed> keyed = keyed(env, items, args.get(2, "attribute", null), args.flag(1, "case_sensitive", false));
    keyed.sort(args.flag(0, "reverse", false) ? order(env).reversed() : order(env));
    return items(keyed);
  }

  static Object unique(Env env, List<Object> items, Args args) {
    Map<Key, Object> unique = new LinkedHashMap<>();
    for (Keyed k : keyed(env, items, args.get(1, "attribute", null), args.flag(0, "case_sensitive", false))) {
      env.budget.bytes(Key.ENTRY_BYTES);
      unique.putIfAbsent(Values.key(env, k.key), k.item);
    }
    return Seq.list(new ArrayList<>(unique.values()));
  }

  /** min or max. */
  static Object extreme(Env env, String name, List<Object> items, Args args) {
    if (items.isEmpty()) {
      return new Undefined(name);
    }
    List<Keyed> keyed = keyed(env, items, args.get(1, "attribute", null), args.flag(0, "case_sensitive", false));
    return (name.equals("min") ? Collections.min(keyed, order(env)) : Collections.max(keyed, order(env))).item;
  }

  static Object dictsort(Env env, Dict d, Args args) {
    boolean sensitive = args.flag(0, "case_sensitive", false);
    Text by = args.text(1, "by");
    List<Object> pairs = Members.items(env, d).items();
    List<Keyed> keyed = keyed(env, pairs, by != null && by.toString().equals("value") ? 1L : 0L, sensitive);
    keyed.sort(args.flag(2, "reverse", false) ? order(env).reversed() : order(env));
    return items(keyed);
  }

  static Object groups(Env env, List<Object> items, Object attribute) {
    List<Keyed> sorted = keyed(env, items, attribute, true);
    sorted.sort(order(env));
    List<Object> groups = new ArrayList<>();
    for (int i = 0; i < sorted.size(); ) {
      Object key = sorted.get(i).key;
      List<Object> members = new ArrayList<>();
      do {
        members.add(sorted.get(i++).item);
      } while (i < sorted.size() && Operators.equal(env, sorted.get(i).key, key));
      env.budget.elements(4);
      groups.add(Seq.tuple(key, Seq.list(members)));
    }
    return Seq.list(groups);
  }
}
