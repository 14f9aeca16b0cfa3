package dev.tern.jinja;

/**
 * A key of a dictionary: a text, a number, a boolean or none. Keys of all kinds have one order, so that a Java map whose keys have the
 * same hash stays a tree that is searched by that order; it would go through all of them if they were of several classes.
 */
record Key(Object value) implements Comparable<Key> {
  /** What an entry of a map takes, with its key. */
  static final int ENTRY_BYTES = 80;

  @Override
  public int compareTo(Key other) {
    int kind = Integer.compare(kind(value), kind(other.value));
    if (kind != 0) {
      return kind;
    } else if (value instanceof Text t) {
      return t.compareTo((Text) other.value);
    } else if (value instanceof Long n) {
      return n.compareTo((Long) other.value);
    } else if (value instanceof Double d) {
      return d.compareTo((Double) other.value);
    }
    return value instanceof Boolean b ? b.compareTo((Boolean) other.value) : 0;
  }

  private static int kind(Object value) {
    return value instanceof Text ? 0 : value instanceof Long ? 1 : value instanceof Double ? 2 : value instanceof Boolean ? 3 : 4;
  }
}
