package dev.tern.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class KernelTimesTest {
  private static KernelTimes times(double foreign, double... seconds) {
    return new KernelTimes(seconds, 1, foreign, 0.03);
  }

  private static double[] rising(int n, double from, double to) {
    return IntStream.range(0, n).mapToDouble(i -> from + (to - from) * i / (n - 1)).toArray();
  }

  private static List<String> doubts(KernelTimes times) {
    KernelCase c = KernelCase.of(KernelOp.SAMPLE, "F32", "1x9", false).orElseThrow();
    return new KernelResult(c, "", new KernelWork(KernelPeak.F32, 1, 1, 1), times, null, List.of()).doubts();
  }

  @Test
  void driftIsTheLastThirdOverTheFirst() {
    double first = 1 + 2.5 / 17; // the median of six of the eighteen
    double last = 1 + 14.5 / 17;
    assertEquals(last / first, times(0, rising(18, 1, 2)).drift(), 1e-12);
    assertEquals(first / last, times(0, rising(18, 2, 1)).drift(), 1e-12);
    assertEquals(1, times(0, rising(17, 1, 2)).drift()); // too few in a third
    double[] noisy = IntStream.range(0, 60).mapToDouble(i -> i % 2 == 0 ? 1 : 3 + i * 1e-3).toArray();
    assertEquals(1, times(0, noisy).drift()); // the intervals overlap
  }

  @Test
  void quietTimesRaiseNoDoubt() {
    assertEquals(List.of(), doubts(times(0.01, rising(30, 1, 1.01))));
    assertEquals(List.of(), doubts(times(Double.NaN, rising(30, 1, 1.01))));
  }

  @Test
  void eachDisturbanceIsNamed() {
    assertTrue(doubts(times(0, 1, 1, 1, 1, 1)).get(0).contains("too few"));
    assertTrue(doubts(times(0, 1, 2, 1, 2, 1, 2, 1, 2, 1)).get(0).contains("not settled"));
    assertTrue(doubts(times(0.5, rising(30, 1, 1.01))).get(0).contains("took 50 %"));
    assertTrue(doubts(new KernelTimes(rising(30, 1, 1.2), 1, 0, 1)).get(0).contains("slower (throttling?)"));
    assertTrue(doubts(new KernelTimes(rising(30, 1.2, 1), 1, 0, 1)).get(0).contains("faster"));
  }

  @Test
  void settledAsWasWanted() {
    assertTrue(times(0, rising(20, 1, 1.01)).settled());
    assertFalse(times(0, rising(20, 1, 1.2)).settled());
  }
}
