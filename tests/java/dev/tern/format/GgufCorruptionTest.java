package dev.tern.format;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.fail;

import dev.tern.ModelFormatException;
import dev.tern.TernException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Files cut off and files with wrong bytes give a TernException or a model, never anything else. */
class GgufCorruptionTest {
  @TempDir Path directory;

  private static byte[] small() {
    return new GgufWriter()
        .string("general.architecture", "llama").uint32("u", 1).bool("b", true).number("d", GgufType.FLOAT64, 0.5)
        .strings("tokenizer.ggml.tokens", List.of("<unk>", "a", "\u2581")).floats("f", new float[] {1, 2}).ints("i", new int[] {3})
        .tensor("x", new long[] {2, 3}, new float[6])
        .tensor("y", TensorType.Q8_0, new long[] {32}, out -> out.write(new byte[34]))
        .tensor("z", new long[] {8}, new float[8])
        .toBytes();
  }

  @Test
  void truncatedAtEveryByte() throws Exception {
    byte[] whole = small();
    assertEquals(3, GgufFile.read(ByteSource.of(whole, "whole")).tensors().size());
    for (int n = 0; n < whole.length; n++) {
      byte[] cut = Arrays.copyOf(whole, n);
      ModelFormatException e = assertThrows(ModelFormatException.class, () -> GgufFile.read(ByteSource.of(cut, "cut")), "cut to " + n);
      if (e.offset() < 0 || e.offset() > n) {
        fail("cut to " + n + ": offset " + e.offset());
      }
      Path path = Files.write(directory.resolve("cut.gguf"), cut);
      assertThrows(ModelFormatException.class, () -> GgufFile.open(path), "file cut to " + n);
    }
  }

  @Test
  void wrongBytesInASpmModel() {
    corrupt(TinyModel.llama().bytes(), 6_000, 12_000);
  }

  @Test
  void wrongBytesInABpeModel() {
    corrupt(TinyModel.llama().bpe("llama-bpe", "a b", "ab c").bytes(), 6_000, 9_000);
  }

  @Test
  void wrongBytesInASmallFile() {
    byte[] whole = small();
    corrupt(whole, 20_000, whole.length);
  }

  /** Rounds are multiplied by -Dtern.fuzz. Changes one to four bytes among the first n: to a random value, one bit, or 0, 0x7f, 0x80, 0xff. */
  private static void corrupt(byte[] whole, int rounds, int n) {
    long seed = TestFiles.seed();
    Random random = new Random(seed);
    for (long round = 0; round < rounds * Long.getLong("tern.fuzz", 1); round++) {
      byte[] bytes = whole.clone();
      for (int i = random.nextInt(4); i >= 0; i--) {
        int at = random.nextInt(Math.min(n, bytes.length));
        bytes[at] = switch (random.nextInt(3)) {
          case 0 -> (byte) random.nextInt();
          case 1 -> (byte) (bytes[at] ^ 1 << random.nextInt(8));
          default -> new byte[] {0, 0x7f, (byte) 0x80, (byte) 0xff}[random.nextInt(4)];
        };
      }
      try {
        load(bytes);
      } catch (TernException e) {
        // as promised
      } catch (Throwable e) {
        throw new AssertionError("round " + round + ", -Dtern.seed=" + seed, e);
      }
    }
  }

  private static void load(byte[] bytes) {
    GgufFile file = GgufFile.read(ByteSource.of(bytes, "corrupt"));
    TernException failure = null;
    try {
      Tokenizer tokenizer = Tokenizer.from(file);
      int[] ids = tokenizer.encode("ab abc <end> <user>\u00e9 \ud83e\udd99", true, true);
      tokenizer.decode(ids);
      for (int id = 0; id < Math.min(tokenizer.vocabSize(), 300); id++) {
        tokenizer.bytes(id);
        tokenizer.text(id);
      }
    } catch (TernException e) {
      failure = e;
    }
    for (WeightRef weight : ModelSpec.from(file).weights()) {
      weight.read(file, 0, ByteBuffer.allocate(4));
    }
    if (failure != null) {
      throw failure;
    }
  }
}
