package dev.tern.bench;

import java.util.List;

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

  /** Figures of this case that are doubtful, Tern's and peers'. */
  public long doubtful() {
    return (doubts().isEmpty() ? 0 : 1) + peers.stream().filter(p -> !p.doubts().isEmpty()).count();
  }

  /** Figures of this case, Tern's and peers'. */
  public long figures() {
    return (measured() ? 1 : 0) + peers.stream().filter(p -> p.times() != null).count();
  }

  public boolean measured() {
    return times != null;
  }

  /** What makes Tern's own figure doubtful, in words; empty if nothing does. */
  public List<String> doubts() {
    return measured() ? times.doubts() : List.of();
  }
}
