package dev.tern.format;

/**
 * Splits text into the words that byte-level BPE merges within. Hand-written scanners over code points, each equal to a regular expression
 * (given with it), in time linear in the text and constant stack whatever the text. {@code \s} is Unicode's White_Space, {@code \p{L}} and
 * {@code \p{N}} the letters and numbers of the running JDK's Unicode version.
 */
enum Pretokenizer {
  /** {@code 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+} */
  GPT2 {
    @Override
    int next(String s, int from) {
      int end = contraction(s, from, false);
      if (end > from) {
        return end;
      }
      int start = s.charAt(from) == ' ' && from + 1 < s.length() ? from + 1 : from;
      int kind = kind(s.codePointAt(start));
      return kind == SPACE ? spaces(s, from) : run(s, start, kind, Integer.MAX_VALUE);
    }
  },

  /**
   * {@code (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+}
   */
  LLAMA3 {
    @Override
    int next(String s, int from) {
      return lettersAndNumbers(s, from, 3);
    }
  },

  /** As {@link #LLAMA3}, but every digit stands alone: {@code \p{N}}. */
  QWEN2 {
    @Override
    int next(String s, int from) {
      return lettersAndNumbers(s, from, 1);
    }
  };

  private static final int LETTER = 0;
  private static final int NUMBER = 1;
  private static final int SPACE = 2;
  private static final int OTHER = 3;

  /** The end of the word that begins at from, which is before the text's end. */
  abstract int next(String s, int from);

  private static int lettersAndNumbers(String s, int from, int maxDigits) {
    int end = contraction(s, from, true);
    if (end > from) {
      return end;
    }
    int first = s.codePointAt(from);
    int kind = kind(first);
    int after = from + Character.charCount(first);
    if (kind == LETTER) {
      return run(s, after, LETTER, Integer.MAX_VALUE);
    }
    if (kind == NUMBER) {
      return run(s, from, NUMBER, maxDigits);
    }
    int following = after < s.length() ? kind(s.codePointAt(after)) : SPACE;
    if (following == LETTER && !newline(first)) {
      return run(s, after, LETTER, Integer.MAX_VALUE);
    }
    if (kind == OTHER || first == ' ' && following == OTHER) {
      end = run(s, after, OTHER, Integer.MAX_VALUE);
      while (end < s.length() && newline(s.charAt(end))) {
        end++;
      }
      return end;
    }
    end = run(s, from, SPACE, Integer.MAX_VALUE);
    for (int i = end; i > from; i--) {
      if (newline(s.charAt(i - 1))) {
        return i;
      }
    }
    return spaces(s, from);
  }

  private static int kind(int c) {
    if (c < 128) {
      boolean letter = c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z';
      boolean space = c == ' ' || c >= 9 && c <= 13;
      return letter ? LETTER : c >= '0' && c <= '9' ? NUMBER : space ? SPACE : OTHER;
    }
    return switch (Character.getType(c)) {
      case Character.UPPERCASE_LETTER, Character.LOWERCASE_LETTER, Character.TITLECASE_LETTER, Character.MODIFIER_LETTER,
          Character.OTHER_LETTER -> LETTER;
      case Character.DECIMAL_DIGIT_NUMBER, Character.LETTER_NUMBER, Character.OTHER_NUMBER -> NUMBER;
      case Character.SPACE_SEPARATOR, Character.LINE_SEPARATOR, Character.PARAGRAPH_SEPARATOR -> SPACE;
      default -> c == 0x85 ? SPACE : OTHER;
    };
  }

  /** White_Space of Unicode. */
  static boolean isSpace(int c) {
    return kind(c) == SPACE;
  }

  private static boolean newline(int c) {
    return c == '\r' || c == '\n';
  }

  /** End of at most max code points of one kind from here on. */
  private static int run(String s, int from, int kind, int max) {
    int end = from;
    for (int n = 0; n < max && end < s.length(); n++) {
      int c = s.codePointAt(end);
      if (kind(c) != kind) {
        break;
      }
      end += Character.charCount(c);
    }
    return end;
  }

  /** White space up to the text's end, or all but the last of it, or the only one. All of it is in the BMP. */
  private static int spaces(String s, int from) {
    int end = run(s, from, SPACE, Integer.MAX_VALUE);
    return end == s.length() || end == from + 1 ? end : end - 1;
  }

  /** The end of 's, 't, 're, 've, 'm, 'll or 'd at from, or from. Ignoring case, U+017F is an s too. */
  private static int contraction(String s, int from, boolean ignoreCase) {
    if (s.charAt(from) != '\'' || from + 1 >= s.length()) {
      return from;
    }
    char a = lower(s.charAt(from + 1), ignoreCase);
    if (a == 's' || a == 't' || a == 'm' || a == 'd') {
      return from + 2;
    }
    char b = from + 2 < s.length() ? lower(s.charAt(from + 2), ignoreCase) : 0;
    return a == 'r' && b == 'e' || a == 'v' && b == 'e' || a == 'l' && b == 'l' ? from + 3 : from;
  }

  private static char lower(char c, boolean ignoreCase) {
    return !ignoreCase ? c : c >= 'A' && c <= 'Z' ? (char) (c + 32) : c == 0x17f ? 's' : c;
  }
}
