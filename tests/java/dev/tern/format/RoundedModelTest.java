package dev.tern.format;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.tern.ModelFormatException;
import dev.tern.Seed;
import dev.tern.UnsupportedModelException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** An embedding rounded to fewer bits: how much is lost, and that nothing else changes. */
class RoundedModelTest {
  private static final ModelShape SHAPE = ModelShape.of("tern-tiny");

  private static byte[] bytes(ModelFile file, TensorInfo tensor) {
    byte[] all = new byte[(int) tensor.byteSize()];
    file.readTensor(tensor, 0, ByteBuffer.wrap(all));
    return all;
  }

  private static float[] rounded(TensorType type, float[] row) {
    ByteBuffer out = ByteBuffer.allocate((int) type.rowBytes(row.length)).order(ByteOrder.LITTLE_ENDIAN);
    BlockRounding.round(type, row, out);
    assertEquals(0, out.remaining());
    return Dequantize.floats(type, out.flip(), row.length);
  }

  /** Root of the mean squared error, of that of the values. */
  private static double error(float[] values, float[] rounded) {
    double squares = 0;
    double errors = 0;
    for (int i = 0; i < values.length; i++) {
      squares += (double) values[i] * values[i];
      errors += ((double) values[i] - rounded[i]) * ((double) values[i] - rounded[i]);
    }
    return Math.sqrt(errors / squares);
  }

  /** With the last size, scales are not normal numbers in half precision. */
  @ParameterizedTest
  @CsvSource({"Q8_0, 0.004, 0.006", "Q6_K, 0.012, 0.018", "Q4_0, 0.06, 0.09"})
  void normalValuesLoseWhatTheirBitsSay(TensorType type, double least, double most) {
    Random random = Seed.random();
    for (double size : new double[] {1, 1.0 / 64, 2e-3}) {
      float[] row = new float[256 * 64];
      for (int i = 0; i < row.length; i++) {
        row[i] = (float) (random.nextGaussian() * size);
      }
      double error = error(row, rounded(type, row));
      assertTrue(error > least && error < most, type + " of " + size + ": " + error + ", " + Seed.text());
    }
  }

  private static int code(TensorType type, double value) {
    return (int) Math.max(type == TensorType.Q8_0 ? -127 : -8, Math.min(type == TensorType.Q8_0 ? 127 : 7, Math.rint(value)));
  }

  /** Every block on its own, beside the best of a thousand scales: never far from it, and on average near; Q4_0 nearer than the outermost value's own scale. */
  @ParameterizedTest
  @CsvSource({"Q8_0, 1.7, 1.25", "Q4_0, 1.1, 1.01"})
  void scalesAreGood(TensorType type, double most, double onAverage) {
    Random random = Seed.random();
    double sum = 0;
    double plain = 0;
    int rounds = 100;
    for (int round = 0; round < rounds; round++) {
      float[] row = new float[32];
      double outermost = 0;
      for (int i = 0; i < row.length; i++) {
        row[i] = (float) (random.nextGaussian() * (random.nextInt(16) == 0 ? 4 : 1));
        outermost = Math.abs(row[i]) > Math.abs(outermost) ? row[i] : outermost;
      }
      double first = outermost / (type == TensorType.Q8_0 ? 127 : -8);
      double best = Double.POSITIVE_INFINITY;
      float[] values = new float[32];
      for (int s = 0; s <= 1000; s++) {
        double scale = first * (s == 1000 ? 1 : 0.8 + 0.0005 * s);
        for (int i = 0; i < 32; i++) {
          values[i] = (float) (scale * code(type, row[i] / scale));
        }
        best = Math.min(best, error(row, values));
      }
      plain += error(row, values) / best / rounds; // of the last scale
      double ratio = error(row, rounded(type, row)) / best;
      assertTrue(ratio < most, type + ": " + ratio + " times the best, " + Seed.text());
      sum += ratio / rounds;
    }
    assertTrue(sum < onAverage, type + ": " + sum + " times the best, " + Seed.text());
    assertTrue(type == TensorType.Q8_0 || sum < plain - 0.02, type + ": " + sum + " and " + plain + ", " + Seed.text());
  }

  @ParameterizedTest
  @EnumSource(value = TensorType.class, names = {"Q8_0", "Q6_K", "Q4_0"})
  void rowsAtTheEnds(TensorType type) {
    float[] row = new float[512];
    assertArrayEquals(row, rounded(type, row), 1e-30f); // zeros
    row[300] = -3;
    assertEquals(-3, rounded(type, row)[300], 0.01);
    assertEquals(0, rounded(type, row)[301], 1e-30);
    Arrays.fill(row, 1e-30f); // less than half precision tells: zeros
    assertArrayEquals(new float[512], rounded(type, row), 1e-32f);
    Arrays.fill(row, Float.MAX_VALUE); // more than it tells: the most there is
    for (float v : rounded(type, row)) {
      assertTrue(v > 65504 && Float.isFinite(v), type + ": " + v);
    }
  }

