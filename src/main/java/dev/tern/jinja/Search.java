package dev.tern.jinja;

/**
 * A search for a text in others, in time linear in both. Short ones are left to the Java library, which compares every place; for
 * longer ones that would take the product of the lengths, so that they are found by Knuth, Morris and Pratt's automaton.
 */
final class Search {
  private static final int SHORT = 16;

  private final Budget budget;
  private final String wanted;
  private int[] borders; // of each beginning of the wanted text, read in the direction of the last search
  private boolean backwards;

  Search(Budget budget, String wanted) {
    this.budget = budget;
    this.wanted = wanted;
  }

  int length() {
    return wanted.length();
  }

  /** The first place at or after this one, or -1. */
  int first(String text, int from) {
    int at = wanted.length() <= SHORT ? text.indexOf(wanted, from) : run(text, from, false);
    budget.steps(((at < 0 ? text.length() : at + wanted.length()) - from) / 8);
    return at;
  }

  /** The last place whose match ends at or before this one, or -1. */
  int last(String text, int end) {
    int at = end < wanted.length() ? -1 : wanted.length() <= SHORT ? text.lastIndexOf(wanted, end - wanted.length()) : run(text, end, true);
    budget.steps((end - Math.max(0, at)) / 8);
    return at;
  }

  private int run(String text, int from, boolean back) {
    prepare(back);
    int m = wanted.length();
    int matched = 0;
    for (int i = from; back ? i > 0 : i < text.length(); i += back ? -1 : 1) {
      char c = text.charAt(back ? i - 1 : i);
      while (matched > 0 && at(matched) != c) {
        matched = borders[matched - 1];
      }
      matched += at(matched) == c ? 1 : 0;
      if (matched == m) {
        return back ? i - 1 : i + 1 - m;
      }
    }
    return -1;
  }

  private char at(int i) {
    return wanted.charAt(backwards ? wanted.length() - 1 - i : i);
  }

  private void prepare(boolean back) {
    if (borders != null && backwards == back) {
      return;
    }
    backwards = back;
    budget.bytes(4L * wanted.length());
    budget.steps(wanted.length() / 8);
    borders = new int[wanted.length()];
    for (int i = 1, border = 0; i < borders.length; i++) {
      while (border > 0 && at(i) != at(border)) {
        border = borders[border - 1];
      }
      border += at(i) == at(border) ? 1 : 0;
      borders[i] = border;
    }
  }
}
