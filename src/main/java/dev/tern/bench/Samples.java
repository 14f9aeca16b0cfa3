package dev.tern.bench;

import java.util.Arrays;

/**
 * Measured values, sorted, and how well they tell the median: the interval between two of them that holds the true median with a
 * probability of at least 95 %, whatever their distribution (order statistics: the number of values below the median is binomial).
 */
public final class Samples {
  private static final double OUTSIDE = 0.05;

  private final double[] sorted;

  public Samples(double... values) {
    if (values.length == 0) {
      throw new IllegalArgumentException("no values");
    }
    sorted = values.clone();
    Arrays.sort(sorted);
  }

  public int count() {
    return sorted.length;
  }

  public double median() {
    int n = sorted.length;
    return n % 2 == 1 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2;
  }

  public double min() {
    return sorted[0];
  }

  public double max() {
    return sorted[sorted.length - 1];
  }

  public double mean() {
    double sum = 0;
    for (double value : sorted) {
      sum += value;
    }
    return sum / sorted.length;
  }

  /** Standard deviation of the values as a sample (over n - 1), as llama-bench has it; 0 of one value. */
  public double deviation() {
    double mean = mean();
    double squares = 0;
    for (double value : sorted) {
      squares += (value - mean) * (value - mean);
    }
    return sorted.length < 2 ? 0 : Math.sqrt(squares / (sorted.length - 1));
  }

  /**
   * The least value that a share q of all does not exceed (nearest rank): of 100 values, 0.99 is the 99th. Of fewer than 1 / (1 - q) values it is
   * the largest, which says little about the rare ones: see {@link #tells}.
   *
   * @param q above 0, at most 1
   */
  public double percentile(double q) {
    if (!(q > 0 && q <= 1)) {
      throw new IllegalArgumentException("a percentile at " + q);
    }
    return sorted[Math.max(0, (int) Math.ceil(q * sorted.length - 1e-9) - 1)]; // 0.99 * 100 is a little above 99
  }

  /** Whether there are so many values that the percentile is not just the largest of them. */
  public boolean tells(double q) {
    return (1 - q) * sorted.length >= 1 - 1e-9;
  }

  /** Lower end of the interval; the least value if there are fewer than six. */
  public double low() {
    return sorted[Math.max(0, rank(sorted.length))];
  }

  /** Upper end of the interval. */
  public double high() {
    return sorted[sorted.length - 1 - Math.max(0, rank(sorted.length))];
  }

  /** How many values lie above the interval, and as many below it. */
  int outside() {
    return Math.max(0, rank(sorted.length));
  }

  /** Width of the interval over the median; infinite if the values are too few for one. */
  public double spread() {
    return rank(sorted.length) < 0 ? Double.POSITIVE_INFINITY : (high() - low()) / median();
  }

  /** The largest k such that the values at k and n - 1 - k enclose the median well enough; -1 if even the outermost do not. */
  private static int rank(int n) {
    double term = Math.pow(0.5, n); // P(exactly i values below the median), from i = 0
    double outside = 2 * term;
    int k = -1;
    for (int i = 1; outside <= OUTSIDE; i++) {
      k++;
      term = term * (n - i + 1) / i;
      outside += 2 * term;
    }
    return k;
  }
}
