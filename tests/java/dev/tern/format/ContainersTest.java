package dev.tern.format;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.tern.Engine;
import dev.tern.Model;
import dev.tern.Sampling;
import dev.tern.Session;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The same model in every container: the same logits, bit for bit, and it generates. */
class ContainersTest {
  private static final ModelShape SHAPE = ModelShape.of("tern-tiny");
  private static final int[] TOKENS = {1021, 5, 77, 400, 12, 1000, 3, 3, 256, 90};

  @TempDir Path directory;

  private static float[] logits(Path path) {
    try (Model model = Model.load(path);
        Engine engine = Engine.builder(model).build();
        Session session = engine.newSession()) {
      assertEquals(14, model.nTernaryWeights());
      float[] logits = session.logits(TOKENS);
      session.reset();
      assertEquals(8, session.generate("the", Sampling.greedy().maxTokens(8).ignoreEos(true)).result().ids().length);
      return logits;
    }
  }

  @ParameterizedTest
  @EnumSource(Containers.Container.class)
  void loadsAndGenerates(Containers.Container container) throws Exception {
    float[] got = logits(Containers.write(SHAPE, container, directory));
    if (container == Containers.Container.BF16_MASTERS) {
      return; // its scales are the mean magnitudes: HfModelTest compares the values
    }
    RandomModel plain = new RandomModel(SHAPE).embeddingType(container.directory() ? TensorType.BF16 : TensorType.Q8_0);
    Path expected = directory.resolve("expected.gguf");
    plain.write(expected);
    float[] want = logits(expected);
    if (container == Containers.Container.PACKED_BITLINEAR) { // 1 / (1 / scale) may be the next float
      for (int i = 0; i < want.length; i++) {
        assertEquals(want[i], got[i], 1e-4 * Math.max(1, Math.abs(want[i])));
      }
      return;
    }
    assertArrayEquals(want, got);
  }

  /** A file that holds ternary values as floats and one that holds them packed are the same model, with the same defaults. */
  @Test
  void floatsMakeTheSameEngine() throws Exception {
    Path floats = directory.resolve("f32.gguf");
    new RandomModel(SHAPE).type(TensorType.F32).write(floats);
    Path packed = directory.resolve("tq2.gguf");
    new RandomModel(SHAPE).write(packed);
    assertArrayEquals(logits(packed), logits(floats));
  }
}
