package dev.tern.jinja;

import dev.tern.jinja.Values.Args;
import dev.tern.jinja.Values.Seq;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.function.IntPredicate;
import java.util.function.Predicate;

/** The methods of texts, as Python has them. Indices count characters of Unicode. */
final class Strings {
  private Strings() {}

  static boolean isSpace(int c) {
    return c == ' ' || c >= 9 && c <= 13 || c >= 0x1c && c <= 0x1f || c == 0x85 || c > 0x7f && Character.isSpaceChar(c);
  }

  /** The method of this name, or null. */
  static Object call(Env env, Text s, String name, Args args) {
    env.budget.steps(s.length() / 8);
    String chars = s.toString();
    switch (name) {
      case "strip":
        return strip(env, s, args.text(0, "chars"), true, true);
      case "lstrip":
        return strip(env, s, args.text(0, "chars"), true, false);
      case "rstrip":
        return strip(env, s, args.text(0, "chars"), false, true);
      case "startswith":
        return affix(env, args.need(0, "prefix"), chars::startsWith);
      case "endswith":
        return affix(env, args.need(0, "suffix"), chars::endsWith);
      case "removeprefix":
        return chars.startsWith(need(args, 0)) ? s.substring(need(args, 0).length(), s.length()) : s;
      case "removesuffix":
        return chars.endsWith(need(args, 0)) ? s.substring(0, s.length() - need(args, 0).length()) : s;
      case "split":
        return Seq.list(split(env, s, args.text(0, "sep"), args.integer(1, "maxsplit", -1)));
      case "rsplit":
        return Seq.list(splitFromRight(env, s, args.text(0, "sep"), args.integer(1, "maxsplit", -1)));
      case "splitlines":
        return Seq.list(lines(env, s));
      case "partition":
        return partition(s, need(args, 0), search(env, args).first(chars, 0), true);
      case "rpartition":
        return partition(s, need(args, 0), search(env, args).last(chars, chars.length()), false);
      case "replace":
        return replace(env, s, args.text(0, "old"), args.text(1, "new"), args.integer(2, "count", -1));
      case "join":
        return join(env, s, Values.elements(env, args.need(0, "iterable")));
      case "find":
        return place(chars, search(env, args).first(chars, 0));
      case "rfind":
        return place(chars, search(env, args).last(chars, chars.length()));
      case "index":
        int at = search(env, args).first(chars, 0);
        if (at < 0) {
          throw Values.error("substring not found");
        }
        return place(chars, at);
      case "count":
        return (long) split(env, s, args.text(0, "sub"), -1).size() - 1;
      case "format":
        return Formatter.braces(env, s, args);
      default:
        return cases(env, s, name, args);
    }
  }

  private static Object cases(Env env, Text s, String name, Args args) {
    String chars = s.toString();
    env.budget.chars(chars.length());
    return switch (name) {
      case "lower", "casefold" -> Text.made(chars.toLowerCase(Locale.ROOT), s);
      case "upper" -> Text.made(chars.toUpperCase(Locale.ROOT), s);
      case "capitalize" -> capitalize(s);
      case "title" -> Text.made(title(chars, c -> !Character.isLetter(c)), s);
      case "zfill" -> Formatter.pad(env, s, "0", args.integer(0, "width", 0), 1);
      case "ljust" -> Formatter.pad(env, s, fill(args), args.integer(0, "width", 0), 0);
      case "rjust" -> Formatter.pad(env, s, fill(args), args.integer(0, "width", 0), 1);
      case "center" -> Formatter.pad(env, s, fill(args), args.integer(0, "width", 0), 0.5);
      case "isdigit", "isdecimal", "isnumeric" -> all(chars, Character::isDigit);
      case "isalpha" -> all(chars, Character::isLetter);
      case "isalnum" -> all(chars, Character::isLetterOrDigit);
      case "isspace" -> all(chars, Strings::isSpace);
      case "islower" -> chars.equals(chars.toLowerCase(Locale.ROOT)) && chars.codePoints().anyMatch(Character::isLowerCase);
      case "isupper" -> chars.equals(chars.toUpperCase(Locale.ROOT)) && chars.codePoints().anyMatch(Character::isUpperCase);
      default -> null;
    };
  }

