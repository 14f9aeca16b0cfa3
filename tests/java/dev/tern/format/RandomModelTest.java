package dev.tern.format;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class RandomModelTest {
  private static final ModelShape TINY = ModelShape.of("tern-tiny");

  @TempDir Path directory;

  private static GgufFile file(RandomModel model) {
    return GgufFile.read(ByteSource.of(model.toBytes(), "random"));
  }

  private static float[] values(GgufFile file, String name) {
    TensorInfo tensor = file.tensor(name);
    ByteBuffer bytes = ByteBuffer.allocate((int) tensor.byteSize()).order(ByteOrder.LITTLE_ENDIAN);
    file.readTensor(tensor, 0, bytes);
    return Dequantize.floats(tensor.type(), bytes.flip(), (int) tensor.columns());
  }

  @ParameterizedTest
  @CsvSource({"bitnet-b1.58,RELU2,true", "bitnet,RELU2,true", "bitnet-25,RELU2,true"})
  void isAModelOfItsShape(String arch, ModelSpec.Gate gate, boolean subNorms) {
    GgufFile file = file(new RandomModel(TINY).arch(arch));
    ModelSpec spec = ModelSpec.from(file);
    assertEquals(arch, spec.arch());
    assertEquals(gate, spec.gate());
    assertEquals(subNorms, spec.subNorms());
    assertEquals(2, spec.nLayers());
    assertEquals(1024, spec.vocabSize());
    assertTrue(spec.tiedOutput());
    assertEquals(64, spec.ropeDim());
    Tokenizer tokenizer = Tokenizer.from(file);
    String text = "hello, W\u00f6rld 123\n \ud83e\udd99";
    assertEquals(text, tokenizer.decode(tokenizer.encode(text)));
    assertEquals(1021, tokenizer.encode(text)[0]);
    assertTrue(tokenizer.encode(" the", false, false).length < 4, "merges apply");
    assertTrue(tokenizer.eogIds().contains(1023));
  }

  @Test
  void everyShapeIsWholeBlocks() {
    for (ModelShape shape : ModelShape.ALL) {
      assertEquals(0, shape.hiddenDim() % 256, shape.name());
      assertEquals(0, shape.ffnDim() % 256, shape.name());
      assertEquals(0, shape.nHeads() % shape.nKvHeads(), shape.name());
      assertEquals(shape, ModelShape.of(shape.name()));
    }
    assertTrue(assertThrows(IllegalArgumentException.class, () -> ModelShape.of("x")).getMessage().contains("bitnet-2b-4t"));
    assertThrows(IllegalArgumentException.class, () -> new RandomModel(TINY).arch("llama"));
    assertThrows(IllegalArgumentException.class, () -> new RandomModel(TINY).embeddingType(TensorType.TQ1_0));
    assertThrows(IllegalArgumentException.class, () -> new RandomModel(TINY).type(TensorType.Q6_K));
  }

  @ParameterizedTest
  @EnumSource(value = TensorType.class, mode = EnumSource.Mode.EXCLUDE, names = "Q6_K")
  void valuesAreTheSameInEveryType(TensorType type) {
    GgufFile expected = file(new RandomModel(TINY).type(TensorType.F32).seed(5));
    GgufFile actual = file(new RandomModel(TINY).type(type).seed(5));
    for (String name : new String[] {"blk.0.attn_q.weight", "blk.1.ffn_down.weight", "token_embd.weight"}) {
      assertArrayEquals(values(expected, name), values(actual, name), name);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"F16", "Q8_0", "BF16"})
  void embeddingsAreTheSameInEveryWideType(TensorType type) {
    float[] expected = values(file(new RandomModel(TINY).embeddingType(TensorType.F32)), "token_embd.weight");
    float[] actual = values(file(new RandomModel(TINY).embeddingType(type)), "token_embd.weight");
    for (int i = 0; i < expected.length; i++) {
      assertEquals(expected[i], actual[i], Math.abs(expected[i]) / (type == TensorType.BF16 ? 128 : 1024));
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"Q8_0", "Q6_K", "Q4_0"})
  void embeddingsHaveTheSameSizeInEveryType(TensorType type) {
    double squares = 0;
    float[] values = values(file(new RandomModel(TINY).embeddingType(type)), "token_embd.weight");
    for (float v : values) {
      squares += v * v;
    }
    assertEquals(4, squares / values.length * TINY.hiddenDim(), 0.4);
  }

  @Test
  void aLayerKeepsTheSizeOfItsInput() {
    float[] w = values(file(new RandomModel(TINY)), "blk.0.ffn_up.weight");
    int[] counts = new int[3];
    double squares = 0;
    for (float x : w) {
      counts[(int) Math.signum(x) + 1]++;
      squares += x * x;
    }
    for (int count : counts) {
      assertEquals(1 / 3.0, count / (double) w.length, 0.01);
    }
    assertEquals(1, squares / (w.length / 256.0), 0.05);
  }

  @Test
  void theSeedDecides() {
    assertArrayEquals(new RandomModel(TINY).seed(7).toBytes(), new RandomModel(TINY).seed(7).toBytes());
    float[] one = values(file(new RandomModel(TINY).seed(1)), "blk.0.attn_q.weight");
    float[] two = values(file(new RandomModel(TINY).seed(2)), "blk.0.attn_q.weight");
    assertFalse(java.util.Arrays.equals(one, two));
  }

  @Test
  void writesTheSameToDisk() throws Exception {
    Path path = directory.resolve("m.gguf");
    RandomModel model = new RandomModel(TINY).type(TensorType.TQ1_0);
    model.write(path);
    assertArrayEquals(model.toBytes(), Files.readAllBytes(path));
    assertEquals(model.size(), Files.size(path));
  }

  @Test
  void halfIsExactOnEveryHalfAndRoundsToNearestEven() {
    for (int h = 0; h < 65536; h++) {
      float f = Half.toFloat((short) h);
      if (!Float.isNaN(f)) {
        assertEquals((short) h, Half.of(f));
      }
    }
    assertEquals(Half.of(1f), Half.of(1 + 0x1p-11f));
    assertEquals(Half.of(1 + 0x1p-9f), Half.of(1 + 3 * 0x1p-11f));
    assertEquals((short) 0x7c00, Half.of(65520f));
    assertEquals((short) 0x7bff, Half.of(65519f));
    assertEquals(0, Half.of(0x1p-25f));
    assertEquals(1, Half.of(0x1.8p-25f));
    assertTrue(Float.isNaN(Half.toFloat(Half.of(Float.NaN))));
  }
}
