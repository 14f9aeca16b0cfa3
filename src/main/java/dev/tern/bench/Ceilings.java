package dev.tern.bench;

import java.util.EnumMap;
import java.util.Map;

/**
 * What the hardware reached here, in the same run as the kernels.
 *
 * @param readBytesPerSecond of a block that no cache holds
 * @param copyBytesPerSecond read and written, by a copy of such a block
 * @param opsPerSecond of loops without memory; arithmetic that the device does not have is not there
 * @param cacheBytes of the last cache before the memory
 */
public record Ceilings(double readBytesPerSecond, double copyBytesPerSecond, Map<KernelPeak, Double> opsPerSecond, long cacheBytes) {
  public Ceilings {
    opsPerSecond = Map.copyOf(opsPerSecond);
  }

  /** The better of reading and copying: no kernel moves more. */
  public double bytesPerSecond() {
    return Math.max(readBytesPerSecond, copyBytesPerSecond);
  }

  /** The better of two measurements, figure by figure: what is in the way of a ceiling only lowers it. */
  public Ceilings orBetter(Ceilings other) {
    Map<KernelPeak, Double> best = new EnumMap<>(KernelPeak.class);
    opsPerSecond.forEach((peak, rate) -> best.put(peak, Math.max(rate, other.opsPerSecond.getOrDefault(peak, 0.0))));
    return new Ceilings(Math.max(readBytesPerSecond, other.readBytesPerSecond), Math.max(copyBytesPerSecond, other.copyBytesPerSecond), best, cacheBytes);
  }

  /** The largest change from these to others, as a share of the larger: 0.1 if a figure fell or rose by a tenth. */
  public double difference(Ceilings other) {
    double most = Math.max(change(readBytesPerSecond, other.readBytesPerSecond), change(copyBytesPerSecond, other.copyBytesPerSecond));
    for (Map.Entry<KernelPeak, Double> peak : opsPerSecond.entrySet()) {
      most = Math.max(most, change(peak.getValue(), other.opsPerSecond.getOrDefault(peak.getKey(), 0.0)));
    }
    return most;
  }

  private static double change(double a, double b) {
    return Math.max(a, b) > 0 ? Math.abs(a - b) / Math.max(a, b) : 0;
  }
}
