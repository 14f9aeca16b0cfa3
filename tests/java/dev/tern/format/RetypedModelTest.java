package dev.tern.format;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.tern.Engine;
import dev.tern.Model;
import dev.tern.Seed;
import dev.tern.Session;
import dev.tern.UnsupportedModelException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Ternary weights go from any type to any other without the change of a bit. */
class RetypedModelTest {
  private static final int[] TOKENS = {4095, 400, 300, 7, 12, 2000, 1, 1, 900};

  @TempDir Path directory;

  private static float[] logits(Path path) {
    try (Model model = Model.load(path);
        Engine engine = Engine.builder(model).build();
        Session session = engine.newSession()) {
      assertEquals(35, model.nTernaryWeights(), path.toString());
      return session.logits(TOKENS);
    }
  }

  private Path retyped(Path from, TensorType type) {
    Path to = directory.resolve(type + ".gguf");
    try (ModelFile file = ModelFile.open(from)) {
      new GgufWriter().copy(new RetypedModel(file, type)).write(to);
    }
    return to;
  }

  /** The story model: what it says after some tokens has the same bits all along the way, and so have its weights at the end. */
  @Test
  void theEmbeddedModelThroughEveryType() throws Exception {
    Path embedded = directory.resolve("embedded.gguf");
    try (InputStream in = Model.class.getResourceAsStream("/dev/tern/model/tern-stories.gguf");
        GgufFile file = GgufFile.read(in, "embedded")) {
      new GgufWriter().copy(file).write(embedded);
    }
    float[] expected;
    try (Model model = Model.embedded();
        Engine engine = Engine.builder(model).build();
        Session session = engine.newSession()) {
      expected = session.logits(TOKENS);
    }
    Path at = embedded;
    for (TensorType type : List.of(TensorType.F16, TensorType.TQ1_0, TensorType.TQ2_0, TensorType.I2_S, TensorType.IQ2_BN, TensorType.IQ1_BN,
        TensorType.Q2_0, TensorType.F32, TensorType.BF16)) {
      at = retyped(at, type);
      assertArrayEquals(expected, logits(at), "as " + type);
    }
    Path safetensors;
    try (GgufFile file = GgufFile.open(at)) {
      safetensors = new HfDirectory(file, HfDirectory.Weights.MULTIPLIED).write(directory.resolve("hf"), 2);
    }
    assertArrayEquals(expected, logits(safetensors), "as safetensors");
    Path back = retyped(safetensors, TensorType.TQ2_0);
    assertArrayEquals(expected, logits(back), "back from safetensors");
    try (GgufFile first = GgufFile.open(embedded);
        GgufFile last = GgufFile.open(back)) {
      for (WeightRef w : ModelSpec.from(first).weights()) {
        if (w.role().layerMatrix()) {
          ByteBuffer a = ByteBuffer.allocate((int) w.byteSize());
          ByteBuffer b = ByteBuffer.allocate((int) w.byteSize());
          first.readTensor(w.tensor(), 0, a);
          last.readTensor(last.tensor(w.name()), 0, b);
          assertArrayEquals(a.array(), b.array(), w.name());
        }
      }
    }
  }

  @ParameterizedTest
  @EnumSource(value = TensorType.class, names = {"F32", "F16", "BF16", "Q8_0", "Q4_0", "TQ1_0", "TQ2_0", "I2_S", "Q2_0", "IQ1_BN", "IQ2_BN"})
  void rowsAreThoseOfTheFormat(TensorType type) {
    Random random = Seed.random();
    byte[] codes = new byte[1024];
    for (int round = 0; round < 50; round++) {
      float scale = round == 0 ? 1 : Half.toFloat((short) (Half.of(random.nextFloat() + 0.001f) & ~7));
      for (int i = 0; i < codes.length; i++) {
        codes[i] = (byte) (round == 1 && i < 512 ? 1 : random.nextInt(3));
      }
      ByteBuffer row = ByteBuffer.allocate((int) type.rowBytes(codes.length)).order(ByteOrder.LITTLE_ENDIAN);
      TernaryCodes.encode(type, codes, scale, row);
      assertEquals(0, row.remaining());
      float[] values = Dequantize.rows(type, row.flip(), codes.length, 1);
      float unit = TernaryCodes.oneScale(type) ? 1 : scale;
      for (int i = 0; i < codes.length; i++) {
        assertEquals((codes[i] - 1) * unit, values[i], 0, type + " element " + i + ", " + Seed.text());
      }
      if (type == TensorType.Q8_0 || type == TensorType.Q4_0) {
        continue; // kept dense: never read as ternary
      }
      byte[] back = new byte[codes.length];
      assertEquals(unit, TernaryCodes.decode(type, row, back), Seed.text());
      assertArrayEquals(codes, back, Seed.text());
    }
  }

