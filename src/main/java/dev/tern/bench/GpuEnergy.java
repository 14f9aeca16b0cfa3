package dev.tern.bench;

import dev.tern.validate.Health;
import dev.tern.validate.Reading;

/** The energy of a GPU, as its driver counts it since it was loaded; all that runs on it is in it. */
public final class GpuEnergy implements EnergyMeter {
  private final Health health;
  private final Reading<Double> begin;

  /** @param health of the GPU; not closed here */
  public GpuEnergy(Health health) {
    this.health = health;
    begin = health.energyJoules();
  }

  @Override
  public Reading<Double> joules() {
    if (!begin.isKnown()) {
      return begin.isAbsent() ? Reading.unreadable("the device does not count its energy") : begin;
    }
    return health.energyJoules().map(now -> now - begin.value());
  }

  @Override
  public String source() {
    return "NVML: the GPU";
  }
}
