package dev.tern.validate;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** A processor as Linux tells of it in /proc and /sys. */
public final class CpuHealth implements Health {
  private final Path root;

  public CpuHealth() {
    this(Path.of("/"));
  }

  /** @param root of the file system that has proc and sys */
  CpuHealth(Path root) {
    this.root = root;
  }

  @Override
  public Reading<String> name() {
    return cpuinfo("model name");
  }

  @Override
  public Reading<String> driver() {
    return cpuinfo("microcode").map(version -> "microcode " + version);
  }

  @Override
  public Reading<String> runtime() {
    return text("proc/sys/kernel/osrelease").map(release -> "Linux " + release);
  }

  @Override
  public Reading<Integer> cores() {
    return Reading.of(Runtime.getRuntime().availableProcessors());
  }

  @Override
  public Reading<Long> memoryBytes() {
    return meminfo("MemTotal:");
  }

  @Override
  public Reading<Long> memoryFreeBytes() {
    return meminfo("MemAvailable:");
  }

  /** Of all memory controllers (EDAC). */
  @Override
  public Reading<EccErrors> eccErrors() {
    List<Path> controllers = list("sys/devices/system/edac/mc", "mc[0-9]*");
    if (controllers.isEmpty()) {
      return Reading.unreadable("/sys/devices/system/edac/mc has no memory controller: no EDAC driver, no ECC, or a virtual machine");
    }
    long corrected = 0;
    long uncorrected = 0;
    for (Path controller : controllers) {
      Reading<Long> ce = number(controller.resolve("ce_count"));
      Reading<Long> ue = number(controller.resolve("ue_count"));
      if (!ce.isKnown() || !ue.isKnown()) {
        return Reading.unreadable((ce.isKnown() ? ue : ce).unreadable());
      }
      corrected += ce.value();
      uncorrected += ue.value();
    }
    return Reading.of(new EccErrors(corrected, uncorrected));
  }

  @Override
  public Reading<Integer> coreClockMhz() {
    Reading<Long> kilohertz = number(root.resolve("sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq"));
    return kilohertz.isKnown() ? kilohertz.map(k -> (int) (k / 1000)) : cpuinfo("cpu MHz").map(mhz -> (int) Double.parseDouble(mhz));
  }

  @Override
  public Reading<Integer> coreClockMaxMhz() {
    return number(root.resolve("sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq")).map(k -> (int) (k / 1000));
  }

  /** The hottest of what the processor's own sensors tell. */
  @Override
  public Reading<Integer> temperatureCelsius() {
    return sensor("_input");
  }

  @Override
  public Reading<Integer> slowdownCelsius() {
    return sensor("_crit");
  }

  @Override
  public Reading<Long> thermalThrottles() {
    long events = 0;
    int n = 0;
    for (Path cpu : list("sys/devices/system/cpu", "cpu[0-9]*")) {
      Reading<Long> count = number(cpu.resolve("thermal_throttle/core_throttle_count"));
      events += count.isKnown() ? count.value() : 0;
      n += count.isKnown() ? 1 : 0;
    }
    return n == 0 ? Reading.unreadable("/sys/devices/system/cpu/cpu*/thermal_throttle is not there") : Reading.of(events);
  }

  private Reading<Integer> sensor(String suffix) {
    long hottest = Long.MIN_VALUE;
    for (Path monitor : list("sys/class/hwmon", "hwmon[0-9]*")) {
      Reading<String> name = text(root.relativize(monitor).resolve("name").toString());
      if (!name.isKnown() || !List.of("coretemp", "k10temp", "zenpower").contains(name.value())) {
        continue;
      }
      for (Path file : list(root.relativize(monitor).toString(), "temp[0-9]*" + suffix)) {
        Reading<Long> milli = number(file);
        hottest = milli.isKnown() ? Math.max(hottest, milli.value()) : hottest;
      }
    }
    return hottest == Long.MIN_VALUE ? Reading.unreadable("no sensor of the processor in /sys/class/hwmon") : Reading.of((int) (hottest / 1000));
  }

  private Reading<String> cpuinfo(String field) {
    try {
      for (String line : Files.readAllLines(root.resolve("proc/cpuinfo"))) {
        int colon = line.indexOf(':');
        if (colon > 0 && line.substring(0, colon).trim().equals(field)) {
          return Reading.of(line.substring(colon + 1).trim());
        }
      }
      return Reading.unreadable("/proc/cpuinfo has no " + field);
    } catch (IOException e) {
      return Reading.unreadable("/proc/cpuinfo: " + e.getMessage());
    }
  }

  private Reading<Long> meminfo(String field) {
    try {
      for (String line : Files.readAllLines(root.resolve("proc/meminfo"))) {
        if (line.startsWith(field)) {
          return Reading.of(Long.parseLong(line.replaceAll("\\D", "")) * 1024);
        }
      }
      return Reading.unreadable("/proc/meminfo has no " + field);
    } catch (IOException | NumberFormatException e) {
      return Reading.unreadable("/proc/meminfo: " + e.getMessage());
    }
  }

  private Reading<String> text(String path) {
    try {
      return Reading.of(Files.readString(root.resolve(path)).strip());
    } catch (IOException | UncheckedIOException e) {
      return Reading.unreadable("/" + path + " cannot be read");
    }
  }

  private Reading<Long> number(Path file) {
    try {
      return Reading.of(Long.parseLong(Files.readString(file).strip()));
    } catch (IOException | NumberFormatException e) {
      return Reading.unreadable("/" + root.relativize(file) + " cannot be read");
    }
  }

  private List<Path> list(String directory, String glob) {
    List<Path> found = new ArrayList<>();
    try (DirectoryStream<Path> files = Files.newDirectoryStream(root.resolve(directory), glob)) {
      files.forEach(found::add);
    } catch (IOException | java.nio.file.DirectoryIteratorException e) {
      return List.of();
    }
    found.sort(null);
    return found;
  }
}
