package dev.tern.validate;

import dev.tern.Device;

/** Where the readings of a device come from. */
public interface HealthSource {
  /**
   * @param pciBusId of a GPU, as "0000:01:00.0", by which a driver's numbers and CUDA's can be brought together; null if it is not known
   * @return what can be read; never throws for what cannot
   */
  Health open(Device device, String pciBusId);
}
