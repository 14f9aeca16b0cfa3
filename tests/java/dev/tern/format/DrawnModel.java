package dev.tern.format;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.Map;

/** A case of tests/data/logits/cases.json as a Hugging Face directory, its weights drawn anew: the bytes that cases.py gave to transformers. */
final class DrawnModel {
  private static final ObjectMapper JSON = new ObjectMapper();

  final ObjectNode config;
  private final JsonNode spec;
  private final Map<String, byte[]> tensors = new LinkedHashMap<>();

  /** @throws IllegalStateException if the weights are not those that cases.py drew */
  DrawnModel(JsonNode spec) {
    this.spec = spec;
    config = spec.get("config").deepCopy();
    try {
      MessageDigest digest = MessageDigest.getInstance("SHA-256");
      for (JsonNode tensor : spec.get("tensors")) {
        byte[] bytes = draw(spec.get("name").textValue() + "/" + tensor.get("name").textValue(), tensor);
        digest.update(bytes);
        tensors.put(tensor.get("name").textValue(), bytes);
      }
      String drawn = HexFormat.of().formatHex(digest.digest());
      if (!drawn.equals(spec.get("sha256").textValue())) {
        throw new IllegalStateException(spec.get("name") + ": other weights were drawn than those of cases.py, SHA-256 " + drawn);
      }
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError(e);
    }
  }

  /** SplitMix64, its state beginning as FNV-1a of a name. */
  private static byte[] draw(String name, JsonNode tensor) {
    long seed = 0xcbf29ce484222325L;
    for (byte b : name.getBytes(StandardCharsets.UTF_8)) {
      seed = (seed ^ b & 0xff) * 0x100000001b3L;
    }
    RandomModel.Random random = new RandomModel.Random(seed);
    int n = 1;
    for (JsonNode extent : tensor.get("shape")) {
      n *= extent.intValue();
    }
    String dtype = tensor.get("dtype").textValue();
    float offset = tensor.get("offset").floatValue();
    float scale = tensor.get("scale").floatValue();
    ByteBuffer bytes = ByteBuffer.allocate(n * size(dtype)).order(ByteOrder.LITTLE_ENDIAN);
    for (int i = 0; i < n; i++) {
      long z = random.next();
      float value = offset + scale * ((z >>> 40) * 0x1p-23f - 1);
      switch (dtype) {
        case "U8" -> bytes.put(codes(z));
        case "BF16" -> bytes.putShort((short) (Float.floatToRawIntBits(value) >>> 16));
        case "F16" -> bytes.putShort(Half.of(value));
        default -> bytes.putFloat(value);
      }
    }
    return bytes.array();
  }

  private static int size(String dtype) {
    return switch (dtype) {
      case "U8" -> 1;
      case "BF16", "F16" -> 2;
      case "F32" -> 4;
      default -> throw new IllegalArgumentException(dtype);
    };
  }

  /** Four codes of 0, 1, 2. */
  private static byte codes(long z) {
    int codes = 0;
    for (int i = 0; i < 4; i++) {
      codes |= (int) ((z >>> 16 * i & 0xffff) * 3 >> 16) << 2 * i;
    }
    return (byte) codes;
  }

  private JsonNode tensor(String name) {
    for (JsonNode tensor : spec.get("tensors")) {
      if (tensor.get("name").textValue().equals(name)) {
        return tensor;
      }
    }
    throw new IllegalArgumentException(name);
  }

  /** Puts the rows of each head of a matrix of floats from the order (0, i), (1, i) to (i, 0), (i, 1): RoPE's other convention. */
  void adjacentPairs(String name, int headDim) {
    byte[] bytes = tensors.get(name);
    int row = bytes.length / tensor(name).get("shape").get(0).intValue();
    byte[] out = new byte[bytes.length];
    for (int r = 0; r < bytes.length / row; r++) {
      int in = r % headDim;
      int source = r - in + in % 2 * (headDim / 2) + in / 2;
      System.arraycopy(bytes, source * row, out, r * row, row);
    }
    tensors.put(name, out);
  }

  /** Gives a tensor the bytes of another, of the same size. */
  void replace(String name, String by) {
    tensors.put(name, tensors.get(by));
  }

  Path write(Path directory) {
    try {
      Files.createDirectories(directory);
      Files.write(directory.resolve("config.json"), JSON.writeValueAsBytes(config));
      Files.write(directory.resolve("tokenizer.json"), JSON.writeValueAsBytes(tokenizer()));
      ObjectNode header = JSON.createObjectNode();
      long at = 0;
      for (Map.Entry<String, byte[]> e : tensors.entrySet()) {
        JsonNode tensor = tensor(e.getKey());
        ObjectNode t = header.putObject(e.getKey()).put("dtype", tensor.get("dtype").textValue());
        t.set("shape", tensor.get("shape"));
        t.putArray("data_offsets").add(at).add(at += e.getValue().length);
      }
      byte[] json = JSON.writeValueAsBytes(header);
      try (OutputStream out = Files.newOutputStream(directory.resolve("model.safetensors"))) {
        out.write(ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(json.length).array());
        out.write(json);
        for (byte[] bytes : tensors.values()) {
          out.write(bytes);
        }
      }
      return directory;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Any that has so many tokens: prompts are ids. */
  private ObjectNode tokenizer() {
    ObjectNode tokenizer = JSON.createObjectNode();
    ObjectNode bpe = tokenizer.putObject("model").put("type", "BPE");
    ObjectNode vocab = bpe.putObject("vocab");
    int n = config.get("vocab_size").intValue();
    for (int i = 0; i < n; i++) {
      vocab.put(i < 256 ? String.valueOf(BpeTokenizer.spelling(i)) : "word" + i, i);
    }
    bpe.putArray("merges");
    tokenizer.putObject("pre_tokenizer").put("type", "ByteLevel").put("add_prefix_space", false).put("use_regex", true);
    return tokenizer;
  }
}
