package dev.tern.cli;

import dev.tern.cache.CachePolicy;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/** Numbers and lists as people write them on a command line, and as they read them. */
final class Text {
  private Text() {}

  /**
   * Numbers separated by commas or blanks.
   *
   * @throws IllegalArgumentException naming what is no number
   */
  static int[] ints(String what, String list) {
    List<Integer> values = new ArrayList<>();
    for (String part : list.strip().split("[,\\s]+")) {
      try {
        values.add(Integer.parseInt(part));
      } catch (NumberFormatException e) {
        throw new IllegalArgumentException(what + ": \"" + part + "\" is not a whole number");
      }
    }
    return values.stream().mapToInt(Integer::intValue).toArray();
  }

  static String joined(int[] values) {
    return String.join(" ", Arrays.stream(values).mapToObj(Integer::toString).toList());
  }

  /** A text out of a file on one line of a terminal: what is no printable character spelled out, at most about max characters. */
  static String plain(String text, int max) {
    StringBuilder out = new StringBuilder();
    for (int i = 0; i < text.length(); ) {
      if (out.length() >= max) {
        return out.append("...").toString();
      }
      int c = text.codePointAt(i);
      i += Character.charCount(c);
      switch (Character.getType(c)) {
        case Character.CONTROL, Character.FORMAT, Character.LINE_SEPARATOR, Character.PARAGRAPH_SEPARATOR, Character.SURROGATE ->
            out.append(String.format("\\u%04x", c));
        default -> out.appendCodePoint(c);
      }
    }
    return out.toString();
  }

  /** A text of many lines for a terminal: control characters but line ends and tabs spelled out, the rest as it is. */
  static String visible(String text) {
    StringBuilder out = null;
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      boolean control = Character.isISOControl(c) && c != '\n' && c != '\t';
      if (control && out == null) {
        out = new StringBuilder(text.length() + 16).append(text, 0, i);
      }
      if (control) {
        out.append(String.format("\\u%04x", (int) c));
      } else if (out != null) {
        out.append(c);
      }
    }
    return out == null ? text : out.toString();
  }

  /** "12.3 MiB". */
  static String bytes(long n) {
    if (n < 1024) {
      return n + " B";
    }
    double value = n;
    String unit = "";
    for (String next : new String[] {"KiB", "MiB", "GiB", "TiB"}) {
      value /= 1024;
      unit = next;
      if (value < 1024) {
        break;
      }
    }
    return String.format(Locale.ROOT, "%.2f %s", value, unit);
  }

  /** "12.3 M". */
  static String count(long n) {
    if (n < 1000) {
      return Long.toString(n);
    }
    double value = n;
    String unit = "";
    for (String next : new String[] {"K", "M", "B", "T"}) {
      value /= 1000;
      unit = next;
      if (value < 1000) {
        break;
      }
    }
    return String.format(Locale.ROOT, "%.2f %s", value, unit);
  }

  static String duration(long nanos) {
    return nanos < 1_000_000_000L ? String.format(Locale.ROOT, "%.1f ms", nanos * 1e-6) : String.format(Locale.ROOT, "%.2f s", nanos * 1e-9);
  }

  static double perSecond(long n, long nanos) {
    return nanos <= 0 ? 0 : n * 1e9 / nanos;
  }

  /** In the syntax of {@code tern ppl --policy}. */
  static String policy(CachePolicy policy) {
    if (policy instanceof CachePolicy.SinksAndWindow p) {
      return p.nSinks() == 0 ? "window:" + p.window() : "sinks:" + p.nSinks() + "," + p.window();
    }
    return "dense";
  }
}
