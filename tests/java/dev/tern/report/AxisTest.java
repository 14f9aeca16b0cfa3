package dev.tern.report;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.tern.Seed;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class AxisTest {
  @Test
  void linearTicksAreRoundNumbers() {
    assertEquals(List.of(0.0, 0.2, 0.4, 0.6, 0.8, 1.0), Axis.linear("").between(0, 1).fit(0.3, 0.7).ticks());
    assertEquals(List.of(0.0, 20.0, 40.0, 60.0, 80.0), Axis.linear("").between(0, 99).fit(1, 2).ticks());
    assertEquals(List.of(-1.0, -0.5, 0.0, 0.5, 1.0), Axis.linear("").between(-1.1, 1.2).fit(1, 2).ticks());
    assertEquals(List.of(0.05, 0.1, 0.15, 0.2, 0.25, 0.3), Axis.linear("").between(0.04, 0.3).fit(1, 2).ticks());
  }

  @Test
  void logarithmicTicksArePowers() {
    assertEquals(List.of(1.0, 2.0, 4.0, 8.0), Axis.log2("").fit(1, 8).ticks());
    assertEquals(List.of(1e-3, 1e-2, 0.1, 1.0, 10.0), Axis.log10("").fit(1e-3, 10).ticks(), "all decades of four");
    assertEquals(List.of(1.0, 2.0, 5.0, 10.0, 20.0, 50.0), Axis.log10("").between(1, 60).fit(2, 3).ticks(), "1, 2, 5 of few");
  }

  @Test
  void placesAreWhatTheScaleSays() {
    Axis.Span linear = Axis.linear("").between(10, 20).fit(12, 13);
    assertEquals(0.25, linear.at(12.5), 1e-12);
    Axis.Span log = Axis.log10("").between(1, 1e4).fit(2, 3);
    assertEquals(0.5, log.at(100), 1e-12);
    assertEquals(0.75, Axis.log2("").between(1, 16).fit(2, 3).at(8), 1e-12);
  }

  @Test
  void whatHasNoPlaceIsNotHeld() {
    for (double bad : new double[] {Double.NaN, Double.POSITIVE_INFINITY, Double.NEGATIVE_INFINITY, Double.MAX_VALUE}) {
      assertFalse(Axis.linear("").holds(bad), "" + bad);
      assertFalse(Axis.log10("").holds(bad), "" + bad);
    }
    assertFalse(Axis.log10("").holds(0));
    assertFalse(Axis.log2("").holds(-1));
    assertTrue(Axis.linear("").holds(0));
  }

  /** Ends that no axis reaches are the data's, so that ticks end too. */
  @Test
  void endsThatAreNoPlacesAreLeftToTheData() {
    for (double bad : new double[] {Double.NaN, Double.POSITIVE_INFINITY, Double.MAX_VALUE, -Double.MAX_VALUE, Double.NEGATIVE_INFINITY}) {
      for (Axis axis : List.of(Axis.linear(""), Axis.log2(""), Axis.log10(""))) {
        assertEquals(axis.fit(1, 100).ticks(), axis.between(bad, bad).fit(1, 100).ticks(), axis.kind() + " " + bad);
      }
    }
    assertEquals(Axis.log10("").fit(1, 100).ticks(), Axis.log10("").between(0, Double.NaN).fit(1, 100).ticks());
  }

  @Test
  void anyDataHasTwoToTwentyTicksWithinTheAxis() {
    Random random = Seed.random();
    for (int i = 0; i < 5000; i++) {
      double low = Math.pow(10, random.nextInt(40) - 20) * (1 + random.nextDouble());
      double high = random.nextInt(4) == 0 ? low : low * Math.pow(10, random.nextDouble() * random.nextInt(30));
      for (Axis axis : List.of(Axis.linear(""), Axis.log2(""), Axis.log10(""))) {
        Axis.Span span = axis.fit(low, high);
        List<Double> ticks = span.ticks();
        String where = axis.kind() + " from " + low + " to " + high + ": " + ticks + " " + Seed.text();
        assertTrue(ticks.size() >= 2 && ticks.size() <= 20, where);
        for (int t = 0; t < ticks.size(); t++) {
          assertTrue(span.at(ticks.get(t)) >= -1e-6 && span.at(ticks.get(t)) <= 1 + 1e-6, where);
          assertTrue(t == 0 || ticks.get(t) > ticks.get(t - 1), where);
        }
        assertTrue(span.at(low) >= 0 && span.at(high) <= 1, where);
      }
    }
  }
}
