package dev.tern.validate;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * What a device is and how it stands, item by item.
 *
 * @param value null where it cannot be read
 * @param unreadable why not, else null
 */
public record Inventory(String item, String value, String unreadable) {
  /** All items that a device of its kind has. */
  static List<Inventory> of(Health health) {
    List<Inventory> all = new ArrayList<>();
    add(all, "name", health.name());
    add(all, "id", health.id());
    add(all, "driver", health.driver());
    add(all, "runtime", health.runtime());
    add(all, "compute capability", health.computeCapability());
    add(all, "cores", health.cores().map(String::valueOf));
    add(all, "memory", health.memoryBytes().map(Inventory::bytes));
    add(all, "memory free", health.memoryFreeBytes().map(Inventory::bytes));
    add(all, "ECC", health.eccEnabled().map(on -> on ? "on" : "off"));
    add(all, "ECC errors since start", health.eccErrors().map(e -> e.corrected() + " corrected, " + e.uncorrected() + " not"));
    add(all, "ECC errors ever", health.eccErrorsEver().map(e -> e.corrected() + " corrected, " + e.uncorrected() + " not"));
    add(all, "row remap", health.rowRemap().map(r -> r.corrected() + " after corrected errors, " + r.uncorrected() + " after others"
        + (r.pending() ? ", pending" : "") + (r.failed() ? ", failed" : "")));
    add(all, "PCIe", health.pcie().map(l -> "generation " + l.generation() + " x" + l.width()));
    add(all, "PCIe at most", health.pcieMax().map(l -> "generation " + l.generation() + " x" + l.width()));
    add(all, "NVLink", health.nvLinks().map(l -> l.stream().filter(Health.NvLink::active).count() + " of " + l.size() + " active"));
    add(all, "core clock", health.coreClockMhz().map(m -> m + " MHz"));
    add(all, "core clock at most", health.coreClockMaxMhz().map(m -> m + " MHz"));
    add(all, "memory clock", health.memoryClockMhz().map(m -> m + " MHz"));
    add(all, "memory clock at most", health.memoryClockMaxMhz().map(m -> m + " MHz"));
    add(all, "temperature", health.temperatureCelsius().map(t -> t + " C"));
    add(all, "temperature of memory", health.memoryTemperatureCelsius().map(t -> t + " C"));
    add(all, "slows down at", health.slowdownCelsius().map(t -> t + " C"));
    add(all, "power", health.powerWatts().map(Inventory::watts));
    add(all, "power limit", health.powerLimitWatts().map(Inventory::watts));
    add(all, "throttle reasons", health.throttle().map(t -> t.isEmpty() ? "none" : t.toString().toLowerCase(Locale.ROOT)));
    add(all, "slowed down by heat", health.thermalThrottles().map(n -> n + " times since start"));
    add(all, "other processes", health.otherProcesses().map(p -> Integer.toString(p.size())));
    return all;
  }

  private static void add(List<Inventory> all, String item, Reading<String> reading) {
    if (!reading.isAbsent()) {
      all.add(new Inventory(item, reading.value(), reading.unreadable()));
    }
  }

  private static String bytes(long n) {
    return String.format(Locale.ROOT, "%.1f GB", n * 1e-9);
  }

  private static String watts(double w) {
    return String.format(Locale.ROOT, "%.0f W", w);
  }
}
