package dev.tern.bench;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * One case, measured or not.
 *
 * @param kernel that was picked; empty where there is no choice
 * @param work null if it was not measured
 * @param times null if it was not measured
 * @param unsupported why it was not measured, or null; begins with {@link #FAILED} if it should have been
 */
public record KernelResult(KernelCase kernelCase, String kernel, KernelWork work, KernelTimes times, String unsupported, List<PeerResult> peers) {
  /** How the reason begins of what failed, which is no matter of what a device or a library has. */
  public static final String FAILED = "failed: ";

  private static final double MUCH_FOREIGN = 0.05;
  private static final double MUCH_DRIFT = 0.03;

  public KernelResult {
    peers = List.copyOf(peers);
  }

  public static KernelResult unsupported(KernelCase kernelCase, String reason) {
    return new KernelResult(kernelCase, "", null, null, reason, List.of());
  }

  /** A case that the device has, but whose measurement failed. */
  public static KernelResult failed(KernelCase kernelCase, String reason) {
    return unsupported(kernelCase, FAILED + reason);
  }

  public boolean failed() {
    return unsupported != null && unsupported.startsWith(FAILED);
  }

  public boolean measured() {
    return times != null;
  }

  /** What makes the figure doubtful, in words; empty if nothing does. */
  public List<String> doubts() {
    List<String> all = new ArrayList<>();
    if (!measured()) {
      return all;
    }
    if (!times.settled()) {
      double spread = times.samples().spread();
      all.add(Double.isInfinite(spread) ? "too few samples: raise --seconds" : String.format(Locale.ROOT, "not settled: ±%.1f %%", 50 * spread));
    }
    if (times.foreign() > MUCH_FOREIGN) {
      all.add(String.format(Locale.ROOT, "other processes took %.0f %%", 100 * times.foreign()));
    }
    double drift = times.drift();
    if (Math.abs(drift - 1) > MUCH_DRIFT) {
      all.add(String.format(Locale.ROOT, "%.0f %% %s at the end", 100 * Math.abs(drift - 1), drift > 1 ? "slower (throttling?)" : "faster"));
    }
    return all;
  }
}
