package dev.tern.bench;

import dev.tern.validate.Reading;
import java.io.IOException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * The energy of a machine's processors, from Intel's and AMD's RAPL counters as Linux shows them under /sys/class/powercap: each package, and its
 * memory where that has a zone of its own. All that runs on the machine is in it. A counter starts again at its range; that it did so once
 * between two readings is seen, more often not. Linux lets root alone read them.
 */
public final class RaplEnergy implements EnergyMeter {
  private static final String POWERCAP = "sys/class/powercap";

  private static final class Zone {
    final Path file;
    final String name;
    final long range; // microjoules
    long last;
    double joules;

    Zone(Path file, String name, long range, long last) {
      this.file = file;
      this.name = name;
      this.range = range;
      this.last = last;
    }
  }

  private final List<Zone> zones = new ArrayList<>();
  private String unreadable;

  public RaplEnergy() {
    this(Path.of("/"));
  }

  /** @param root of the file system that has sys */
  RaplEnergy(Path root) {
    List<Path> packages = list(root.resolve(POWERCAP), "intel-rapl:[0-9]*").stream().filter(p -> p.getFileName().toString().matches("intel-rapl:\\d+")).toList();
    for (Path zone : packages) {
      String name = read(zone.resolve("name"));
      if (name == null || !name.startsWith("package")) {
        continue; // "psys" holds the packages, and would count them twice
      }
      add(zone, name);
      for (Path part : list(zone, zone.getFileName() + ":[0-9]*")) {
        if ("dram".equals(read(part.resolve("name")))) { // cores and graphics are in the package
          add(part, name + " dram");
        }
      }
    }
    if (zones.isEmpty() && unreadable == null) {
      unreadable = "/" + POWERCAP + " has no RAPL zone of a package: no such counters, no driver for them, or a virtual machine";
    }
  }

  private void add(Path zone, String name) {
    long energy = number(zone.resolve("energy_uj"));
    long range = number(zone.resolve("max_energy_range_uj"));
    if (energy < 0 || range <= 0) {
      unreadable = "/" + POWERCAP + "/.../" + zone.getFileName() + (energy < 0 ? "/energy_uj" : "/max_energy_range_uj")
          + " cannot be read: Linux lets root alone";
    } else {
      zones.add(new Zone(zone.resolve("energy_uj"), name, range, energy));
    }
  }

  @Override
  public Reading<Double> joules() {
    double sum = 0;
    for (Zone zone : zones) {
      long now = unreadable == null ? number(zone.file) : -1;
      if (now < 0 && unreadable == null) {
        unreadable = zone.name + ": energy_uj cannot be read any more";
      }
      if (unreadable == null) {
        zone.joules += (now >= zone.last ? now - zone.last : now + zone.range - zone.last) * 1e-6;
        zone.last = now;
        sum += zone.joules;
      }
    }
    return unreadable != null ? Reading.unreadable(unreadable) : Reading.of(sum);
  }

  @Override
  public String source() {
    return "RAPL: " + String.join(", ", zones.stream().map(z -> z.name).toList());
  }

  /** Of a file that has one; -1 if it cannot be read. */
  private static long number(Path file) {
    try {
      return Long.parseLong(Files.readString(file).strip());
    } catch (IOException | NumberFormatException e) {
      return -1;
    }
  }

  private static String read(Path file) {
    try {
      return Files.readString(file).strip();
    } catch (IOException e) {
      return null;
    }
  }

  private static List<Path> list(Path directory, String glob) {
    List<Path> found = new ArrayList<>();
    try (DirectoryStream<Path> files = Files.newDirectoryStream(directory, glob)) {
      files.forEach(found::add);
    } catch (IOException | DirectoryIteratorException e) {
      return List.of();
    }
    found.sort(null);
    return found;
  }
}
