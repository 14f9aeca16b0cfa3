package dev.tern.format;

import java.text.Normalizer;

/** Text in Unicode's normal form C, in linear time: of more marks in a row than any script has, each stretch is composed for itself. */
final class Composition {
  /** Putting marks in order takes the square of their number. Unicode's Stream-Safe Text Format allows 30. */
  private static final int MAX_MARKS = 64;

  private Composition() {}

  static String of(String text) {
    int ascii = 0;
    while (ascii < text.length() && text.charAt(ascii) < 0x300) { // below the first mark all is composed
      ascii++;
    }
    if (ascii == text.length()) {
      return text;
    }
    StringBuilder out = new StringBuilder(text.length());
    int from = 0;
    int marks = 0;
    for (int i = 0; i < text.length(); ) {
      int c = text.codePointAt(i);
      i += Character.charCount(c);
      int type = Character.getType(c);
      marks = type == Character.NON_SPACING_MARK || type == Character.COMBINING_SPACING_MARK || type == Character.ENCLOSING_MARK ? marks + 1 : 0;
      if (marks == MAX_MARKS) {
        out.append(Normalizer.normalize(text.substring(from, i), Normalizer.Form.NFC));
        from = i;
        marks = 0;
      }
    }
    return out.append(Normalizer.normalize(text.substring(from), Normalizer.Form.NFC)).toString();
  }
}
