package dev.tern.format;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.tern.Engine;
import dev.tern.Model;
import dev.tern.Sampling;
import dev.tern.Seed;
import dev.tern.Session;
import dev.tern.TernException;
import dev.tern.cache.CachePolicy;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Bad files all the way through: reader, native weights, a few tokens. A typed exception or success, and no byte left behind. */
class BadModelLoadTest {
  @TempDir
  Path directory;

  private void loadAndRun(byte[] bytes) throws IOException {
    Path file = directory.resolve("model.gguf");
    Files.write(file, bytes);
    try (Model model = Model.load(file);
        Engine engine = Engine.builder(model).threads(1).cachePolicy(CachePolicy.sinksAndWindow(1, 5)).prefillChunk(4).build();
        Session session = engine.newSession()) {
      session.generate(new int[] {1, 5, 9}, Sampling.greedy().maxTokens(3).ignoreEos(true)).result();
    }
  }

  @Test
  void aWholeFileRuns() throws IOException {
    loadAndRun(new TinyModel("bitnet-b1.58").bytes());
    loadAndRun(TinyModel.llama().bytes());
  }

  @Test
  void aFileThatEndsEarlyIsRefused() throws IOException {
    byte[] whole = new TinyModel("bitnet-b1.58").bytes();
    long before = Model.nativeBytes();
    // Every byte of the head; in the tensors' data, where only extents matter, every 997th and the last ones.
    for (int n = 0; n < whole.length; n += n < 12_000 || n > whole.length - 40 ? 1 : 997) {
      byte[] part = Arrays.copyOf(whole, n);
      assertThrows(TernException.class, () -> loadAndRun(part), () -> "cut to " + part.length + " of " + whole.length);
    }
    assertEquals(before, Model.nativeBytes());
  }

  @Test
  void aFileWithWrongBytesIsRefusedOrRuns() throws IOException {
    Random random = Seed.random();
    long before = Model.nativeBytes();
    for (String arch : new String[] {"bitnet-b1.58", "llama"}) {
      byte[] whole = new TinyModel(arch).bytes();
      for (int round = 0; round < 600; round++) {
        byte[] bytes = whole.clone();
        int most = round % 2 == 0 ? 12_000 : bytes.length;
        for (int i = random.nextInt(4); i >= 0; i--) {
          bytes[random.nextInt(Math.min(most, bytes.length))] = (byte) (random.nextBoolean() ? 0xff : random.nextInt());
        }
        try {
          loadAndRun(bytes);
        } catch (TernException e) {
          // as promised
        } catch (Throwable e) {
          throw new AssertionError(arch + ", round " + round + ", " + Seed.text(), e);
        }
      }
    }
    assertEquals(before, Model.nativeBytes());
  }
}
