package dev.tern.bench;

import java.util.List;

/** What other processes took of the processors while something was measured. For one thread. */
final class Foreign {
  /** What {@link CpuTimes} can tell: ticks are 10 ms. */
  private static final double MIN_SECONDS = 0.25;

  private final boolean onGpu;
  private CpuTimes before;
  private long begin;

  /** @param onGpu the processors do not matter */
  Foreign(boolean onGpu) {
    this.onGpu = onGpu;
  }

  void begin() {
    before = onGpu ? null : CpuTimes.now(List.of());
    begin = System.nanoTime();
  }

  /** Since the begin; NaN if that is too short to tell. */
  double share() {
    return before == null || (System.nanoTime() - begin) * 1e-9 < MIN_SECONDS ? Double.NaN : CpuTimes.now(List.of()).foreignSince(before);
  }
}
