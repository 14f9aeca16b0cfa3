package dev.tern.bench;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.function.IntToDoubleFunction;
import org.junit.jupiter.api.Test;

/** With a clock that only the timer moves. */
class KernelSamplerTest {
  private static final KernelSampler.Limits LIMITS = new KernelSampler.Limits(1, 0.005, 0.03, 1000);
  private long nanos;
  private int measurements;

  /** A timer whose n-th measurement takes so long a call. */
  private KernelTimer timer(IntToDoubleFunction secondsOfCall) {
    return new KernelTimer() {
      @Override
      public double seconds(int calls) {
        double seconds = calls * secondsOfCall.applyAsDouble(measurements++);
        nanos += Math.round(seconds * 1e9);
        return seconds;
      }

      @Override
      public void close() {}
    };
  }

  private KernelTimes run(KernelSampler.Limits limits, IntToDoubleFunction secondsOfCall) {
    return new KernelSampler(limits, () -> nanos, null).run(timer(secondsOfCall));
  }

  @Test
  void quickCallsShareASample() {
    KernelTimes times = run(LIMITS, i -> 1e-4);
    assertEquals(50, times.callsPerSample());
    assertEquals(1e-4, times.samples().median(), 1e-12);
    assertTrue(times.settled());
    assertTrue(nanos < 500_000_000, "it stops when the median is known: " + nanos);
    assertEquals(1000, run(LIMITS, i -> 1e-9).callsPerSample()); // and no more than that
  }

  @Test
  void slowCallsGetAnIntervalAllTheSame() {
    assertEquals(6, run(LIMITS, i -> 0.5).seconds().length);
    assertEquals(1, run(LIMITS, i -> 0.5).callsPerSample());
    assertEquals(2, run(LIMITS, i -> 3).seconds().length); // but not for ever
  }

  @Test
  void noisyCallsEndWithTheTime() {
    KernelTimes times = run(LIMITS, i -> i % 2 == 0 ? 0.005 : 0.009);
    assertFalse(times.settled());
    assertTrue(nanos > 1_000_000_000 && nanos < 1_200_000_000, "" + nanos);
  }

  @Test
  void samplesKeepTheirOrder() {
    KernelTimes times = run(new KernelSampler.Limits(0.05, 0.005, 1e-9, 1), i -> 0.01 + i * 0.001);
    assertArrayEquals(new double[] {0.012, 0.013, 0.014, 0.015, 0.016, 0.017}, times.seconds(), 1e-12); // two warmed up
  }

  @Test
  void aClockThatStandsIsAnError() {
    assertThrows(IllegalStateException.class, () -> run(LIMITS, i -> 0));
    assertThrows(IllegalStateException.class, () -> run(LIMITS, i -> Double.NaN));
  }

  @Test
  void othersAreCountedWhileItRuns() {
    CpuTimes[] snapshots = {new CpuTimes(0, 0, 0), new CpuTimes(80, 20, 30)};
    int[] next = new int[1];
    KernelTimes times = new KernelSampler(LIMITS, () -> nanos, () -> snapshots[next[0]++]).run(timer(i -> 0.01));
    assertEquals(0.5, times.foreign());
  }

  @Test
  void limitsAreAboveZero() {
    assertThrows(IllegalArgumentException.class, () -> new KernelSampler.Limits(0, 1, 1, 1));
    assertThrows(IllegalArgumentException.class, () -> new KernelSampler.Limits(1, 1, Double.NaN, 1));
    assertThrows(IllegalArgumentException.class, () -> new KernelSampler.Limits(1, 1, 1, 0));
  }
}
