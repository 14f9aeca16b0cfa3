package dev.tern.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.tern.Seed;
import dev.tern.bench.KernelComparison.Row;
import dev.tern.bench.KernelComparison.Verdict;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class KernelComparisonTest {
  private static Row compare(double[] before, double[] after, double threshold) {
    return KernelComparison.of(KernelReports.report(KernelReports.result(9, before)), KernelReports.report(KernelReports.result(9, after)), threshold).rows().get(0);
  }

  private static double[] quiet(double median) {
    return KernelReports.around(median, 0.01 * median);
  }

  @Test
  void beyondThresholdAndNoise() {
    assertEquals(Verdict.SLOWER, compare(quiet(1), quiet(1.1), 0.05).verdict());
    assertEquals(Verdict.FASTER, compare(quiet(1.1), quiet(1), 0.05).verdict());
    assertEquals(Verdict.SAME, compare(quiet(1), quiet(1.04), 0.05).verdict());
    assertEquals(Verdict.SAME, compare(quiet(1.04), quiet(1), 0.05).verdict());
    assertEquals(Verdict.SLOWER, compare(quiet(1), quiet(1.04), 0).verdict());
    assertEquals(1.1, compare(quiet(1), quiet(1.1), 0.05).ratio(), 1e-12);
  }

  @Test
  void noiseIsNoVerdict() {
    assertEquals(Verdict.UNCLEAR, compare(KernelReports.around(1, 1), KernelReports.around(1.1, 1), 0.05).verdict());
    assertEquals(Verdict.UNCLEAR, compare(KernelReports.around(1.1, 1), KernelReports.around(1, 1), 0.05).verdict());
    Row wide = compare(KernelReports.around(1, 1), KernelReports.around(1, 1), 0.05);
    assertEquals(Verdict.SAME, wide.verdict());
    assertTrue(wide.low() < 0.9 && wide.high() > 1.1, wide.toString());
  }

  private static double[] of(double... seconds) {
    return seconds;
  }

  @Test
  void fewSamplesTellWhatTheirRangesDo() {
    assertEquals(Verdict.SLOWER, compare(of(10, 10.1, 9.9), of(13, 13.1, 13.2), 0.03).verdict());
    assertEquals(Verdict.FASTER, compare(of(13, 13.1, 13.2), of(10, 10.1, 9.9), 0.03).verdict());
    assertEquals(Verdict.SLOWER, compare(quiet(10), of(12, 12.1, 12.2, 12.3), 0.03).verdict());
    assertEquals(Verdict.SLOWER, compare(of(10, 10.1, 10.2, 10.3), quiet(12), 0.03).verdict());
    assertEquals(Verdict.UNCLEAR, compare(of(10, 10.1, 12.5), of(12, 13, 14), 0.03).verdict(), "the ranges overlap");
    assertEquals(Verdict.SAME, compare(of(10, 10.1, 10.05), of(10.2, 10.3, 10.25), 0.03).verdict(), "within the threshold");
    Row row = compare(of(10, 11, 12), of(24, 30, 33), 0.03);
    assertEquals(2, row.low(), 1e-12);
    assertEquals(3.3, row.high(), 1e-12);
  }

  @Test
  void whatChanceDoesOftenIsUnclearUnlessItIsLarge() {
    assertEquals(Verdict.UNCLEAR, compare(of(10, 10.1), of(13, 13.1), 0.03).verdict(), "one time in six");
    assertEquals(Verdict.SLOWER, compare(of(10, 10.1), of(16, 17), 0.03).verdict());
    assertEquals(Verdict.UNCLEAR, compare(of(10), of(14), 0.03).verdict());
    assertEquals(Verdict.SLOWER, compare(of(10), of(16), 0.03).verdict());
    assertEquals(Verdict.FASTER, compare(of(16), of(10), 0.03).verdict());
    assertEquals(Verdict.UNCLEAR, compare(quiet(10), of(14), 0.03).verdict());
    assertEquals(Verdict.SLOWER, compare(quiet(10), of(100), 0.03).verdict());
    assertEquals(Verdict.FASTER, compare(of(100), quiet(10), 0.03).verdict());
  }

  /** Of equal distributions, whatever they are: counted. */
  @Test
  void noiseAloneIsSeldomSlower() {
    Random random = Seed.random();
    for (int[] n : new int[][] {{3, 3}, {2, 5}, {4, 20}, {20, 4}, {5, 5}, {3, 12}}) {
      int slower = 0;
      for (int i = 0; i < 4000; i++) {
        double[] before = random.doubles(n[0], 1, 1.5).toArray();
        double[] after = random.doubles(n[1], 1, 1.5).toArray();
        slower += compare(before, after, 0).verdict() == Verdict.SLOWER ? 1 : 0;
      }
      assertTrue(slower < 4000 * 0.05 + 6 * Math.sqrt(4000 * 0.05 * 0.95), slower + " of 4000 with " + n[0] + " and " + n[1] + " " + Seed.text());
    }
  }

  @Test
  void casesOfOneReportAreNoChange() {
    KernelResult common = KernelReports.result(9, quiet(1));
    KernelResult gone = KernelReports.result(10, quiet(1));
    KernelResult lost = KernelResult.unsupported(gone.kernelCase(), "no more");
    KernelComparison c = KernelComparison.of(KernelReports.report(common, gone), KernelReports.report(lost, KernelReports.result(11, quiet(2)), common), 0.05);
    assertEquals(List.of(Verdict.SAME, Verdict.ONLY_FIRST, Verdict.ONLY_SECOND), c.rows().stream().map(Row::verdict).toList());
    assertEquals(1, c.count(Verdict.ONLY_FIRST));
    assertTrue(Double.isNaN(c.rows().get(1).ratio()));
  }

  @Test
  void thresholdIsNotNegative() {
    KernelReport empty = KernelReports.report();
    assertThrows(IllegalArgumentException.class, () -> KernelComparison.of(empty, empty, -0.1));
    assertThrows(IllegalArgumentException.class, () -> KernelComparison.of(empty, empty, Double.NaN));
    assertEquals(List.of(), KernelComparison.of(empty, empty, 0).rows());
  }
}
