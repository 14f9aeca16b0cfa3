package dev.tern.bench;

import dev.tern.validate.Reading;

/** Tells how much energy a device has used. For one thread at a time. */
public interface EnergyMeter extends AutoCloseable {
  /**
   * Joules since the meter was made; or why they cannot be told. Counters run over: ask once a minute at least.
   */
  Reading<Double> joules();

  /** Of what, as "packages package-0, package-1 (RAPL)". */
  String source();

  @Override
  default void close() {}
}
