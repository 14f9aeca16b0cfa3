package dev.tern.validate;

import com.fasterxml.jackson.databind.JsonNode;
import dev.tern.Device;
import dev.tern.kernel.DeviceChecks;
import dev.tern.kernel.DeviceChecks.Case;
import dev.tern.kernel.DeviceChecks.Result;
import dev.tern.kernel.NativeDevice;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** A device of this machine. */
public final class NativeSubject implements Subject {
  private final boolean cuda;
  private final NativeDevice device;
  private final DeviceChecks checks;

  /**
   * Opens it.
   *
   * @param nThreads of the CPU, 0: one per core
   * @throws dev.tern.DeviceUnavailableException if it cannot be used, with the reason
   */
  public NativeSubject(Device which, int nThreads) {
    cuda = which.isCuda();
    device = new NativeDevice(which, nThreads);
    DeviceChecks opened;
    try {
      opened = new DeviceChecks(device);
    } catch (RuntimeException e) {
      device.close();
      throw e;
    }
    checks = opened;
  }

  @Override
  public List<Case> cases() {
    return checks.cases();
  }

  @Override
  public Result runCase(Case c) {
    return checks.runCase(c.index());
  }

  @Override
  public Result repeat(Repeated what, int nRepeats, long seed) {
    return checks.repeat(what.ordinal(), nRepeats, seed);
  }

  @Override
  public Result memory(MemoryPattern pattern, long nBytes, long seed) {
    return checks.memory(nBytes, pattern.ordinal(), seed);
  }

  @Override
  public Result copies(long nBytes, long seed) {
    return checks.copies(nBytes, seed);
  }

  @Override
  public Result speed(Timed what) {
    return checks.speed(what.ordinal());
  }

  @Override
  public double callSeconds() {
    return DeviceChecks.callSeconds();
  }

  @Override
  public long freeBytes() {
    return cuda ? described("memory_free_bytes").asLong() : availableMemory();
  }

  @Override
  public String name() {
    return cuda ? described("device").textValue() : null;
  }

  @Override
  public String describe() {
    return device.describe();
  }

  private JsonNode described(String field) {
    return Described.of(device.describe()).path(field);
  }

  private static long availableMemory() {
    try {
      for (String line : Files.readAllLines(Path.of("/proc/meminfo"))) {
        if (line.startsWith("MemAvailable:")) {
          return Long.parseLong(line.replaceAll("\\D", "")) * 1024;
        }
      }
    } catch (IOException e) {
      return 0; // not Linux as it should be: the smallest test of memory will do
    }
    return 0;
  }

  @Override
  public void close() {
    device.close();
  }
}