  /** The code 3, a second scale, infinity and NaN are nothing ternary. */
  @Test
  void otherRowsAreNotTernary() {
    byte[] codes = new byte[512];
    for (TensorType type : List.of(TensorType.TQ2_0, TensorType.Q2_0, TensorType.I2_S, TensorType.IQ2_BN)) {
      ByteBuffer row = ByteBuffer.allocate((int) type.rowBytes(512)).order(ByteOrder.LITTLE_ENDIAN);
      codes[300] = 3;
      TernaryCodes.encode(type, codes, 1, row);
      assertTrue(Float.isNaN(TernaryCodes.decode(type, row.flip(), codes)), type.toString());
      codes[300] = 0;
    }
    for (short second : new short[] {Half.of(2), (short) 0x7c00, (short) 0x7e00, (short) 0xbc00}) {
      ByteBuffer row = ByteBuffer.allocate(132).order(ByteOrder.LITTLE_ENDIAN);
      TernaryCodes.encode(TensorType.TQ2_0, codes, 1, row);
      row.putShort(130, second);
      assertTrue(Float.isNaN(TernaryCodes.decode(TensorType.TQ2_0, row.flip(), codes)));
    }
    ByteBuffer floats = ByteBuffer.allocate(2048).order(ByteOrder.LITTLE_ENDIAN);
    for (float bad : new float[] {2, Float.NaN, Float.POSITIVE_INFINITY}) {
      for (int i = 0; i < 512; i++) {
        floats.putFloat(4 * i, i == 400 ? bad : i % 3 - 1);
      }
      assertTrue(Float.isNaN(TernaryCodes.decode(TensorType.F32, floats, codes)));
    }
  }

  private ModelFile random(TensorType type) {
    return GgufFile.read(ByteSource.of(new RandomModel(ModelShape.of("tern-tiny")).type(type).toBytes(), "random"));
  }

  @Test
  void whatWouldChangeIsRefused() {
    assertThrows(UnsupportedModelException.class, () -> new RetypedModel(random(TensorType.Q8_0), TensorType.TQ2_0));
    assertThrows(IllegalArgumentException.class, () -> new RetypedModel(random(TensorType.TQ2_0), TensorType.Q8_0));
    TinyModel floats = TinyModel.llama(); // rows of 32 elements
    assertThrows(UnsupportedModelException.class, () -> new RetypedModel(floats.file(), TensorType.F32));
  }

  /** A scale of many bits moves into a tensor of its own when the blocks hold an F16 only, and two such cannot be one. */
  @Test
  void scalesOfManyBits() {
    GgufWriter out = new GgufWriter();
    ModelFile model = random(TensorType.IQ2_BN);
    float odd = 0.1f;
    String one = "blk.0.attn_q.weight";
    out.copy(new Changed(model, one, row -> odd));
    GgufFile file = GgufFile.read(ByteSource.of(out.toBytes(), "odd"));
    for (TensorType type : List.of(TensorType.TQ1_0, TensorType.BF16, TensorType.I2_S, TensorType.IQ2_BN)) {
      RetypedModel made = new RetypedModel(file, type);
      boolean beside = type == TensorType.TQ1_0 || type == TensorType.BF16;
      assertEquals(beside, made.tensor("blk.0.attn_q.scale") != null, type.toString());
      WeightRef w = ModelSpec.from(made).weights().stream().filter(x -> x.name().equals(one)).findFirst().orElseThrow();
      assertEquals(type == TensorType.IQ2_BN ? 1 : odd, w.scale());
    }
    GgufFile two = GgufFile.read(ByteSource.of(new GgufWriter().copy(new Changed(model, one, row -> row == 7 ? 0.5f : odd)).toBytes(), "two"));
    for (TensorType type : List.of(TensorType.TQ1_0, TensorType.I2_S)) {
      assertThrows(UnsupportedModelException.class, () -> new RetypedModel(two, type));
    }
    assertEquals(TensorType.F32, new RetypedModel(two, TensorType.F32).tensor(one).type());
  }

  /** Rows of more than 2 and 4 GiB in all are read a window at a time, as others are. */
  @Test
  void matricesAbove2GiB() {
    for (int nRows : new int[] {1 << 17, (1 << 17) + 1, 3 << 16, 1 << 18, (1 << 18) + 1}) {
      assertEquals(1 << 18, RetypedModel.windowBytes(1 << 18, nRows, 1 << 14));
    }
    assertEquals(3 << 14, RetypedModel.windowBytes(1 << 18, 3, 1 << 14));
  }

  /** A model with other scales in the rows of one IQ2_BN tensor. */
  private static final class Changed extends DerivedModel {
    private final String which;
    private final java.util.function.IntFunction<Float> scale;

    Changed(ModelFile model, String which, java.util.function.IntFunction<Float> scale) {
      super(model);
      this.which = which;
      this.scale = scale;
      tensors.putAll(model.tensors());
    }

    @Override
    void read(TensorInfo tensor, long from, ByteBuffer dst) {
      int begin = dst.position();
      model.readTensor(tensor, from, dst);
      if (tensor.name().equals(which) && from == 0) {
        ByteBuffer bytes = dst.duplicate().order(ByteOrder.LITTLE_ENDIAN);
        for (int r = 0; r < tensor.rows(); r++) {
          bytes.putFloat(begin + r * (int) tensor.rowBytes(), scale.apply(r));
        }
      }
    }
  }
}
