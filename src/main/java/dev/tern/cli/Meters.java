package dev.tern.cli;

import dev.tern.Device;
import dev.tern.bench.EnergyMeter;
import dev.tern.bench.GpuEnergy;
import dev.tern.bench.ProcessMemory;
import dev.tern.bench.RaplEnergy;
import dev.tern.bench.ResourceSampler;
import dev.tern.bench.WatchedEnergy;
import dev.tern.validate.Health;
import dev.tern.validate.Reading;
import dev.tern.vendor.VendorHealth;

/** What tells the energy and the memory of a device: RAPL and /proc of a processor, NVML of a GPU, whose presets nothing touches otherwise. */
final class Meters implements AutoCloseable {
  private final Health gpu; // null: a processor
  private final EnergyMeter energy;

  private Meters(Health gpu, EnergyMeter energy) {
    this.gpu = gpu;
    this.energy = energy;
  }

  static Meters of(Device device) {
    if (!device.isCuda()) {
      return new Meters(null, new WatchedEnergy(new RaplEnergy()));
    }
    Health health = new VendorHealth().open(device);
    return new Meters(health, new GpuEnergy(health));
  }

  EnergyMeter energy() {
    return energy;
  }

  /** What the joules are of, or why there are none. */
  String energySource() {
    Reading<Double> now = energy.joules();
    return now.isKnown() ? energy.source() : now.unreadable();
  }

  /** The GPU's name; empty of a processor, or if it cannot be read. */
  String gpuName() {
    return gpu == null || !gpu.name().isKnown() ? "" : gpu.name().value();
  }

  /** In use on a GPU, by all that runs there. */
  private Reading<Long> deviceBytes() {
    if (gpu == null) {
      return Reading.absent();
    }
    Reading<Long> free = gpu.memoryFreeBytes();
    return free.isKnown() ? gpu.memoryBytes().map(all -> all - free.value()) : free;
  }

  ResourceSampler sampler() {
    return new ResourceSampler(ProcessMemory::resident, this::deviceBytes, energy);
  }

  @Override
  public void close() {
    energy.close();
    if (gpu != null) {
      gpu.close();
    }
  }
}