  @ParameterizedTest
  @CsvSource({"Q8_0, BF16", "Q6_K, F16", "Q6_K, BF16", "Q4_0, F32"})
  void onlyTheEmbeddingChanges(TensorType type, TensorType from) {
    try (GgufFile random = GgufFile.read(ByteSource.of(new RandomModel(SHAPE).embeddingType(from).toBytes(), "random"))) {
      RoundedModel model = new RoundedModel(random, type);
      assertEquals(random.tensors().keySet(), model.tensors().keySet());
      for (TensorInfo tensor : model.tensors().values()) {
        TensorInfo source = random.tensor(tensor.name());
        byte[] actual = bytes(model, tensor);
        if (!tensor.name().equals("token_embd.weight")) {
          assertEquals(source, tensor);
          assertArrayEquals(bytes(random, source), actual, tensor.name());
          continue;
        }
        assertEquals(type, tensor.type());
        int columns = (int) source.columns();
        float[] values = Dequantize.floats(from, ByteBuffer.wrap(bytes(random, source)).order(ByteOrder.LITTLE_ENDIAN), columns);
        float[] kept = Dequantize.floats(type, ByteBuffer.wrap(actual).order(ByteOrder.LITTLE_ENDIAN), columns);
        assertTrue(error(values, kept) < (type == TensorType.Q4_0 ? 0.1 : 0.02), type + ": " + error(values, kept));
        Random seeded = Seed.random();
        for (int i = 0; i < 20; i++) { // pieces of any size are those of the whole
          int at = seeded.nextInt(actual.length);
          byte[] piece = new byte[1 + seeded.nextInt(Math.min(5000, actual.length - at))];
          model.readTensor(tensor, at, ByteBuffer.wrap(piece));
          assertArrayEquals(Arrays.copyOfRange(actual, at, at + piece.length), piece, Seed.text());
        }
        assertThrows(IllegalArgumentException.class, () -> model.readTensor(tensor, actual.length - 1, ByteBuffer.allocate(2)));
        assertThrows(IllegalArgumentException.class, () -> model.readTensor(source, 0, ByteBuffer.allocate(1)));
      }
      ModelSpec spec = ModelSpec.from(model);
      assertNotEquals(ModelSpec.from(random), spec);
    }
  }

  /** An output matrix of its own is rounded, too. */
  @Test
  void theOutputMatrixIsRounded() {
    ModelShape untied = new ModelShape("untied", "llama", 1, 256, 4, 2, 64, 512, 300, 512, 10_000, false);
    try (GgufFile random = GgufFile.read(ByteSource.of(new RandomModel(untied).embeddingType(TensorType.BF16).toBytes(), "random"))) {
      RoundedModel model = new RoundedModel(random, TensorType.Q6_K);
      for (String name : new String[] {"token_embd.weight", "output.weight"}) {
        TensorInfo source = random.tensor(name);
        assertEquals(TensorType.Q6_K, model.tensor(name).type());
        float[] values = Dequantize.floats(TensorType.BF16, ByteBuffer.wrap(bytes(random, source)).order(ByteOrder.LITTLE_ENDIAN), 256);
        float[] kept = Dequantize.floats(TensorType.Q6_K, ByteBuffer.wrap(bytes(model, model.tensor(name))).order(ByteOrder.LITTLE_ENDIAN), 256);
        assertTrue(error(values, kept) < 0.02, name + ": " + error(values, kept));
      }
    }
  }

  @Test
  void refusesWhatCannotBeRounded() {
    try (GgufFile whole = GgufFile.read(ByteSource.of(new RandomModel(SHAPE).embeddingType(TensorType.Q8_0).toBytes(), "random"))) {
      String message = assertThrows(UnsupportedModelException.class, () -> new RoundedModel(whole, TensorType.Q6_K)).getMessage();
      assertTrue(message.contains("token_embd.weight") && message.contains("Q8_0"), message);
      assertThrows(IllegalArgumentException.class, () -> new RoundedModel(whole, TensorType.TQ2_0));
    }
    byte[] bytes = new RandomModel(SHAPE).embeddingType(TensorType.F16).toBytes();
    try (GgufFile file = GgufFile.read(ByteSource.of(bytes, "random"))) {
      TensorInfo embedding = file.tensor("token_embd.weight");
      bytes[(int) embedding.offset() + 2 * 1000] = 0;
      bytes[(int) embedding.offset() + 2 * 1000 + 1] = 0x7e;
    }
    try (GgufFile file = GgufFile.read(ByteSource.of(bytes, "random"))) {
      RoundedModel model = new RoundedModel(file, TensorType.Q6_K);
      TensorInfo tensor = model.tensor("token_embd.weight");
      String message = assertThrows(ModelFormatException.class, () -> bytes(model, tensor)).getMessage();
      assertTrue(message.contains("row 3 of tensor 'token_embd.weight'"), message);
    }
  }
}
