package dev.tern.bench;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Two reports, case by case: how the time of the second relates to that of the first. */
public record KernelComparison(List<Row> rows) {
  private static final double CHANCE = 0.05;
  /** Ratio between the ends of intervals that are apart: so much is told by a single sample on either side. */
  private static final double WIDE = 1.5;

  /** What became of a case. */
  public enum Verdict {
    /** By more than the threshold, and more than noise explains. */
    SLOWER,
    /** By more than the threshold, and more than noise explains. */
    FASTER,
    /** Within the threshold. */
    SAME,
    /** Beyond the threshold, but the intervals of both overlap, or are apart by what few samples may be by chance. */
    UNCLEAR,
    /** Measured in the first report only. */
    ONLY_FIRST,
    /** Measured in the second report only. */
    ONLY_SECOND
  }

  /**
   * One case.
   *
   * @param ratio time in the second report over that in the first; NaN if one is missing
   * @param low lower end of its interval: the second's lowest median that 95 % allow (of fewer than six samples: the least) over the first's highest
   * @param high upper end
   */
  public record Row(KernelCase kernelCase, double first, double second, double ratio, double low, double high, Verdict verdict) {}

  public KernelComparison {
    rows = List.copyOf(rows);
  }

  /**
   * Compares.
   *
   * @param threshold share of the time that a change must exceed: 0.05
   * @throws IllegalArgumentException if it is not 0 or more, or if a report has a case twice
   */
  public static KernelComparison of(KernelReport first, KernelReport second, double threshold) {
    if (!(threshold >= 0)) {
      throw new IllegalArgumentException("a threshold of " + threshold);
    }
    Map<String, KernelResult> a = measured(first);
    Map<String, KernelResult> b = measured(second);
    Set<String> keys = new LinkedHashSet<>(a.keySet());
    keys.addAll(b.keySet());
    List<Row> rows = new ArrayList<>();
    for (String key : keys) {
      rows.add(row(a.get(key), b.get(key), threshold));
    }
    return new KernelComparison(rows);
  }

  private static Map<String, KernelResult> measured(KernelReport report) {
    Map<String, KernelResult> map = new LinkedHashMap<>();
    for (KernelResult result : report.results()) {
      if (result.measured() && map.put(result.kernelCase().key(), result) != null) {
        throw new IllegalArgumentException("a report has " + result.kernelCase().key() + " twice");
      }
    }
    return map;
  }

  private static Row row(KernelResult first, KernelResult second, double threshold) {
    if (first == null || second == null) {
      KernelResult there = first == null ? second : first;
      double median = there.times().samples().median();
      return new Row(there.kernelCase(), first == null ? Double.NaN : median, second == null ? Double.NaN : median, Double.NaN, Double.NaN, Double.NaN,
          first == null ? Verdict.ONLY_SECOND : Verdict.ONLY_FIRST);
    }
    Samples a = first.times().samples();
    Samples b = second.times().samples();
    double ratio = b.median() / a.median();
    double low = b.low() / a.high();
    double high = b.high() / a.low();
    Verdict verdict;
    if (ratio > 1 + threshold) {
      verdict = low > 1 && told(a, b, low) ? Verdict.SLOWER : Verdict.UNCLEAR;
    } else if (ratio < 1 / (1 + threshold)) {
      verdict = high < 1 && told(a, b, 1 / high) ? Verdict.FASTER : Verdict.UNCLEAR;
    } else {
      verdict = Verdict.SAME;
    }
    return new Row(first.kernelCase(), a.median(), b.median(), ratio, low, high, verdict);
  }

  /**
   * Whether samples whose intervals are apart tell that their medians are. Two intervals of 95 % do. The range of fewer samples does if they would all
   * lie beyond the other's interval at one time in twenty at most, were both of one distribution, whatever it is; or if the gap is so wide that
   * no usual noise explains it.
   */
  private static boolean told(Samples a, Samples b, double gap) {
    boolean enough = a.spread() < Double.POSITIVE_INFINITY && b.spread() < Double.POSITIVE_INFINITY;
    Samples few = a.count() < b.count() ? a : b;
    return enough || gap > WIDE || chance(few.count(), few == a ? b : a) <= CHANCE;
  }

  /** That n more values of the distribution of others all lie on one side of their interval: each next one has a place more among those that do. */
  private static double chance(int n, Samples others) {
    double chance = 1;
    for (int i = 0; i < n; i++) {
      chance *= (others.outside() + 1.0 + i) / (others.count() + 1.0 + i);
    }
    return chance;
  }

  public long count(Verdict verdict) {
    return rows.stream().filter(r -> r.verdict == verdict).count();
  }
}
