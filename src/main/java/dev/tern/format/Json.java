package dev.tern.format;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.tern.ModelFormatException;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.Reader;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;

/** JSON objects out of files that nobody vouches for: strict, of bounded size, depth and number of values, and errors that name the file. */
final class Json {
  private static final int MAX_VALUES = 8 << 20; // a vocabulary of 256,000 tokens with all of its merges takes 3 million
  private static final ObjectMapper MAPPER =
      new ObjectMapper(
              JsonFactory.builder()
                  .disable(JsonFactory.Feature.INTERN_FIELD_NAMES) // tokens of a vocabulary, each another
                  .disable(JsonFactory.Feature.CANONICALIZE_FIELD_NAMES)
                  .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
                  .streamReadConstraints(StreamReadConstraints.builder().maxNestingDepth(64).maxNameLength(1 << 16).maxTokenCount(MAX_VALUES).build())
                  .build())
          .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS);

  private Json() {}

  /** The object in a file of at most maxBytes, which is closed. */
  static ObjectNode read(ByteSource file, long maxBytes) {
    try (file) {
      return parse(stream(file, maxBytes), file.name());
    }
  }

  /** A file of at most maxBytes as a stream. */
  static InputStream stream(ByteSource file, long maxBytes) {
    Checked.atMost(file.size(), maxBytes, "bytes of " + file.name(), -1);
    return file.stream();
  }

  /** All bytes of a file of at most maxBytes. */
  static byte[] bytes(ByteSource file, long maxBytes) {
    Checked.atMost(file.size(), maxBytes, "bytes of " + file.name(), -1);
    ByteBuffer bytes = ByteBuffer.allocate((int) file.size());
    file.read(0, bytes);
    return bytes.array();
  }

  static ObjectNode parse(InputStream utf8, String name) {
    JsonNode node;
    try {
      node = MAPPER.readTree(text(utf8));
    } catch (IOException e) {
      throw invalid(name, e);
    }
    if (node == null || !node.isObject()) {
      throw new ModelFormatException(name + " is not a JSON object", -1);
    }
    return (ObjectNode) node;
  }

  /** A parser of an object too large for a tree of nodes; its exceptions are for {@link #invalid}. */
  static JsonParser parser(InputStream utf8, String name) {
    try {
      return MAPPER.getFactory().createParser(text(utf8));
    } catch (IOException e) {
      throw invalid(name, e);
    }
  }

  static ModelFormatException invalid(String name, IOException e) {
    if (e instanceof CharacterCodingException) {
      return new ModelFormatException(name + " is not UTF-8", -1);
    }
    long at = e instanceof JsonProcessingException json && json.getLocation() != null ? json.getLocation().getCharOffset() : -1;
    String why = e instanceof JsonProcessingException json ? json.getOriginalMessage() : e.getMessage();
    return new ModelFormatException(name + " is not valid JSON: " + why, at);
  }

  /** Text that is decoded as it is read, and never there as a whole. Its exception is a CharacterCodingException. */
  private static Reader text(InputStream utf8) {
    return new InputStreamReader(utf8, StandardCharsets.UTF_8.newDecoder());
  }
}
