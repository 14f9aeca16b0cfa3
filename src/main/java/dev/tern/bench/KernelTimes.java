package dev.tern.bench;

import java.util.Arrays;

/**
 * The samples of one case, in the order in which they were taken.
 *
 * @param seconds of a call: each is the mean of callsPerSample calls in a row
 * @param callsPerSample so many that a sample is long beside the clock's own errors
 * @param foreign share of the processors that other processes took meanwhile; NaN if it was too short to tell
 * @param wanted largest spread at which the median counts as known
 */
public record KernelTimes(double[] seconds, int callsPerSample, double foreign, double wanted) {
  private static final int MIN_OF_THIRD = 6;

  public KernelTimes {
    seconds = seconds.clone();
  }

  @Override
  public double[] seconds() {
    return seconds.clone();
  }

  public Samples samples() {
    return new Samples(seconds);
  }

  /** Whether the median is known as well as was wanted. */
  public boolean settled() {
    return samples().spread() <= wanted;
  }

  /**
   * The median of the last third over that of the first: above 1 the device became slower. 1 if they are too few to tell, or if the
   * intervals of both medians overlap.
   */
  public double drift() {
    int third = seconds.length / 3;
    if (third < MIN_OF_THIRD) {
      return 1;
    }
    Samples first = new Samples(Arrays.copyOf(seconds, third));
    Samples last = new Samples(Arrays.copyOfRange(seconds, seconds.length - third, seconds.length));
    boolean apart = last.low() > first.high() || last.high() < first.low();
    return apart ? last.median() / first.median() : 1;
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof KernelTimes t && Arrays.equals(seconds, t.seconds) && callsPerSample == t.callsPerSample
        && Double.compare(foreign, t.foreign) == 0 && Double.compare(wanted, t.wanted) == 0;
  }

  @Override
  public int hashCode() {
    return Arrays.hashCode(seconds);
  }

  @Override
  public String toString() {
    return samples().median() + " s from " + seconds.length + " samples";
  }
}
