package dev.tern.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.tern.Model;
import dev.tern.format.ByteSource;
import dev.tern.format.GgufFile;
import dev.tern.format.ModelShape;
import dev.tern.format.ModelSpec;
import dev.tern.format.RandomModel;
import dev.tern.format.WeightRef;
import dev.tern.format.WeightRole;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ModelWorkTest {
  @TempDir
  Path directory;

  /** By the tensors of the file: what multiplies a row, two operations an element. */
  private static long counted(ModelSpec spec, boolean head) {
    long ops = 0;
    for (WeightRef w : spec.weights()) {
      boolean output = w.role() == WeightRole.OUTPUT || spec.tiedOutput() && w.role() == WeightRole.TOKEN_EMBD;
      if (head ? output : w.role().layerMatrix()) {
        ops += 2L * w.tensor().rows() * w.tensor().columns();
      }
    }
    return ops;
  }

  /** By walking a stream: scores and sums of values, a multiplication and an addition an element each. */
  private static long walked(ModelSpec spec, int n) {
    long ops = 0;
    for (int layer = 0; layer < spec.nLayers(); layer++) {
      for (int row = 0; row < n; row++) {
        for (int key = 0; key <= row; key++) {
          for (int head = 0; head < spec.nHeads(); head++) {
            ops += 2L * spec.headDim() + 2L * spec.headDim();
          }
        }
      }
    }
    return ops;
  }

  @ParameterizedTest
  @ValueSource(strings = {"tern-tiny", "llama-tiny", "qwen3-tiny", "tern-small"})
  void shapesSayWhatTheTensorsDo(String shape) {
    RandomModel made = new RandomModel(ModelShape.of(shape));
    ModelSpec spec = ModelSpec.from(GgufFile.read(ByteSource.of(made.toBytes(), shape)));
    Path file = directory.resolve("m.gguf");
    made.write(file);
    try (Model model = Model.load(file)) {
      ModelWork work = ModelWork.of(model);
      assertEquals(counted(spec, false), work.layerOps());
      assertEquals(counted(spec, true), work.headOps());
      assertEquals(walked(spec, 37), work.attentionOps() * ModelWork.keysSeen(37));
      assertEquals(spec.weights().stream().filter(w -> w.role().layerMatrix()).count(), ModelWork.layerMatrices(model));
      RequestLoad load = new RequestLoad(20, 18, 1, 1, 1);
      assertEquals(37 * counted(spec, false) + 18 * counted(spec, true) + walked(spec, 37), work.ops(load));
      assertEquals((37 * (counted(spec, false) + counted(spec, true)) + walked(spec, 37)) / 37.0, work.opsPerToken(37), 1e-9 * work.layerOps());
    }
  }

  /** The formula of the information capacity's authors at 1,024 tokens, by hand for Llama 3 8B; they leave out the key of a token's own. */
  @Test
  void agreesWithThePublishedFormula() {
    ModelWork work = ModelWork.of(32, 4096, 32, 8, 128, 14336, 128256);
    double projections = 2.0 * 4096 * 4096 * 2 + 2.0 * 4096 * 1024 * 2;
    double theirs = 32 * (projections + 6.0 * 4096 * 14336 + 4.0 * 32 * 128 * 1023 / 2) + 2.0 * 4096 * 128256;
    assertEquals(theirs + 32 * 4.0 * 32 * 128, work.opsPerToken(1024), 1e-6 * theirs / 1e6);
  }
}
