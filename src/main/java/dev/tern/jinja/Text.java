package dev.tern.jinja;

import java.util.Arrays;

/**
 * A string that remembers which of its characters come from the template, and which from the values that it was given. Only the
 * former may spell control tokens. Immutable; equality is that of the characters alone.
 */
public final class Text implements Comparable<Text> {
  private static final int[] TEMPLATE = {};
  private static final int[] GIVEN = {0};
  static final Text EMPTY = new Text("", TEMPLATE);

  private final String chars;
  private final int[] flips; // where characters of the template and given ones alternate, ascending; the former come first

  private Text(String chars, int[] flips) {
    this.chars = chars;
    this.flips = flips;
  }

  /** Text as the template has it. */
  public static Text template(String chars) {
    return new Text(chars, TEMPLATE);
  }

  /** Text from elsewhere. */
  public static Text given(String chars) {
    return new Text(chars, GIVEN);
  }

  /** Characters made out of other texts in a way that loses their places: the template's only if all of those are. */
  static Text made(String chars, Text... from) {
    for (Text t : from) {
      if (!t.chars.isEmpty() && t.flips != TEMPLATE) {
        return given(chars);
      }
    }
    return template(chars);
  }

  /**
   * The end of the run of the template's own characters that begins at or before this place and reaches past it; the place itself if
   * its character is a given one.
   */
  public int ownEnd(int at) {
    int flip = nextFlip(at);
    return flip % 2 != 0 ? at : flip < flips.length ? Math.min(flips[flip], chars.length()) : chars.length();
  }

  /** How many flips are at or before this place: odd within given characters. */
  private int nextFlip(int at) {
    int found = Arrays.binarySearch(flips, at);
    return found >= 0 ? found + 1 : -found - 1;
  }

  Text substring(int from, int to) {
    if (from == 0 && to == chars.length()) {
      return this;
    }
    String part = chars.substring(from, to);
    if (flips.length < 2 && (flips.length == 0 || flips[0] == 0)) {
      return new Text(part, flips);
    }
    int flip = nextFlip(from);
    boolean given = flip % 2 != 0;
    int end = flip;
    while (end < flips.length && flips[end] < to) {
      end++;
    }
    if (end == flip) {
      return new Text(part, given ? GIVEN : TEMPLATE);
    }
    int extra = given ? 1 : 0;
    int[] inner = new int[end - flip + extra];
    for (int i = flip; i < end; i++) {
      inner[i - flip + extra] = flips[i] - from;
    }
    return new Text(part, inner);
  }

  int length() {
    return chars.length();
  }

  boolean isEmpty() {
    return chars.isEmpty();
  }

  @Override
  public int compareTo(Text other) {
    return chars.compareTo(other.chars);
  }

  @Override
  public boolean equals(Object o) {
    return o instanceof Text t && chars.equals(t.chars);
  }

  @Override
  public int hashCode() {
    return chars.hashCode();
  }

  /** The characters. */
  @Override
  public String toString() {
    return chars;
  }

  /** Puts texts together. */
  static final class Builder {
    private final Budget budget;
    private final StringBuilder chars = new StringBuilder();
    private int[] flips = new int[8];
    private int nFlips;

    Builder(Budget budget) {
      this.budget = budget;
    }

    Builder append(Text text) {
      int n = text.chars.length();
      if (n == 0) {
        return this;
      }
      budget.chars(n);
      int at = chars.length();
      boolean given = nFlips % 2 != 0;
      boolean startsGiven = text.flips.length > 0 && text.flips[0] == 0;
      if (given != startsGiven) {
        flip(at);
      }
      for (int i = startsGiven ? 1 : 0; i < text.flips.length; i++) {
        flip(at + text.flips[i]);
      }
      chars.append(text.chars);
      return this;
    }

    /** Text of the template. */
    Builder append(String own) {
      return append(template(own));
    }

    private void flip(int at) {
      if (nFlips == flips.length) {
        budget.chars(2L * nFlips);
        flips = Arrays.copyOf(flips, 2 * nFlips);
      }
      flips[nFlips++] = at;
    }

    int length() {
      return chars.length();
    }

    Text build() {
      boolean onlyGiven = nFlips == 1 && flips[0] == 0;
      return new Text(chars.toString(), nFlips == 0 ? TEMPLATE : onlyGiven ? GIVEN : Arrays.copyOf(flips, nFlips));
    }
  }
}
