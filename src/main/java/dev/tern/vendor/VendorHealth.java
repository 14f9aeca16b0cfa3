package dev.tern.vendor;

import dev.tern.Device;
import dev.tern.validate.Health;
import dev.tern.validate.HealthSource;
import java.util.Optional;

/**
 * The health of NVIDIA GPUs through NVML, by JavaCPP's CUDA presets. Where these, the driver or a library is missing, every item says so. Health
 * of one GPU at a time is open.
 */
public final class VendorHealth implements HealthSource {
  @Override
  public Health open(Device device) {
    if (!device.isCuda()) {
      return new Health() {};
    }
    Optional<String> missing = CudaPresets.unavailable(CudaPresets.Part.NVML);
    return missing.isPresent() ? new UnreadableHealth(missing.get()) : NvmlSource.open(Peers.index(device));
  }
}
