package dev.tern;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;

/** The small real model of the tests, and what llama2.c says of it. */
final class TestModels {
  static final Path DATA = Path.of("tests", "data", "stories260k");
  static final Path STORIES = DATA.resolve("stories260K-f32.gguf");
  static final int BOS = 1;

  private TestModels() {}

  static Model stories() {
    return Model.load(STORIES);
  }

  static String text(String file) {
    try {
      return Files.readString(DATA.resolve(file));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  static int[] tokens(String name) {
    return Arrays.stream(text(name + ".tokens.txt").trim().split("\\s+")).mapToInt(Integer::parseInt).toArray();
  }

  /** [tokens][vocabSize]: the logits after each token. */
  static float[][] logits(String name) {
    try {
      ByteBuffer bytes = ByteBuffer.wrap(Files.readAllBytes(DATA.resolve(name + ".logits.f32"))).order(ByteOrder.LITTLE_ENDIAN);
      float[][] rows = new float[bytes.remaining() / 4 / 512][512];
      for (float[] row : rows) {
        bytes.asFloatBuffer().get(row);
        bytes.position(bytes.position() + 4 * row.length);
      }
      return rows;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Largest difference over the largest magnitude of the expected. */
  static double relativeError(double[] expected, float[] got) {
    double scale = 0;
    double difference = 0;
    for (int i = 0; i < expected.length; i++) {
      scale = Math.max(scale, Math.abs(expected[i]));
      double d = Math.abs(expected[i] - got[i]);
      difference = d <= difference ? difference : d; // NaN counts
    }
    return difference / scale;
  }

  static double[] widen(float[] x) {
    double[] wide = new double[x.length];
    for (int i = 0; i < x.length; i++) {
      wide[i] = x[i];
    }
    return wide;
  }
}
