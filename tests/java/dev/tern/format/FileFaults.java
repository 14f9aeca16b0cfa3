package dev.tern.format;

import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.tern.ModelFormatException;
import dev.tern.TernException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/** Meets one fault: the right exception, whose message says so, in memory that the file justifies. */
final class FileFaults {
  private FileFaults() {}

  static void gguf(String message, RawGguf file) {
    gguf(ModelFormatException.class, message, file);
  }

  static void gguf(Class<? extends TernException> type, String message, RawGguf file) {
    byte[] bytes = file.bytes();
    TernException e = assertThrows(type, () -> Allocation.bounded(bytes.length, 8, () -> GgufFile.read(ByteSource.of(bytes, "gguf"))));
    assertTrue(e.getMessage().contains(message), e.getMessage());
  }

  static void model(Class<? extends TernException> type, String message, TinyModel model) {
    GgufFile file = model.file();
    TernException e = assertThrows(type, () -> {
      ModelSpec.from(file);
      Tokenizer.from(file);
    });
    assertTrue(e.getMessage().contains(message), e.getMessage());
  }

  static void safetensors(String message, String header, int nData) {
    byte[] json = header.getBytes(StandardCharsets.UTF_8);
    safetensors(message, ByteBuffer.allocate(8 + json.length + nData).order(ByteOrder.LITTLE_ENDIAN).putLong(json.length).put(json).array());
  }

  static void safetensors(String message, byte[] bytes) {
    TernException e = assertThrows(ModelFormatException.class,
        () -> Allocation.bounded(bytes.length, 64, () -> new SafetensorsFile(ByteSource.of(bytes, "safetensors")).close()));
    assertTrue(e.getMessage().contains(message), e.getMessage());
  }

  static String entry(String dtype, String shape, String range) {
    return "{\"a\":{\"dtype\":\"" + dtype + "\",\"shape\":" + shape + ",\"data_offsets\":" + range + "}}";
  }

  static HfDirectory tiny() {
    return new HfDirectory(GgufFile.read(ByteSource.of(new RandomModel(ModelShape.of("tern-tiny")).toBytes(), "random")),
        HfDirectory.Weights.MULTIPLIED);
  }

  static byte[] smallSafetensors() {
    byte[] json = entry("F32", "[2]", "[0,8]").getBytes(StandardCharsets.UTF_8);
    return ByteBuffer.allocate(16 + json.length).order(ByteOrder.LITTLE_ENDIAN).putLong(json.length).put(json).array();
  }

  static ObjectNode smallTokenizer() {
    ObjectNode root = JsonNodeFactory.instance.objectNode();
    ObjectNode model = root.putObject("model").put("type", "BPE");
    model.putObject("vocab").put("a", 0).put("b", 1).put("ab", 2);
    model.putArray("merges").add("a b");
    root.putArray("added_tokens").addObject().put("id", 3).put("content", "<\u00e9>").put("special", true);
    return root;
  }

  static byte[] read(Path path) {
    try {
      return Files.readAllBytes(path);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  static void truncate(Path path, long size) throws IOException {
    try (FileChannel channel = FileChannel.open(path, StandardOpenOption.WRITE)) {
      channel.truncate(size);
    }
  }

  static void readAll(ModelFile file) {
    for (TensorInfo tensor : file.tensors().values()) {
      file.readTensor(tensor, 0, ByteBuffer.allocate((int) tensor.byteSize()));
    }
  }

  static ObjectNode vocab(HfDirectory d) {
    return (ObjectNode) d.tokenizer.at("/model/vocab");
  }

  static ArrayNode merges(HfDirectory d) {
    return (ArrayNode) d.tokenizer.at("/model/merges");
  }
}
