package dev.tern.bench;

import java.util.Arrays;
import java.util.function.LongSupplier;
import java.util.function.Supplier;

/**
 * Times one case: warms up, finds how many calls make a sample, and takes samples until the median is known or the time is over. Whoever
 * computes the case, Tern or a peer, is timed by this loop.
 */
public final class KernelSampler {
  private static final int MIN_SAMPLES = 9;
  /** Fewer have no interval; they are taken even if the time is over, up to {@link #PATIENCE} times. */
  private static final int LEAST_SAMPLES = 6;
  private static final int MAX_SAMPLES = 1000;
  private static final double PATIENCE = 5;
  /** What CpuTimes can tell: ticks are 10 ms. */
  private static final double MIN_FOREIGN_SECONDS = 0.25;

  /**
   * How long, and how well.
   *
   * @param seconds of samples of a case, but for those that an interval needs at least
   * @param sampleSeconds that a sample takes at least
   * @param spread of the median's interval over the median, at which it is known
   * @param maxCalls of a sample
   */
  public record Limits(double seconds, double sampleSeconds, double spread, int maxCalls) {
    public Limits {
      if (!(seconds > 0) || !(sampleSeconds > 0) || !(spread > 0) || maxCalls < 1) {
        throw new IllegalArgumentException("limits must be above 0");
      }
    }
  }

  private final Limits limits;
  private final LongSupplier nanoTime;
  private final Supplier<CpuTimes> cpuTimes;

  /**
   * @param nanoTime a clock for the limits, as {@link System#nanoTime}
   * @param cpuTimes who uses the processors; null: it does not matter, a GPU computes
   */
  public KernelSampler(Limits limits, LongSupplier nanoTime, Supplier<CpuTimes> cpuTimes) {
    this.limits = limits;
    this.nanoTime = nanoTime;
    this.cpuTimes = cpuTimes;
  }

  /**
   * Takes the samples.
   *
   * @throws IllegalStateException if a sample has no length
   */
  public KernelTimes run(KernelTimer timer) {
    int calls = callsPerSample(timer);
    double[] seconds = new double[MAX_SAMPLES];
    int n = 0;
    CpuTimes before = cpuTimes == null ? null : cpuTimes.get();
    long begin = nanoTime.getAsLong();
    double elapsed = 0;
    while (n < MAX_SAMPLES && !done(seconds, n, elapsed)) {
      seconds[n] = positive(timer.seconds(calls)) / calls;
      n++;
      elapsed = (nanoTime.getAsLong() - begin) * 1e-9;
    }
    double foreign = before == null || elapsed < MIN_FOREIGN_SECONDS ? Double.NaN : cpuTimes.get().foreignSince(before);
    return new KernelTimes(Arrays.copyOf(seconds, n), calls, foreign, limits.spread);
  }

  private boolean done(double[] seconds, int n, double elapsed) {
    if (n < 1 || n < LEAST_SAMPLES && elapsed < PATIENCE * limits.seconds) {
      return false;
    }
    if (elapsed >= limits.seconds) {
      return true;
    }
    // A share of the time is spent in any case: so that other processes and drift show.
    return n >= MIN_SAMPLES && elapsed >= Math.min(limits.seconds, 1.2 * MIN_FOREIGN_SECONDS)
        && new Samples(Arrays.copyOf(seconds, n)).spread() <= limits.spread;
  }

  private int callsPerSample(KernelTimer timer) {
    timer.seconds(1); // code, tables and pages that a first call meets are not what is measured
    int calls = 1;
    for (int round = 0; round < 3; round++) {
      double seconds = positive(timer.seconds(calls));
      int wanted = (int) Math.min(limits.maxCalls, Math.max(1, Math.ceil(limits.sampleSeconds / (seconds / calls))));
      if (wanted <= calls) {
        return wanted;
      }
      calls = wanted;
    }
    return calls;
  }

  private static double positive(double seconds) {
    if (!(seconds > 0) || Double.isInfinite(seconds)) {
      throw new IllegalStateException("a measurement of " + seconds + " s");
    }
    return seconds;
  }
}
