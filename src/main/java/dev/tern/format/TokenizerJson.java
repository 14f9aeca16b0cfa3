package dev.tern.format;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.tern.ModelFormatException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.HashSet;
import java.util.Set;

/**
 * What is needed of a tokenizer.json, read as a stream: vocabulary and merges as lists, since as nodes they would take ten times the file's
 * bytes, and the few other fields that say something as a small tree. What nobody asks for is checked to be JSON, and not kept.
 */
final class TokenizerJson {
  private static final int MAX_NODES = 1 << 18; // of the tree; the largest known has some 50,000, of its added tokens
  private static final Set<String> FIELDS = Set.of("added_tokens", "normalizer", "pre_tokenizer", "post_processor");
  private static final Set<String> MODEL_FIELDS = Set.of("type", "unk_token", "byte_fallback", "ignore_merges");

  private final String name;
  private final JsonParser json;
  private int nNodes;

  /** All but the vocabulary and the merges. */
  final ObjectNode root = JsonNodeFactory.instance.objectNode();

  /** Tokens as the file has them in its vocabulary; null if it has none. */
  GgufStrings tokens;

  private TokenTable table; // of the tokens, to their places

  /** Their ids; only that they are ints is known. */
  int[] ids;

  /** Pairs of tokens with a space between; null if it has none. */
  GgufStrings merges;

  private TokenizerJson(InputStream utf8, String name) {
    this.name = name;
    json = Json.parser(utf8, name).disable(JsonParser.Feature.STRICT_DUPLICATE_DETECTION); // it would keep all tokens
  }

  /** Reads a file of at most maxBytes, which is closed. */
  static TokenizerJson read(ByteSource file, long maxBytes) {
    try (file) {
      return parse(Json.stream(file, maxBytes), file.name());
    }
  }

  static TokenizerJson parse(InputStream utf8, String name) {
    TokenizerJson made = new TokenizerJson(utf8, name);
    try (made.json) {
      made.readAll();
      return made;
    } catch (IOException e) {
      throw Json.invalid(name, e);
    }
  }

  private void readAll() throws IOException {
    if (json.nextToken() != JsonToken.START_OBJECT) {
      throw new ModelFormatException(name + " is not a JSON object", -1);
    }
    Set<String> seen = new HashSet<>();
    while (json.nextToken() == JsonToken.FIELD_NAME) {
      String field = field(seen);
      if (json.nextToken() == JsonToken.START_OBJECT && field.equals("model")) {
        readModel();
      } else if (FIELDS.contains(field)) {
        root.set(field, node());
      } else {
        json.skipChildren();
      }
    }
    if (json.nextToken() != null) {
      throw new ModelFormatException(name + " is not valid JSON: something stands behind the object", -1);
    }
  }

  private void readModel() throws IOException {
    ObjectNode model = root.putObject("model");
    Set<String> seen = new HashSet<>();
    while (json.nextToken() == JsonToken.FIELD_NAME) {
      String field = field(seen);
      JsonToken value = json.nextToken();
      if (field.equals("vocab") && value == JsonToken.START_OBJECT) {
        readVocabulary();
      } else if (field.equals("merges") && value == JsonToken.START_ARRAY) {
        readMerges();
      } else if (MODEL_FIELDS.contains(field)) {
        model.set(field, node());
      } else {
        json.skipChildren();
      }
    }
  }

  private void readVocabulary() throws IOException {
    GgufStrings.Builder names = new GgufStrings.Builder();
    IntList found = new IntList();
    while (json.nextToken() == JsonToken.FIELD_NAME) {
      String token = json.currentName();
      JsonToken value = json.nextToken();
      if (value != JsonToken.VALUE_NUMBER_INT || json.getNumberType() != JsonParser.NumberType.INT) {
        String id = value.isNumeric() ? json.getNumberValue().toString() : value.isScalarValue() ? json.getText() : "a list or an object";
        throw badId(token, "vocab", id);
      }
      names.add(token);
      found.add(json.getIntValue());
    }
    tokens = names.build();
    ids = found.toArray();
    table = new TokenTable(tokens);
    for (int i = 0; i < ids.length; i++) {
      if (table.add(i) != i) {
        throw duplicate(tokens.get(i));
      }
    }
  }

