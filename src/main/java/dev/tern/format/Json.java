package dev.tern.format;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.tern.ModelFormatException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/** JSON objects out of files that nobody vouches for: strict, of bounded size and depth, and errors that name the file. */
final class Json {
  private static final ObjectMapper MAPPER =
      new ObjectMapper(
              JsonFactory.builder()
                  .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
                  .streamReadConstraints(StreamReadConstraints.builder().maxNestingDepth(64).maxNameLength(1 << 16).build())
                  .build())
          .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS);

  private Json() {}

  /** The object in a file of at most maxBytes. */
  static ObjectNode read(Path path, long maxBytes) {
    try (ByteSource source = ByteSource.open(path)) {
      if (source.size() > maxBytes) {
        throw new ModelFormatException(path + " has " + source.size() + " bytes, at most " + maxBytes + " are read", -1);
      }
      ByteBuffer bytes = ByteBuffer.allocate((int) source.size());
      source.read(0, bytes);
      return parse(bytes.array(), path.toString());
    }
  }

  static ObjectNode parse(byte[] utf8, String name) {
    JsonNode node;
    try {
      node = MAPPER.readTree(StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(utf8)).toString());
    } catch (CharacterCodingException e) {
      throw new ModelFormatException(name + " is not UTF-8", -1);
    } catch (JsonProcessingException e) {
      throw new ModelFormatException(
          name + " is not valid JSON: " + e.getOriginalMessage(), e.getLocation() == null ? -1 : e.getLocation().getCharOffset());
    }
    if (node == null || !node.isObject()) {
      throw new ModelFormatException(name + " is not a JSON object", -1);
    }
    return (ObjectNode) node;
  }
}
