package dev.tern.bench;

/** What is measured: Tern, another program, the memory. */
public interface Contender {
  String name();

  /** Runs a test once; what it reached, in tokens per second (the memory: bytes per second). */
  double run(int threads, SpeedTest test);

  /** Whether rounds go on until its median is known; if not, it only takes its turn in those of the others. */
  default boolean awaited() {
    return true;
  }
}
