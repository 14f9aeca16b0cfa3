package dev.tern.cli;

import dev.tern.Model;
import java.nio.file.Path;
import picocli.CommandLine.Option;

/** Which model. */
final class ModelOptions {
  @Option(names = "--model", paramLabel = "FILE", description = "GGUF file; without it, the story model that comes with Tern")
  Path file;

  Model load(Streams io) {
    if (file == null) {
      return Model.embedded();
    }
    Progress progress = new Progress(io, "loading");
    // A file read in an instant needs no bar: none is drawn before the first quarter of a second.
    long start = System.nanoTime();
    try {
      return Model.load(file, (done, total) -> {
        if (io.errIsTerminal() && System.nanoTime() - start > 250_000_000) {
          progress.at(done, total, Text.bytes(total));
        }
      });
    } finally {
      progress.clear();
    }
  }
}
