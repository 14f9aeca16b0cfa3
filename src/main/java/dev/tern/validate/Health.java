package dev.tern.validate;

import java.util.List;
import java.util.Set;

/**
 * What one device tells of itself. Every call reads anew, so that readings before, under and after load can be compared. No method throws
 * for what a device or driver refuses: that is a {@link Reading#unreadable}. The default of each is {@link Reading#absent}: an implementation
 * tells only what its kind of device has. Used by one thread at a time.
 */
public interface Health extends AutoCloseable {
  /** Errors of a memory with ECC. */
  record EccErrors(long corrected, long uncorrected) {}

  /** Rows of a GPU's memory that spare ones stand in for. pending: a reset is needed before they do; failed: no spare was left. */
  record RowRemap(long corrected, long uncorrected, boolean pending, boolean failed) {}

  /** PCIe: generation 1, 2, ...; width in lanes. */
  record PcieLink(int generation, int width) {}

  /** One NVLink; errors: replays, recoveries and failed checksums that it has counted. */
  record NvLink(int index, boolean active, long errors) {}

  /** A process that computes on the device, by its program's name without a folder; memoryBytes is -1 where it is not told. */
  record DeviceProcess(long pid, String name, long memoryBytes) {}

  /** Why a device runs below its highest clocks. */
  enum Throttle {
    /** Nothing to do: clocks are low for that. */
    IDLE(false),
    /** Clocks that someone set. */
    APPLICATION_CLOCKS(false),
    /** The power limit; usual under full load. */
    POWER_CAP(false),
    SYNC_BOOST(false),
    DISPLAY_CLOCKS(false),
    /** The driver lowers clocks because of heat. */
    THERMAL_SOFTWARE(true),
    /** The hardware halves clocks or worse because of heat. */
    THERMAL_HARDWARE(true),
    /** The hardware slows down, because of heat or power. */
    SLOWDOWN_HARDWARE(true),
    /** The power supply asks for less. */
    POWER_BRAKE(true);

    private final boolean fault;

    Throttle(boolean fault) {
      this.fault = fault;
    }

    /** Whether a device in order never tells it. */
    public boolean isFault() {
      return fault;
    }
  }

  /** The maker's name, as "NVIDIA H100 80GB HBM3". */
  default Reading<String> name() {
    return Reading.absent();
  }

  /** What tells it from all others of its name, such as a UUID. */
  default Reading<String> id() {
    return Reading.absent();
  }

  /** Version of the driver; of a processor, its microcode. */
  default Reading<String> driver() {
    return Reading.absent();
  }

  /** The newest runtime that the driver serves, as "CUDA 13.0"; of a processor, the kernel. */
  default Reading<String> runtime() {
    return Reading.absent();
  }

  /** As "9.0". */
  default Reading<String> computeCapability() {
    return Reading.absent();
  }

  /** Multiprocessors, or the processor's cores that this process may use. */
  default Reading<Integer> cores() {
    return Reading.absent();
  }

  default Reading<Long> memoryBytes() {
    return Reading.absent();
  }

  default Reading<Long> memoryFreeBytes() {
    return Reading.absent();
  }

  default Reading<Boolean> eccEnabled() {
    return Reading.absent();
  }

  /** Since the driver was loaded, or the machine started. */
  default Reading<EccErrors> eccErrors() {
    return Reading.absent();
  }

  /** In the device's life. */
  default Reading<EccErrors> eccErrorsEver() {
    return Reading.absent();
  }

  default Reading<RowRemap> rowRemap() {
    return Reading.absent();
  }

  /** As it is now; idle links may have fallen to a lower generation. */
  default Reading<PcieLink> pcie() {
    return Reading.absent();
  }

  /** What device and slot together could do. */
  default Reading<PcieLink> pcieMax() {
    return Reading.absent();
  }

  /** All links of the device, empty if none is wired. */
  default Reading<List<NvLink>> nvLinks() {
    return Reading.absent();
  }

  /** Of each active link and direction, in megabytes a second; absent where no link is. */
  default Reading<Integer> nvLinkMegabytes() {
    return Reading.absent();
  }

  default Reading<Integer> coreClockMhz() {
    return Reading.absent();
  }

  default Reading<Integer> coreClockMaxMhz() {
    return Reading.absent();
  }

  default Reading<Integer> memoryClockMhz() {
    return Reading.absent();
  }

  default Reading<Integer> memoryClockMaxMhz() {
    return Reading.absent();
  }

  default Reading<Integer> temperatureCelsius() {
    return Reading.absent();
  }

  default Reading<Integer> memoryTemperatureCelsius() {
    return Reading.absent();
  }

  /** From which temperature on the device slows down. */
  default Reading<Integer> slowdownCelsius() {
    return Reading.absent();
  }

  default Reading<Double> powerWatts() {
    return Reading.absent();
  }

  default Reading<Double> powerLimitWatts() {
    return Reading.absent();
  }

  /** The limit it left the factory with. */
  default Reading<Double> powerLimitDefaultWatts() {
    return Reading.absent();
  }

  /** Energy used since the driver was loaded. */
  default Reading<Double> energyJoules() {
    return Reading.absent();
  }

  /** What holds now; empty: nothing. */
  default Reading<Set<Throttle>> throttle() {
    return Reading.absent();
  }

  /** How often heat slowed it down since the machine started, all cores together. */
  default Reading<Long> thermalThrottles() {
    return Reading.absent();
  }

  /** Numbers of the Xid events (NVIDIA's list of GPU errors) since this object was made, oldest first. */
  default Reading<List<Integer>> xids() {
    return Reading.absent();
  }

  /** Other processes that compute on it; not this one. */
  default Reading<List<DeviceProcess>> otherProcesses() {
    return Reading.absent();
  }

  @Override
  default void close() {}
}
