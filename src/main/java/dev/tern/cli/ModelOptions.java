package dev.tern.cli;

import dev.tern.Device;
import dev.tern.Model;
import java.nio.file.Path;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** Which model. */
final class ModelOptions {
  @Option(names = "--model", paramLabel = "FILE", description = "GGUF file, or a Hugging Face directory; without it, the story model that comes with Tern")
  Path file;

  @Spec(Spec.Target.MIXEE)
  CommandSpec command;

  private Device device = Device.cpu();

  @Option(names = "--device", paramLabel = "NAME", description = "what computes: cpu, the default; cuda, the first GPU; cuda:N")
  void device(String name) {
    try {
      device = Device.of(name);
    } catch (IllegalArgumentException e) {
      throw new ParameterException(command.commandLine(), "--device: " + e.getMessage());
    }
  }

  Model load(Streams io) {
    if (file == null) {
      return Model.embedded(device);
    }
    return load(file, device, io);
  }

  /** Loads a file, with a bar on a terminal. */
  static Model load(Path file, Device device, Streams io) {
    Progress progress = new Progress(io, "loading");
    // A file read in an instant needs no bar: none is drawn before the first quarter of a second.
    long start = System.nanoTime();
    try {
      return Model.load(file, device, (done, total) -> {
        if (io.errIsTerminal() && System.nanoTime() - start > 250_000_000) {
          progress.at(done, total, Text.bytes(total));
        }
      });
    } finally {
      progress.clear();
    }
  }
}
