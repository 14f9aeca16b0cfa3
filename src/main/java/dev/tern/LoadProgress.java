package dev.tern;

/** Told how far loading a model has come; on the loading thread, after every few megabytes. Throwing stops the load. */
@FunctionalInterface
public interface LoadProgress {
  /** Hears nothing. */
  LoadProgress NONE = (done, total) -> {};

  /**
   * @param done bytes of weights loaded, from 0 to total
   * @param total bytes of weights in the file
   */
  void at(long done, long total);
}
