package dev.tern.validate;

import dev.tern.Device;

/** Where the readings of a device come from. */
public interface HealthSource {
  /**
   * Opened before the device itself: who uses it already is then known to be another.
   *
   * @return what can be read; never throws for what cannot
   */
  Health open(Device device);
}
