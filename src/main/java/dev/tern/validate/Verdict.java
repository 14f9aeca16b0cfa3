package dev.tern.validate;

/** What a check, or all of them, came to; from the best to the worst. */
public enum Verdict {
  /** As it should be. */
  PASS,
  /** It could not be told. */
  UNKNOWN,
  /** Works, and someone should look at it. */
  WARN,
  /** Must not be used. */
  FAIL;

  /** The worse of the two. */
  public Verdict or(Verdict other) {
    return compareTo(other) >= 0 ? this : other;
  }
}
