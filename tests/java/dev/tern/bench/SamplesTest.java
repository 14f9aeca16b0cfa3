package dev.tern.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class SamplesTest {
  @Test
  void medianAndEnds() {
    assertEquals(2, new Samples(3, 1, 2).median());
    assertEquals(2.5, new Samples(4, 1, 2, 3).median());
    assertEquals(1, new Samples(4, 1, 2, 3).min());
    assertEquals(4, new Samples(4, 1, 2, 3).max());
    assertThrows(IllegalArgumentException.class, Samples::new);
  }

  /** The ranks of the interval, against those of the tables of the sign test (two-sided, 5 %). */
  @Test
  void intervalHoldsTheMedianWithNinetyFivePercent() {
    int[][] ranks = {{6, 1}, {7, 1}, {8, 1}, {9, 2}, {11, 2}, {12, 3}, {14, 3}, {15, 4}, {20, 6}, {25, 8}, {50, 18}};
    for (int[] r : ranks) {
      Samples samples = new Samples(IntStream.rangeClosed(1, r[0]).asDoubleStream().toArray());
      assertEquals(r[1], samples.low(), r[0] + " values");
      assertEquals(r[0] + 1 - r[1], samples.high(), r[0] + " values");
      assertEquals((r[0] + 1 - 2 * r[1]) / samples.median(), samples.spread(), 1e-12);
    }
  }

  @Test
  void fewValuesHaveNoInterval() {
    for (int n = 1; n < 6; n++) {
      Samples equal = new Samples(new double[n]);
      assertTrue(Double.isInfinite(equal.spread()));
    }
    assertEquals(0, new Samples(5, 5, 5, 5, 5, 5).spread());
  }

  @Test
  void meanAndDeviationAreOfASample() {
    Samples samples = new Samples(2, 4, 4, 4, 5, 5, 7, 9);
    assertEquals(5, samples.mean());
    assertEquals(Math.sqrt(32 / 7.0), samples.deviation(), 1e-15);
    assertEquals(0, new Samples(3).deviation());
  }

  /** Against the definition: the least value such that a share q of all values at least is no larger. */
  @Test
  void percentilesAreByNearestRank() {
    for (int n = 1; n <= 250; n++) {
      Samples samples = new Samples(IntStream.rangeClosed(1, n).asDoubleStream().toArray());
      for (int percent : new int[] {1, 25, 50, 90, 99, 100}) {
        int rank = 1;
        while (100 * rank < percent * n) {
          rank++;
        }
        assertEquals(rank, samples.percentile(percent / 100.0), percent + " % of " + n);
      }
      assertEquals(n >= 100, samples.tells(0.99), n + " values");
    }
    assertThrows(IllegalArgumentException.class, () -> new Samples(1).percentile(0));
    assertThrows(IllegalArgumentException.class, () -> new Samples(1).percentile(Double.NaN));
  }
}
