package dev.tern.validate;

import com.fasterxml.jackson.databind.JsonNode;
import dev.tern.TernException;
import dev.tern.bench.ReportFormatException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.function.BiFunction;

/** A user's JSON file, bounded as {@link dev.tern.bench.JsonFile} has it, and a regular one: a pipe may never end. */
final class JsonFile {
  private JsonFile() {}

  /**
   * The object in it.
   *
   * @param refusal makes the exception of a message that names the file, and a cause or null
   */
  static JsonNode read(Path file, BiFunction<String, Throwable, ? extends TernException> refusal) {
    if (Files.exists(file) && !Files.isRegularFile(file)) {
      throw refusal.apply(file + " cannot be read: it is " + (Files.isDirectory(file) ? "a folder" : "no regular file"), null);
    }
    try {
      return dev.tern.bench.JsonFile.read(file);
    } catch (ReportFormatException | UncheckedIOException e) {
      throw refusal.apply(e.getMessage(), e);
    }
  }
}
