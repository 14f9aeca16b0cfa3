package dev.tern.validate;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.tern.TernException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.function.BiFunction;

/** A user's JSON file: a regular one of bounded size, depth and number of values; one value, no name twice. */
final class JsonFile {
  static final long MAX_BYTES = 64L << 20;

  /** A tree takes some hundred bytes for each. */
  private static final long MAX_TOKENS = 4 << 20;

  private static final ObjectMapper MAPPER = new ObjectMapper(JsonFactory.builder().enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
      .streamReadConstraints(StreamReadConstraints.builder().maxNestingDepth(64).maxTokenCount(MAX_TOKENS).build()).build())
      .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS);

  private JsonFile() {}

  /**
   * Its value.
   *
   * @param refusal makes the exception of a message that names the file, and a cause or null
   */
  static JsonNode read(Path file, BiFunction<String, Throwable, ? extends TernException> refusal) {
    try {
      if (Files.exists(file) && !Files.isRegularFile(file)) { // a pipe may never end
        throw refusal.apply(file + " cannot be read: it is " + (Files.isDirectory(file) ? "a folder" : "no regular file"), null);
      }
      byte[] text;
      try (InputStream in = Files.newInputStream(file)) {
        text = Files.size(file) > MAX_BYTES ? null : in.readNBytes((int) MAX_BYTES + 1); // it may have grown
      }
      if (text == null || text.length > MAX_BYTES) {
        throw refusal.apply(file + " has more than " + MAX_BYTES + " bytes: it is no such file", null);
      }
      return MAPPER.readTree(text);
    } catch (JsonProcessingException e) {
      throw refusal.apply(file + " is not JSON: " + e.getOriginalMessage(), e);
    } catch (IOException e) {
      throw refusal.apply(file + " cannot be read: " + e, e);
    }
  }
}
