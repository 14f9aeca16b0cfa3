package dev.tern;

import java.util.List;

/** Finds stop strings in text that comes in pieces, and holds back what may yet become one. */
final class StopText {
  private final List<String> stops;
  private final StringBuilder held = new StringBuilder();
  private boolean found;

  StopText(List<String> stops) {
    this.stops = stops;
  }

  /** The text that can be passed on; up to the first stop string if one is complete now. */
  String put(String piece) {
    if (stops.isEmpty()) {
      return piece;
    }
    held.append(piece);
    int first = -1;
    for (String stop : stops) {
      int at = held.indexOf(stop);
      first = at >= 0 && (first < 0 || at < first) ? at : first;
    }
    found = first >= 0;
    int safe = found ? first : held.length() - longestOpenSuffix();
    String out = held.substring(0, safe);
    held.delete(0, found ? held.length() : safe);
    return out;
  }

  private int longestOpenSuffix() {
    int longest = 0;
    for (String stop : stops) {
      for (int n = Math.min(stop.length() - 1, held.length()); n > longest; n--) {
        if (stop.startsWith(held.substring(held.length() - n))) {
          longest = n;
        }
      }
    }
    return longest;
  }

  boolean isFound() {
    return found;
  }

  /** What was held back in vain. */
  String finish() {
    String rest = held.toString();
    held.setLength(0);
    return rest;
  }
}
