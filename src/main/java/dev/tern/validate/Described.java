package dev.tern.validate;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;

/** What a backend says of itself, its choices and their reasons: JSON. */
final class Described {
  private static final ObjectMapper MAPPER = new ObjectMapper();

  private Described() {}

  /** @param json null if the device did not open: JSON's null then */
  static JsonNode of(String json) {
    try {
      return json == null ? MAPPER.nullNode() : MAPPER.readTree(json);
    } catch (JsonProcessingException e) {
      throw new IllegalStateException("the device's description is not JSON: " + e.getOriginalMessage(), e);
    }
  }
}
