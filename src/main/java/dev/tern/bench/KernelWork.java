package dev.tern.bench;

/**
 * What one call of a kernel must do at least, counted by the op from its shape (docs/bench.md).
 *
 * @param ops multiplications and additions
 * @param bytesRead each once, weights and keys as they are kept
 * @param bytesWritten each once
 */
public record KernelWork(KernelPeak peak, long ops, long bytesRead, long bytesWritten) {
  public long bytes() {
    return bytesRead + bytesWritten;
  }

  /** Share of a ceiling that a call of so many seconds makes of the memory; NaN if there is no ceiling. */
  public double memoryShare(double seconds, double bytesPerSecond) {
    return bytesPerSecond > 0 ? bytes() / seconds / bytesPerSecond : Double.NaN;
  }

  /** Share of a ceiling of the arithmetic; NaN if there is no ceiling. */
  public double arithmeticShare(double seconds, Double opsPerSecond) {
    return opsPerSecond != null && opsPerSecond > 0 ? ops / seconds / opsPerSecond : Double.NaN;
  }

  /** Share of the roofline: what the nearer of both ceilings would take over what was taken; NaN without ceilings. */
  public double rooflineShare(double seconds, double bytesPerSecond, Double opsPerSecond) {
    double memory = memoryShare(seconds, bytesPerSecond);
    double arithmetic = arithmeticShare(seconds, opsPerSecond);
    return Double.isNaN(memory) ? arithmetic : Double.isNaN(arithmetic) ? memory : Math.max(memory, arithmetic);
  }
}
