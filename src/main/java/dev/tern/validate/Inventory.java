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
  /**
   * All items that a device of its kind has.
   *
   * @param described by the backend, as JSON; null if the device did not open
   */
  static List<Inventory> of(Health health, String described) {
    List<Inventory> all = new ArrayList<>();
    add(all, "name", health.name());
    add(all, "id", health.id());
    add(all, "driver", health.driver());
    add(all, "runtime", health.runtime());
    add(all, "compute capability", health.computeCapability());
    add(all, "built for", chosen(described, "built_for"));
    add(all, "built with", chosen(described, "runtime").map(version -> "CUDA " + version));
    add(all, "instructions", chosen(described, "isa"));
    add(all, "threads", chosen(described, "threads"));
    add(all, "cores", health.cores().map(String::valueOf));
    add(all, "memory", health.memoryBytes().map(Inventory::bytes));
    add(all, "memory free", health.memoryFreeBytes().map(Inventory::bytes));
    add(all, "ECC", health.eccEnabled().map(on -> on ? "on" : "off"));
    add(all, "ECC errors since start", health.eccErrors().map(e -> e.corrected() + " corrected, " + e.uncorrected() + " not"));
    add(all, "ECC errors ever", health.eccErrorsEver().map(e -> e.corrected() + " corrected, " + e.uncorrected() + " not"));
    add(all, "row remap", health.rowRemap().map(r -> r.corrected() + " after corrected errors, " + r.uncorrected() + " after others"
        + (r.pending() ? ", pending" : "") + (r.failed() ? ", failed" : "")));
    add(all, "PCIe", health.pcie().map(Inventory::link));
    add(all, "PCIe at most", health.pcieMax().map(Inventory::link));
    add(all, "NVLink", health.nvLinks().map(l -> l.stream().filter(Health.NvLink::active).count() + " of " + l.size() + " active"));
    add(all, "NVLink speed", health.nvLinkMegabytes().map(mb -> String.format(Locale.ROOT, "%.1f GB/s a link and direction", mb / 1e3)));
    add(all, "core clock", health.coreClockMhz().map(m -> m + " MHz"));
    add(all, "core clock at most", health.coreClockMaxMhz().map(m -> m + " MHz"));
    add(all, "memory clock", health.memoryClockMhz().map(m -> m + " MHz"));
    add(all, "memory clock at most", health.memoryClockMaxMhz().map(m -> m + " MHz"));
    add(all, "temperature", health.temperatureCelsius().map(t -> t + " C"));
    add(all, "temperature of memory", health.memoryTemperatureCelsius().map(t -> t + " C"));
    add(all, "slows down at", health.slowdownCelsius().map(t -> t + " C"));
    add(all, "power", health.powerWatts().map(Inventory::watts));
    add(all, "power limit", health.powerLimitWatts().map(Inventory::watts));
    add(all, "power limit of the factory", health.powerLimitDefaultWatts().map(Inventory::watts));
    add(all, "throttle reasons", health.throttle().map(t -> t.isEmpty() ? "none" : t.toString().toLowerCase(Locale.ROOT)));
    add(all, "slowed down by heat", health.thermalThrottles().map(n -> n + " times since start"));
    add(all, "Xid since begin", health.xids().map(x -> x.isEmpty() ? "none" : x.toString()));
    add(all, "other processes", health.otherProcesses().map(p -> Integer.toString(p.size())));
    return all;
  }

  private static void add(List<Inventory> all, String item, Reading<String> reading) {
    if (!reading.isAbsent()) {
      all.add(new Inventory(item, reading.value(), reading.unreadable()));
    }
  }

  /** Of a device that did not open it is not known what it has. */
  private static Reading<String> chosen(String described, String field) {
    String text = Described.of(described).path(field).asText("");
    return text.isEmpty() ? Reading.absent() : Reading.of(text);
  }

  /** Gigatransfers a second and lane by generation, as the PCI Express Base Specification has them. */
  private static String link(Health.PcieLink link) {
    String[] rates = {"2.5", "5", "8", "16", "32", "64"};
    int i = link.generation() - 1;
    return "generation " + link.generation() + (i >= 0 && i < rates.length ? " (" + rates[i] + " GT/s)" : "") + " x" + link.width();
  }

  private static String bytes(long n) {
    return String.format(Locale.ROOT, "%.1f GB", n * 1e-9);
  }

  private static String watts(double w) {
    return String.format(Locale.ROOT, "%.0f W", w);
  }
}
