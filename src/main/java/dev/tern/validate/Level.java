package dev.tern.validate;

import java.util.Locale;

/** How thorough a validation is. */
public enum Level {
  /** A minute at most. */
  QUICK(2.5, 100, 4, 0.05, 512L << 20, 64L << 20, 3),
  /** Some minutes: every case, a thousand repeats, half of the free memory. */
  STANDARD(Double.POSITIVE_INFINITY, 1000, 40, 0.5, Long.MAX_VALUE, 1L << 30, 9);

  /** Seconds that a group of cases may take; the last of them then are left out. */
  final double caseSeconds;
  final int repeats;
  final int largeRepeats;
  /** Of the free memory, and bytes at most. */
  final double memoryShare;
  final long memoryBytes;
  final long copyBytes;
  final int speedRounds;

  Level(double caseSeconds, int repeats, int largeRepeats, double memoryShare, long memoryBytes, long copyBytes, int speedRounds) {
    this.caseSeconds = caseSeconds;
    this.repeats = repeats;
    this.largeRepeats = largeRepeats;
    this.memoryShare = memoryShare;
    this.memoryBytes = memoryBytes;
    this.copyBytes = copyBytes;
    this.speedRounds = speedRounds;
  }

  /** As on the command line: "quick". */
  public String id() {
    return name().toLowerCase(Locale.ROOT);
  }

  /** @throws IllegalArgumentException if none is called so */
  public static Level of(String id) {
    for (Level level : values()) {
      if (level.id().equals(id)) {
        return level;
      }
    }
    throw new IllegalArgumentException("no level is called '" + id + "'; there are quick and standard");
  }
}
