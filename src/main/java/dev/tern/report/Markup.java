package dev.tern.report;

import java.util.Locale;

/** Text and numbers on their way into a page. Nothing else puts a foreign text, or a number that was measured, between tags. */
final class Markup {
  /** More of a text than any reader wants; it bounds what a hostile file can make of a page. */
  private static final int MAX_TEXT = 4000;

  private Markup() {}

  /**
   * A text from anywhere, for element content and for attributes in double quotes. Line ends and tabs become blanks; other control and format
   * characters (a right-to-left override, say) are spelled out, so that a name cannot rearrange what stands beside it.
   */
  static String text(String text) {
    if (text == null) {
      return "";
    }
    StringBuilder out = new StringBuilder(text.length() + 16);
    int i = 0;
    while (i < text.length() && i < MAX_TEXT) {
      int c = text.codePointAt(i);
      i += Character.charCount(c);
      switch (c) {
        case '&' -> out.append("&amp;");
        case '<' -> out.append("&lt;");
        case '>' -> out.append("&gt;");
        case '"' -> out.append("&quot;");
        case '\'' -> out.append("&#39;");
        case '\n', '\r', '\t' -> out.append(' ');
        default -> append(out, c);
      }
    }
    return i < text.length() ? out.append("...").toString() : out.toString();
  }

  private static void append(StringBuilder out, int c) {
    switch (Character.getType(c)) {
      case Character.CONTROL, Character.FORMAT, Character.LINE_SEPARATOR, Character.PARAGRAPH_SEPARATOR, Character.SURROGATE, Character.UNASSIGNED ->
          out.append(String.format(Locale.ROOT, "\\u%04x", c));
      default -> out.appendCodePoint(c);
    }
  }

  /**
   * A coordinate, with one digit after the point where it needs one.
   *
   * @throws IllegalArgumentException if it is not finite: such a mark must not be drawn
   */
  static String number(double value) {
    if (!Double.isFinite(value)) {
      throw new IllegalArgumentException("a coordinate of " + value);
    }
    long tenths = Math.round(value * 10);
    return tenths % 10 == 0 ? Long.toString(tenths / 10) : (tenths < 0 ? "-" : "") + Math.abs(tenths / 10) + "." + Math.abs(tenths % 10);
  }
}
