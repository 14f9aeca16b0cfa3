package dev.tern.format;

import dev.tern.ModelFormatException;
import java.util.ArrayList;
import java.util.List;

/** Finds the longest of some tokens that a text has at a place: binary search over the sorted spellings, a char at a time. Immutable. */
final class SpecialTokens {
  private static final int MAX_CHARS = 1024; // bounds the work at each place of a text

  private record Token(String text, int id) implements Comparable<Token> {
    @Override
    public int compareTo(Token other) {
      int order = text.compareTo(other.text);
      return order != 0 ? order : Integer.compare(id, other.id);
    }
  }

  private final List<Token> tokens = new ArrayList<>(); // sorted by chars

  /** @param ids the tokens; empty spellings are left out, and of equal ones the first counts */
  SpecialTokens(GgufStrings vocabulary, int[] ids) {
    for (int id : ids) {
      String text = vocabulary.get(id);
      if (text.length() > MAX_CHARS) {
        throw new ModelFormatException(
            "token " + id + " is special and has " + text.length() + " characters, at most " + MAX_CHARS + " are read", -1);
      }
      if (!text.isEmpty()) {
        tokens.add(new Token(text, id));
      }
    }
    tokens.sort(null);
  }

  boolean isEmpty() {
    return tokens.isEmpty();
  }

  /** The id of the longest token at a place that ends by limit, or -1. */
  int match(String s, int at, int limit) {
    int id = -1;
    int low = 0;
    int high = tokens.size();
    for (int depth = 0; low < high && at + depth < limit; depth++) {
      char c = s.charAt(at + depth);
      low = firstNotBelow(low, high, depth, c);
      high = firstNotBelow(low, high, depth, c + 1);
      if (low < high && tokens.get(low).text.length() == depth + 1) {
        id = tokens.get(low).id;
        while (low < high && tokens.get(low).text.length() == depth + 1) {
          low++;
        }
      }
    }
    return id;
  }

  /** Among tokens that agree up to depth and are longer, the first whose char there is at least c. */
  private int firstNotBelow(int low, int high, int depth, int c) {
    while (low < high) {
      int middle = (low + high) >>> 1;
      if (tokens.get(middle).text.charAt(depth) < c) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low;
  }
}
