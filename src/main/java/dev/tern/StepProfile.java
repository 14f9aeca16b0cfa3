package dev.tern;

import java.util.List;

/**
 * Where the time of an engine's steps went since {@link Engine#startProfile}. Times are wall time of the thread that runs the steps, waiting
 * for the other threads included.
 *
 * @param parts in the order of their first use in a step
 * @param steps number of steps
 * @param nanos of all steps; what lies between the parts makes it more than their sum
 */
public record StepProfile(List<Part> parts, long steps, long nanos) {
  /**
   * One kind of op.
   *
   * @param name "norm", "qkv", "attention", "head" and so on
   * @param bytes of weights and of cached keys and values that the calls read
   */
  public record Part(String name, long calls, long nanos, long bytes) {}

  public StepProfile {
    parts = List.copyOf(parts);
  }

  /** Time of no part. */
  public long otherNanos() {
    return nanos - parts.stream().mapToLong(Part::nanos).sum();
  }

  /** Time of the parts of these names. */
  public long nanosOf(List<String> names) {
    return parts.stream().filter(p -> names.contains(p.name())).mapToLong(Part::nanos).sum();
  }
}
