package dev.tern.bench;

import dev.tern.ModelIoException;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;

/** A process that does nothing but use one core, the first, until it is closed; any core if there is no taskset to pin it with. */
public final class BusyNeighbour implements AutoCloseable {
  private static final String LOOP = "while :; do :; done";

  private final Process process;

  public BusyNeighbour() {
    process = start();
  }

  private static Process start() {
    try {
      return builder("taskset", "-c", "0", "sh", "-c", LOOP).start();
    } catch (IOException e) {
      try {
        return builder("sh", "-c", LOOP).start();
      } catch (IOException again) {
        throw new ModelIoException("no shell: " + again.getMessage(), again);
      }
    }
  }

  private static ProcessBuilder builder(String... command) {
    return new ProcessBuilder(List.of(command)).redirectInput(Path.of("/dev/null").toFile())
        .redirectOutput(ProcessBuilder.Redirect.DISCARD).redirectError(ProcessBuilder.Redirect.DISCARD);
  }

  public long pid() {
    return process.pid();
  }

  @Override
  public void close() {
    process.destroyForcibly();
    try {
      process.waitFor();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
