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
}
