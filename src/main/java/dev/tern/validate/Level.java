package dev.tern.validate;

/**
 * How thorough a validation is.
 *
 * @param id as on the command line
 * @param caseSeconds that a group of cases may take; the last of them then are left out
 * @param repeats of small problems
 * @param largeRepeats of those that keep the whole device busy
 * @param memoryShare of the free memory that is tested
 * @param memoryBytes that are tested at most
 * @param copyBytes that are copied in each direction
 * @param speedRounds how often each speed is measured
 * @param speedSeconds after which slow ones are measured again on a quiet machine only
 * @param loadMillis for which health is read under load
 */
public record Level(String id, double caseSeconds, int repeats, int largeRepeats, double memoryShare, long memoryBytes, long copyBytes,
    int speedRounds, double speedSeconds, int loadMillis) {
  /** A minute at most. */
  public static final Level QUICK = new Level("quick", 1.5, 100, 4, 0.05, 512L << 20, 64L << 20, 3, 12, 1600);

  /** Some minutes: every case, a thousand repeats, half of the free memory. */
  public static final Level STANDARD = new Level("standard", Double.POSITIVE_INFINITY, 1000, 40, 0.5, Long.MAX_VALUE, 1L << 30, 9, Double.POSITIVE_INFINITY, 4800);

  /** @throws IllegalArgumentException if none is called so */
  public static Level of(String id) {
    return switch (id) {
      case "quick" -> QUICK;
      case "standard" -> STANDARD;
      default -> throw new IllegalArgumentException("no level is called '" + id + "'; there are quick and standard");
    };
  }
}
