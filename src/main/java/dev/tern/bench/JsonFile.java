package dev.tern.bench;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;

/** JSON reports out of files that may be anything: of bounded size, depth and number of values, one object, no name in it twice. */
public final class JsonFile {
  /** What a file may have. A report of a thousand cases with all of their samples has 30 MB. */
  public static final int MAX_BYTES = 64 << 20;
  private static final int MAX_TOKENS = 4 << 20;
  private static final int MAX_DEPTH = 64;
  private static final ObjectMapper MAPPER = new ObjectMapper(JsonFactory.builder().enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
      .streamReadConstraints(StreamReadConstraints.builder().maxNestingDepth(MAX_DEPTH).maxNameLength(1 << 10).maxTokenCount(MAX_TOKENS).build()).build())
      .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS);

  private JsonFile() {}

  /**
   * The object in a file.
   *
   * @throws ReportFormatException if the file is not there or no regular one, has more than {@link #MAX_BYTES}, is not UTF-8 or holds no JSON object
   * @throws UncheckedIOException if it cannot be read
   */
  public static JsonNode read(Path file) {
    return read(file, MAX_BYTES);
  }

  /** @param maxBytes {@link #MAX_BYTES}; a test has less */
  static JsonNode read(Path file, int maxBytes) {
    if (Files.exists(file) && !Files.isRegularFile(file)) { // opening a pipe waits for whoever writes to it, and reading may never end
      throw new ReportFormatException(file + " cannot be read: it is " + (Files.isDirectory(file) ? "a folder" : "no regular file"));
    }
    byte[] bytes;
    try (InputStream in = Files.newInputStream(file)) {
      if (Files.size(file) > maxBytes) {
        throw tooLarge(file, maxBytes);
      }
      bytes = in.readNBytes(maxBytes + 1); // a file may grow
    } catch (NoSuchFileException e) {
      throw new ReportFormatException(file + ": no such file", e);
    } catch (IOException e) {
      throw new UncheckedIOException(file + " cannot be read: " + e, e);
    }
    if (bytes.length > maxBytes) {
      throw tooLarge(file, maxBytes);
    }
    try {
      return parse(StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString(), file.toString());
    } catch (CharacterCodingException e) {
      throw new ReportFormatException(file + " is not UTF-8", e);
    }
  }

  private static ReportFormatException tooLarge(Path file, int maxBytes) {
    return new ReportFormatException(file + " is no report: it has more than " + maxBytes + " bytes");
  }

  /**
   * The object in a text.
   *
   * @param name of its file, for errors
   * @throws ReportFormatException if it is no JSON object
   */
  static JsonNode parse(String text, String name) {
    JsonNode root;
    try {
      root = MAPPER.readTree(text);
    } catch (JsonProcessingException e) { // of bounds that are exceeded, too
      throw new ReportFormatException(name + " is not JSON: " + e.getOriginalMessage(), e);
    }
    if (root == null || !root.isObject()) {
      throw new ReportFormatException(name + " is no JSON object");
    }
    return root;
  }
}