  private static String fill(Args args) {
    Text fill = args.text(1, "fillchar");
    return fill == null ? " " : fill.toString();
  }

  private static String need(Args args, int i) {
    Object value = args.need(i, "sub");
    if (!(value instanceof Text t)) {
      throw Values.error("a str is needed, and " + Values.typeName(value) + " is given");
    }
    return t.toString();
  }

  private static Search search(Env env, Args args) {
    return new Search(env.budget, need(args, 0));
  }

  private static boolean all(String chars, IntPredicate kind) {
    return !chars.isEmpty() && chars.codePoints().allMatch(kind);
  }

  private static boolean affix(Env env, Object wanted, Predicate<String> has) {
    if (wanted instanceof Seq s && s.tuple()) {
      return s.items().stream().anyMatch(w -> {
        env.budget.step();
        return w instanceof Text && affix(env, w, has);
      });
    }
    if (!(wanted instanceof Text t)) {
      throw Values.error("a str is needed, and " + Values.typeName(wanted) + " is given");
    }
    env.budget.steps(t.length() / 16);
    return has.test(t.toString());
  }

  /** Cuts white space, or any of some characters, from the ends. */
  static Text strip(Env env, Text s, Text chars, boolean left, boolean right) {
    String given = s.toString();
    IntPredicate cut = chars == null ? Strings::isSpace : members(env, chars);
    int from = 0;
    int to = given.length();
    while (left && from < to && cut.test(given.codePointAt(from))) {
      from += Character.charCount(given.codePointAt(from));
    }
    while (right && from < to && cut.test(given.codePointBefore(to))) {
      to -= Character.charCount(given.codePointBefore(to));
    }
    return s.substring(from, to);
  }

  /** Whether a character is one of these. */
  private static IntPredicate members(Env env, Text chars) {
    if (chars.length() <= 16) {
      return c -> chars.toString().indexOf(c) >= 0;
    }
    env.budget.steps(chars.length() / 8);
    BitSet members = new BitSet();
    chars.toString().codePoints().forEach(members::set);
    env.budget.bytes(members.size() / 4); // and those that it grew out of
    return members::get;
  }

  static Text capitalize(Text s) {
    String chars = s.toString();
    int first = chars.isEmpty() ? 0 : Character.charCount(chars.codePointAt(0));
    return Text.made(chars.substring(0, first).toUpperCase(Locale.ROOT) + chars.substring(first).toLowerCase(Locale.ROOT), s);
  }

  /** Words with a capital first and small letters then. */
  static String title(String chars, IntPredicate separates) {
    StringBuilder out = new StringBuilder(chars.length());
    boolean starts = true;
    for (int i = 0; i < chars.length(); ) {
      int c = chars.codePointAt(i);
      i += Character.charCount(c);
      out.appendCodePoint(starts ? Character.toTitleCase(c) : Character.toLowerCase(c));
      starts = separates.test(c);
    }
    return out.toString();
  }

  private static void add(Env env, List<Object> parts, Text part) {
    env.budget.elements(1);
    env.budget.chars(part.length());
    parts.add(part);
  }

  private static List<Object> split(Env env, Text s, Text separator, long max) {
    List<Object> parts = new ArrayList<>();
    String chars = s.toString();
    int from = 0;
    if (separator != null) {
      Search search = separator(env, separator);
      for (int at = search.first(chars, 0); at >= 0 && (max < 0 || parts.size() < max); at = search.first(chars, from)) {
        add(env, parts, s.substring(from, at));
        from = at + search.length();
      }
      add(env, parts, s.substring(from, s.length()));
      return parts;
    }
    while (true) {
      while (from < chars.length() && isSpace(chars.charAt(from))) {
        from++;
      }
      if (from == chars.length()) {
        return parts;
      }
      int to = from;
      while (to < chars.length() && !isSpace(chars.charAt(to))) {
        to++;
      }
      if (max >= 0 && parts.size() == max) {
        add(env, parts, strip(env, s.substring(from, s.length()), null, false, true));
        return parts;
      }
      add(env, parts, s.substring(from, to));
      from = to;
    }
  }

