package dev.tern;

/**
 * How long the parts of a generation took, in nanoseconds of wall time.
 *
 * @param queuedNanos from submission until its first step began
 * @param firstTokenNanos from submission until the first token was there (TTFT), or -1 if there is none
 * @param decodeNanos from the first token to the last
 * @param totalNanos from submission to the end
 */
public record Timings(long queuedNanos, long firstTokenNanos, long decodeNanos, long totalNanos) {
  /** Time the prompt's steps took: from the first step to the first token, or -1. */
  public long prefillNanos() {
    return firstTokenNanos < 0 ? -1 : firstTokenNanos - queuedNanos;
  }
}
