package dev.tern.bench;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;

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
  private static final double MUCH_FOREIGN = 0.05;
  private static final double MUCH_DRIFT = 0.03;

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

  /** What makes the median doubtful, in words; empty if nothing does. */
  public List<String> doubts() {
    List<String> all = new ArrayList<>();
    if (!settled()) {
      double spread = samples().spread();
      all.add(Double.isInfinite(spread) ? "too few samples: raise --seconds" : String.format(Locale.ROOT, "not settled: ±%.1f %%", 50 * spread));
    }
    if (foreign > MUCH_FOREIGN) {
      all.add(String.format(Locale.ROOT, "other processes took %.0f %%", 100 * foreign));
    }
    double drift = drift();
    if (Math.abs(drift - 1) > MUCH_DRIFT) {
      all.add(String.format(Locale.ROOT, "%.0f %% %s at the end", 100 * Math.abs(drift - 1), drift > 1 ? "slower (throttling?)" : "faster"));
    }
    return all;
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
