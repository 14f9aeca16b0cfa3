package dev.tern.bench;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** Resident memory of this process, as Linux counts it. */
public final class ProcessMemory {
  private ProcessMemory() {}

  /** Bytes resident now. */
  public static long resident() {
    return status("VmRSS:");
  }

  /** The most bytes that were ever resident. */
  public static long peak() {
    return status("VmHWM:");
  }

  private static long status(String name) {
    try {
      for (String line : Files.readAllLines(Path.of("/proc/self/status"))) {
        if (line.startsWith(name)) {
          return Long.parseLong(line.replaceAll("\\D", "")) * 1024;
        }
      }
    } catch (IOException e) {
      throw new UncheckedIOException("resident memory is read from /proc/self/status, which is not here", e);
    }
    throw new IllegalStateException("/proc/self/status has no " + name);
  }
}