  /** The name of the next field of an object, which has had those that were seen. */
  private String field(Set<String> seen) throws IOException {
    String field = json.currentName();
    if (!seen.add(field)) {
      throw duplicate(field);
    }
    if (seen.size() > MAX_NODES) {
      throw tooMany();
    }
    return field;
  }

  private ModelFormatException duplicate(String field) {
    return new ModelFormatException(name + " is not valid JSON: Duplicate field '" + field + "'", json.currentLocation().getCharOffset());
  }

  private ModelFormatException tooMany() {
    return new ModelFormatException(name + " has more than " + MAX_NODES + " values beside vocabulary and merges", -1);
  }

  /** The id of a token of the vocabulary, or null. */
  Integer id(String token) {
    byte[] utf8 = token.getBytes(StandardCharsets.UTF_8);
    int i = table.find(utf8, 0, utf8.length);
    return i < 0 || !tokens.get(i).equals(token) ? null : ids[i]; // half a surrogate becomes a question mark
  }

  static ModelFormatException badId(String token, String where, String id) {
    return new ModelFormatException("tokenizer.json: token '" + token + "' of '" + where + "' has the id " + id, -1);
  }

  private void readMerges() throws IOException {
    GgufStrings.Builder pairs = new GgufStrings.Builder();
    while (json.nextToken() != JsonToken.END_ARRAY) {
      String merge = json.currentToken() == JsonToken.VALUE_STRING ? json.getText() : pair();
      if (merge == null) {
        throw new ModelFormatException("tokenizer.json: merge " + pairs.size() + " is not two tokens", -1);
      }
      pairs.add(merge);
    }
    merges = pairs.build();
  }

  /** A list of two tokens as GGUF has it, with a space between, so that there can be none in them; null for anything else. */
  private String pair() throws IOException {
    if (json.currentToken() != JsonToken.START_ARRAY) {
      json.skipChildren();
      return null;
    }
    String pair = null;
    int n = 0;
    boolean good = true;
    for (JsonToken value = json.nextToken(); value != JsonToken.END_ARRAY; value = json.nextToken(), n++) {
      good &= n < 2 && value == JsonToken.VALUE_STRING && json.getText().indexOf(' ') < 0;
      if (good) {
        pair = n == 0 ? json.getText() : pair + " " + json.getText();
      }
      json.skipChildren();
    }
    return good && n == 2 ? pair : null;
  }

  /** The current value as a tree. Recursion goes as deep as the parser lets values be. */
  private JsonNode node() throws IOException {
    if (++nNodes > MAX_NODES) {
      throw tooMany();
    }
    JsonNodeFactory make = JsonNodeFactory.instance;
    switch (json.currentToken()) {
      case START_OBJECT -> {
        ObjectNode object = make.objectNode();
        while (json.nextToken() == JsonToken.FIELD_NAME) {
          String field = json.currentName();
          json.nextToken();
          if (object.replace(field, node()) != null) {
            throw duplicate(field);
          }
        }
        return object;
      }
      case START_ARRAY -> {
        ArrayNode array = make.arrayNode();
        while (json.nextToken() != JsonToken.END_ARRAY) {
          array.add(node());
        }
        return array;
      }
      case VALUE_STRING -> {
        return make.textNode(json.getText());
      }
      case VALUE_TRUE, VALUE_FALSE -> {
        return make.booleanNode(json.getBooleanValue());
      }
      case VALUE_NUMBER_INT -> {
        return json.getNumberType() == JsonParser.NumberType.INT ? make.numberNode(json.getIntValue()) : make.numberNode(json.getDoubleValue());
      }
      case VALUE_NUMBER_FLOAT -> {
        return make.numberNode(json.getDoubleValue());
      }
      default -> {
        return make.nullNode();
      }
    }
  }
}
