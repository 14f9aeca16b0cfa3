package dev.tern.format;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.tern.Engine;
import dev.tern.KvType;
import dev.tern.Model;
import dev.tern.ModelFormatException;
import dev.tern.Session;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Scales near the end of what floats hold: such weights are loaded exactly, or refused by name, and never become infinite. */
class LargeScalesTest {
  private static final String UP = "blk.0.ffn_up.weight";

  @TempDir Path directory;

  /** A model of random weights with other bytes in one matrix, and a scale beside it if it is not 1. */
  private Path changed(TensorType base, TensorType type, byte[] bytes, float scale) {
    GgufFile model = GgufFile.read(ByteSource.of(new RandomModel(ModelShape.of("tern-tiny")).type(base).toBytes(), "random"));
    GgufWriter out = new GgufWriter();
    model.metadata().keys().forEach(key -> out.copy(key, model.metadata().entry(key)));
    for (TensorInfo t : model.tensors().values()) {
      if (t.name().equals(UP)) {
        out.tensor(UP, type, t.dims(), sink -> sink.write(bytes));
      } else {
        out.tensor(t.name(), t.type(), t.dims(), sink -> sink.write(bytes(model, t.name())));
      }
    }
    if (scale != 1) {
      out.tensor("blk.0.ffn_up.scale", new long[] {1}, new float[] {scale});
    }
    Path path = directory.resolve(type + ".gguf");
    out.write(path);
    return path;
  }

  private static byte[] bytes(ModelFile model, String name) {
    byte[] bytes = new byte[(int) model.tensor(name).byteSize()];
    model.readTensor(model.tensor(name), 0, ByteBuffer.wrap(bytes));
    return bytes;
  }

  private static float[] logits(Path path) {
    try (Model model = Model.load(path);
        Engine engine = Engine.builder(model).kvType(KvType.F16).build();
        Session session = engine.newSession()) {
      assertEquals(13, model.nTernaryWeights());
      return session.logits(new int[] {1021, 5, 77, 400});
    }
  }

  /** +2 in TQ2_0, which an F16 does not hold if the scale is large: in a row behind others that it holds. */
  @Test
  void twiceAnF16() {
    byte[] codes;
    try (GgufFile random = GgufFile.read(ByteSource.of(new RandomModel(ModelShape.of("tern-tiny")).toBytes(), "random"))) {
      codes = bytes(random, UP);
    }
    ByteBuffer rows = ByteBuffer.wrap(codes).order(ByteOrder.LITTLE_ENDIAN); // 512 of one block each
    codes[0] = 3; // not ternary from the first row on
    codes[400 * 66] = (byte) 0xff;
    rows.putShort(400 * 66 + 64, Half.of(60000));
    float[] values = Dequantize.rows(TensorType.TQ2_0, rows, 256, 512);
    assertEquals(120000, java.util.stream.IntStream.range(0, values.length).mapToDouble(i -> values[i]).max().orElseThrow(), 64);
    ByteBuffer floats = ByteBuffer.allocate(values.length * 4).order(ByteOrder.LITTLE_ENDIAN);
    floats.asFloatBuffer().put(values);
    float[] expected = logits(changed(TensorType.TQ2_0, TensorType.F32, floats.array(), 1));
    float[] actual = logits(changed(TensorType.TQ2_0, TensorType.TQ2_0, codes, 1));
    for (float logit : actual) {
      assertTrue(Float.isFinite(logit));
    }
    assertArrayEquals(expected, actual);
  }

  /** Two scales that are finite, and their product is not: of a matrix that is ternary, and of one that is not. */
  @Test
  void aProductThatIsInfinite() {
    ByteBuffer floats = ByteBuffer.allocate(512 * 256 * 4).order(ByteOrder.LITTLE_ENDIAN);
    for (int i = 0; i < 512 * 256; i++) {
      floats.putFloat(4 * i, 1e30f);
    }
    refused(changed(TensorType.TQ2_0, TensorType.F32, floats.array(), 1e30f));
    floats.putFloat(0, 5);
    refused(changed(TensorType.TQ2_0, TensorType.F32, floats.array(), 1e30f));
    GgufFile random = GgufFile.read(ByteSource.of(new RandomModel(ModelShape.of("tern-tiny")).type(TensorType.I2_S).toBytes(), "random"));
    byte[] tail = bytes(random, UP);
    ByteBuffer.wrap(tail).order(ByteOrder.LITTLE_ENDIAN).putFloat(tail.length - TensorType.I2_S.tail(), 1e30f);
    refused(changed(TensorType.I2_S, TensorType.I2_S, tail, 1e30f));
  }

  private static void refused(Path path) {
    long before = Model.nativeBytes();
    ModelFormatException e = assertThrows(ModelFormatException.class, () -> Model.load(path).close());
    assertTrue(e.getMessage().contains("'" + UP + "'"), e.getMessage());
    assertEquals(before, Model.nativeBytes());
  }
}
