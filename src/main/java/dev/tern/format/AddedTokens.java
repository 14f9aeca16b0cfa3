package dev.tern.format;

import dev.tern.ModelFormatException;
import java.util.BitSet;

/**
 * How special tokens stand in text: alone as words, or with the white space beside them. GGUF has no place for what tokenizer.json says
 * of it; the keys are Tern's own. Immutable.
 */
final class AddedTokens {
  static final String LSTRIP = "tern.tokenizer.lstrip";
  static final String RSTRIP = "tern.tokenizer.rstrip";
  static final String SINGLE_WORD = "tern.tokenizer.single_word";

  private final BitSet left;
  private final BitSet right;
  private final BitSet single;

  AddedTokens(GgufMetadata metadata) {
    left = ids(metadata, LSTRIP);
    right = ids(metadata, RSTRIP);
    single = ids(metadata, SINGLE_WORD);
  }

  private static BitSet ids(GgufMetadata metadata, String key) {
    BitSet ids = new BitSet();
    if (metadata.has(key)) {
      int n = metadata.strings(Vocabulary.PREFIX + "tokens").size();
      for (int id : metadata.ints(key)) {
        if (id < 0 || id >= n) {
          throw new ModelFormatException("'" + key + "' has " + id + ", and there are " + n + " tokens", metadata.offset(key));
        }
        ids.set(id);
      }
    }
    return ids;
  }

  boolean takesLeft(int id) {
    return left.get(id);
  }

  boolean takesRight(int id) {
    return right.get(id);
  }

  boolean singleWord(int id) {
    return single.get(id);
  }

  /** Whether no letter, digit, mark or underscore touches this part of a text. */
  static boolean standsAlone(String text, int from, int to) {
    return (from == 0 || !isWord(text.codePointBefore(from))) && (to == text.length() || !isWord(text.codePointAt(to)));
  }

  private static boolean isWord(int c) {
    int type = Character.getType(c);
    return Character.isLetterOrDigit(c) || type == Character.NON_SPACING_MARK || type == Character.COMBINING_SPACING_MARK
        || type == Character.ENCLOSING_MARK || type == Character.CONNECTOR_PUNCTUATION || type == Character.LETTER_NUMBER;
  }

  /** Where the white space before a place begins, not before from. */
  static int spaceBefore(String text, int from, int at) {
    int start = at;
    while (start > from && Pretokenizer.isSpace(text.charAt(start - 1))) {
      start--;
    }
    return start;
  }

  /** Where the white space at a place ends. */
  static int spaceAfter(String text, int at) {
    int end = at;
    while (end < text.length() && Pretokenizer.isSpace(text.charAt(end))) {
      end++;
    }
    return end;
  }
}
