package dev.tern;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.tern.format.ModelShape;
import dev.tern.format.RandomModel;
import dev.tern.format.TensorType;
import java.nio.file.Path;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The same weights in every type of a file that holds them without loss: the same logits, bit for bit. */
class WeightTypesTest {
  private static final ModelShape SHAPE = ModelShape.of("tern-tiny");
  private static final int[] TOKENS = {1021, 5, 77, 400, 12, 1000, 3, 3, 256, 90};

  @TempDir Path directory;

  private float[] logits(RandomModel random, boolean ternary) {
    Path path = directory.resolve("model.gguf");
    random.write(path);
    try (Model model = Model.load(path);
        Engine engine = Engine.builder(model).kvType(KvType.F16).build();
        Session session = engine.newSession()) {
      assertEquals(ternary ? 14 : 0, model.nTernaryWeights());
      return session.logits(TOKENS);
    }
  }

  @ParameterizedTest
  @EnumSource(value = TensorType.class, names = {"F32", "F16", "BF16", "TQ1_0", "I2_S", "Q2_0", "IQ1_BN", "IQ2_BN"})
  void ternaryWeightsOfAnyType(TensorType type) {
    assertArrayEquals(logits(new RandomModel(SHAPE), true), logits(new RandomModel(SHAPE).type(type), true));
  }

  /** Types of more bits are kept dense: activations are not rounded to int8, but these types agree with each other. */
  @ParameterizedTest
  @EnumSource(value = TensorType.class, names = {"Q4_0"})
  void denseWeightsOfAnyType(TensorType type) {
    assertArrayEquals(logits(new RandomModel(SHAPE).type(TensorType.Q8_0), false), logits(new RandomModel(SHAPE).type(type), false));
  }
}
