package dev.tern.bench;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Two reports, case by case: how the time of the second relates to that of the first. */
public record KernelComparison(List<Row> rows) {
  /** What became of a case. */
  public enum Verdict {
    /** By more than the threshold, and more than noise explains. */
    SLOWER,
    /** By more than the threshold, and more than noise explains. */
    FASTER,
    /** Within the threshold. */
    SAME,
    /** Beyond the threshold, but the intervals of both medians overlap. */
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
   * @param low lower end of its interval: the first's highest median that 95 % allow under the second's lowest
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
    boolean known = a.spread() < Double.POSITIVE_INFINITY && b.spread() < Double.POSITIVE_INFINITY; // enough samples for an interval
    if (ratio > 1 + threshold) {
      verdict = known && low > 1 ? Verdict.SLOWER : Verdict.UNCLEAR;
    } else if (ratio < 1 / (1 + threshold)) {
      verdict = known && high < 1 ? Verdict.FASTER : Verdict.UNCLEAR;
    } else {
      verdict = Verdict.SAME;
    }
    return new Row(first.kernelCase(), a.median(), b.median(), ratio, low, high, verdict);
  }

  public long count(Verdict verdict) {
    return rows.stream().filter(r -> r.verdict == verdict).count();
  }
}
