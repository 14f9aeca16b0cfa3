package dev.tern.bench;

/** A case made ready on a device: all data is there, results are allocated, kernels are chosen. For one thread. */
public interface KernelTimer extends AutoCloseable {
  /**
   * Runs the case so many times in a row; a cold case takes other data each time.
   *
   * @return seconds of all calls together: on a GPU between two events on its stream, with launches so dense that gaps do not count; on the
   *     CPU of wall time
   */
  double seconds(int calls);

  /** What was chosen, as "lookup_avx512"; empty if there is nothing to say. */
  default String note() {
    return "";
  }

  @Override
  void close();
}