  private static Search separator(Env env, Text separator) {
    if (separator.isEmpty()) {
      throw Values.error("empty separator");
    }
    return new Search(env.budget, separator.toString());
  }

  private static List<Object> splitFromRight(Env env, Text s, Text separator, long max) {
    if (separator == null) {
      List<Object> all = split(env, s, null, -1);
      if (max >= 0 && all.size() - 1 > max) {
        throw Values.error("rsplit with a limit needs a separator");
      }
      return all;
    }
    List<Object> parts = new ArrayList<>();
    Search search = separator(env, separator);
    int to = s.length();
    for (int at = search.last(s.toString(), to); at >= 0 && (max < 0 || parts.size() < max); at = search.last(s.toString(), to)) {
      add(env, parts, s.substring(at + search.length(), to));
      to = at;
    }
    add(env, parts, s.substring(0, to));
    Collections.reverse(parts);
    return parts;
  }

  private static List<Object> lines(Env env, Text s) {
    List<Object> lines = new ArrayList<>();
    String chars = s.toString();
    for (int from = 0; from < chars.length(); ) {
      int to = from;
      while (to < chars.length() && chars.charAt(to) != '\n' && chars.charAt(to) != '\r') {
        to++;
      }
      add(env, lines, s.substring(from, to));
      from = to + (chars.startsWith("\r\n", to) ? 2 : 1);
    }
    return lines;
  }

  private static Object partition(Text s, String separator, int at, boolean left) {
    if (separator.isEmpty()) {
      throw Values.error("empty separator");
    }
    if (at < 0) {
      return left ? Seq.tuple(s, Text.EMPTY, Text.EMPTY) : Seq.tuple(Text.EMPTY, Text.EMPTY, s);
    }
    int end = at + separator.length();
    return Seq.tuple(s.substring(0, at), s.substring(at, end), s.substring(end, s.length()));
  }

  static Text replace(Env env, Text s, Text old, Text by, long max) {
    if (old == null || by == null) {
      throw Values.error("replace needs two texts");
    }
    String chars = s.toString();
    Text.Builder out = new Text.Builder(env.budget);
    int from = 0;
    long n = 0;
    if (old.isEmpty()) {
      for (; from < chars.length() && (max < 0 || n < max); n++) {
        int next = chars.offsetByCodePoints(from, 1);
        env.budget.step();
        out.append(by).append(s.substring(from, next));
        from = next;
      }
      return (max < 0 || n < max ? out.append(by) : out.append(s.substring(from, s.length()))).build();
    }
    Search search = new Search(env.budget, old.toString());
    for (int at = search.first(chars, 0); at >= 0 && (max < 0 || n < max); at = search.first(chars, from), n++) {
      env.budget.step();
      out.append(s.substring(from, at)).append(by);
      from = at + old.length();
    }
    return out.append(s.substring(from, s.length())).build();
  }

  static Text join(Env env, Text separator, List<Object> parts) {
    Text.Builder out = new Text.Builder(env.budget);
    for (int i = 0; i < parts.size(); i++) {
      if (i > 0) {
        out.append(separator);
      }
      env.budget.step();
      out.append(Printer.text(env, parts.get(i)));
    }
    return out.build();
  }

  private static long place(String chars, int at) {
    return at < 0 ? at : chars.codePointCount(0, at);
  }

  static List<Object> characters(Env env, Text s) {
    env.budget.elements(s.length());
    List<Object> characters = new ArrayList<>();
    String chars = s.toString();
    for (int i = 0; i < chars.length(); ) {
      int next = chars.offsetByCodePoints(i, 1);
      characters.add(s.substring(i, next));
      i = next;
    }
    return characters;
  }

  static long length(Env env, Text s) {
    env.budget.steps(s.length() / 16);
    return s.toString().codePointCount(0, s.length());
  }
}
