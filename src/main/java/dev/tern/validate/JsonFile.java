package dev.tern.validate;

import com.fasterxml.jackson.databind.JsonNode;
import dev.tern.TernException;
import dev.tern.bench.ReportFormatException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.function.BiFunction;

/** A user's JSON file, bounded as {@link dev.tern.bench.JsonFile} has it, with exceptions of its reader's. */
final class JsonFile {
  private JsonFile() {}

  /**
   * The object in it.
   *
   * @param refusal makes the exception of a message that names the file, and its cause
   */
  static JsonNode read(Path file, BiFunction<String, Throwable, ? extends TernException> refusal) {
    try {
      return dev.tern.bench.JsonFile.read(file);
    } catch (ReportFormatException | UncheckedIOException e) {
      throw refusal.apply(e.getMessage(), e);
    }
  }
}
