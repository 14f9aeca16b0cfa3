package dev.tern;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.tern.format.Dequantize;
import dev.tern.format.ModelFile;
import dev.tern.format.ModelShape;
import dev.tern.format.RandomModel;
import dev.tern.format.TensorInfo;
import dev.tern.format.TensorType;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
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
    return logits(path, ternary ? 14 : 0);
  }

  private static float[] logits(Path path, int nTernary) {
    try (Model model = Model.load(path);
        Engine engine = Engine.builder(model).kvType(KvType.F16).build();
        Session session = engine.newSession()) {
      assertEquals(nTernary, model.nTernaryWeights());
      return session.logits(TOKENS);
    }
  }

  @ParameterizedTest
  @EnumSource(value = TensorType.class, names = {"F32", "F16", "BF16", "TQ1_0", "I2_S", "Q2_0", "IQ1_BN", "IQ2_BN"})
  void ternaryWeightsOfAnyType(TensorType type) {
    assertArrayEquals(logits(new RandomModel(SHAPE), true), logits(new RandomModel(SHAPE).type(type), true));
  }

  /**
   * Types of more bits are kept dense: activations are not rounded to int8, but these types agree with each other where rows are widened to floats. With VNNI
   * those of Q8_0 are not (docs/dense.md), so that a process of its own is asked for the other way.
   */
  @ParameterizedTest
  @EnumSource(value = TensorType.class, names = {"Q4_0"})
  void denseWeightsOfAnyType(TensorType type) throws Exception {
    Path expected = directory.resolve("q8_0.gguf");
    Path path = directory.resolve("model.gguf");
    new RandomModel(SHAPE).type(TensorType.Q8_0).embeddingType(TensorType.F16).write(expected);
    new RandomModel(SHAPE).type(type).embeddingType(TensorType.F16).write(path);
    ProcessBuilder builder = new ProcessBuilder(ProcessHandle.current().info().command().orElseThrow(), "--enable-native-access=ALL-UNNAMED",
        "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", System.getProperty("java.class.path"), Child.class.getName(), expected.toString(), path.toString());
    builder.environment().put("TERN_ISA", "scalar");
    Process process = builder.redirectErrorStream(true).start();
    try {
      process.getOutputStream().close();
      String text = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
      assertTrue(process.waitFor(60, TimeUnit.SECONDS), text);
      assertEquals(0, process.exitValue(), text);
      String[] lines = text.lines().filter(line -> line.startsWith("logits ")).toArray(String[]::new);
      assertEquals(2, lines.length, text);
      assertEquals(lines[0], lines[1]);
      assertTrue(lines[0].split(" ").length > SHAPE.vocabSize(), text);
    } finally {
      process.destroyForcibly();
    }
  }

  /** Prints the logits of two models' files, each on a line. */
  static final class Child {
    public static void main(String[] paths) {
      for (String path : paths) {
        StringBuilder line = new StringBuilder("logits");
        for (float logit : logits(Path.of(path), 0)) {
          line.append(' ').append(Integer.toHexString(Float.floatToRawIntBits(logit)));
        }
        System.out.println(line);
      }
    }
  }

  /**
   * A head in Q8_0 gives the logits of the same values in F32, up to rounding: with VNNI of activations to 2^-14.9 of their largest, of sums of n to
   * (n + 4) 2^-24 on either side, times sum |w x| <= sum |w| max |x|. Activations are normed and times at most 17/16: |x| <= sqrt(n) 17/16.
   */
  @Test
  void aHeadInQ8HasTheLogitsOfItsValues() {
    RandomModel random = new RandomModel(SHAPE).embeddingType(TensorType.F32);
    float[] expected = logits(random, true);
    float[] actual = logits(new RandomModel(SHAPE), true);
    int n = SHAPE.hiddenDim();
    double largest = 0;
    for (float logit : expected) {
      largest = Math.max(largest, Math.abs(logit));
    }
    double rounding = (CpuKernels.blocksInIntegers() ? Math.pow(2, -14.9) : 0) + 2 * (n + 4) * 0x1p-24;
    try (ModelFile file = ModelFile.open(directory.resolve("model.gguf"))) {
      TensorInfo head = file.tensor(SHAPE.tiedOutput() ? "token_embd.weight" : "output.weight");
      ByteBuffer bytes = ByteBuffer.allocate((int) head.byteSize()).order(ByteOrder.LITTLE_ENDIAN);
      file.readTensor(head, 0, bytes);
      float[] values = Dequantize.floats(head.type(), bytes.flip(), n);
      assertEquals(TensorType.Q8_0, head.type());
      for (int row = 0; row < expected.length; row++) {
        double sum = 0;
        for (int i = 0; i < n; i++) {
          sum += Math.abs(values[row * n + i]);
        }
        double bound = sum * Math.sqrt(n) * 17 / 16 * rounding;
        assertEquals(expected[row], actual[row], bound, "of token " + row);
        assertTrue(bound < largest / 50, "a bound that shows something: " + bound + " of " + largest);
      }
    }
  }
}
