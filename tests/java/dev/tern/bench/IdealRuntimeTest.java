package dev.tern.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.tern.Seed;
import dev.tern.bench.IdealRuntime.Sample;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;

class IdealRuntimeTest {
  private static final Map<Integer, Double> ALPHA = Map.of(1, 0.084, 512, 0.21, 1920, 0.597); // of a large model on an A100
  private static final double BETA = 0.081;
  private static final int[] OUTPUTS = {1, 2, 8, 32, 64};
  private static final int REPEATS = 4;

  /** Samples of the planted line, each with an error of at most so many seconds. */
  private static List<Sample> planted(double error, Random random) {
    List<Sample> samples = new ArrayList<>();
    ALPHA.forEach((p, alpha) -> {
      for (int o : OUTPUTS) {
        for (int i = 0; i < REPEATS; i++) {
          samples.add(new Sample(p, o, alpha + BETA * (o - 1) + error * (2 * random.nextDouble() - 1)));
        }
      }
    });
    return samples;
  }

  @Test
  void plantedNumbersAreFound() {
    IdealRuntime fit = IdealRuntime.fit(planted(0, Seed.random()));
    double rounding = 1e-12; // sums of 60 numbers below 10, in doubles
    assertEquals(BETA, fit.beta(), rounding);
    ALPHA.forEach((p, alpha) -> assertEquals(alpha, fit.alpha().get(p), rounding));
    assertEquals(1, fit.rSquared(), rounding);
    assertEquals(0, fit.residual(), rounding);
    assertEquals(0.597 + 99 * BETA, fit.seconds(1920, 100), 1e-10);
    assertEquals(List.of(1, 512, 1920), List.copyOf(fit.alpha().keySet()));
    assertThrows(IllegalArgumentException.class, () -> fit.seconds(2, 100));
  }

  /** Errors e of at most d move the slope by sum((x - m) e) / sum((x - m)^2) <= d sum|x - m| / sum((x - m)^2), m the mean of a prompt's x. */
  @Test
  void errorsMoveThemAsFarAsTheyCan() {
    double error = 5e-3;
    double mean = 0;
    for (int o : OUTPUTS) {
      mean += (o - 1.0) / OUTPUTS.length;
    }
    double absolute = 0;
    double squares = 0;
    for (int o : OUTPUTS) {
      absolute += Math.abs(o - 1 - mean);
      squares += (o - 1 - mean) * (o - 1 - mean);
    }
    double slope = error * absolute / squares;
    Random random = Seed.random();
    for (int round = 0; round < 50; round++) {
      IdealRuntime fit = IdealRuntime.fit(planted(error, random));
      assertEquals(BETA, fit.beta(), slope, Seed.text());
      double intercept = error + slope * mean;
      ALPHA.forEach((p, alpha) -> assertEquals(alpha, fit.alpha().get(p), intercept, Seed.text()));
      assertTrue(fit.residual() > 0 && fit.residual() <= error && fit.betaError() > 0 && fit.rSquared() < 1, Seed.text());
    }
  }

  /** The least squares' own conditions: what is left adds up to nothing for each prompt, and has no slope. */
  @Test
  void whatIsLeftHasNoPattern() {
    List<Sample> samples = new ArrayList<>(planted(0.05, Seed.random()));
    samples.subList(3, 9).clear(); // as many of each prompt are not needed
    IdealRuntime fit = IdealRuntime.fit(samples);
    double slope = 0;
    for (int p : ALPHA.keySet()) {
      double sum = 0;
      for (Sample s : samples) {
        if (s.nPrompt() == p) {
          double left = s.seconds() - fit.seconds(p, s.nGen());
          sum += left;
          slope += left * (s.nGen() - 1);
        }
      }
      assertEquals(0, sum, 1e-11);
    }
    assertEquals(0, slope, 1e-9);
  }

  @Test
  void oneOutputLengthHasNoSlope() {
    assertThrows(IllegalArgumentException.class, () -> IdealRuntime.fit(List.of()));
    assertThrows(IllegalArgumentException.class, () -> IdealRuntime.fit(List.of(new Sample(1, 8, 1), new Sample(2, 9, 1))));
  }
}
