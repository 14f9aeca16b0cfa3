package dev.tern.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.tern.bench.KernelComparison.Row;
import dev.tern.bench.KernelComparison.Verdict;
import java.util.List;
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
