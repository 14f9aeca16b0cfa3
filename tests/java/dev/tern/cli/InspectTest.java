package dev.tern.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.tern.Engine;
import dev.tern.Model;
import dev.tern.cache.CachePolicy;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code tern inspect} and {@code tern convert}. */
class InspectTest {
  @TempDir Path directory;

  /** What it says of memory is what a model and its engine then take. */
  @Test
  void memoryIsWhatItTakes() {
    for (String type : new String[] {"tq2_0", "tq1_0", "i2_s"}) {
      String model = Models.make(directory, "tern-small", type);
      String out = Cli.run("inspect", model, "--window", "1000", "--sequences", "3").succeeded().out();
      try (Model m = Model.load(Path.of(model));
          Engine e = Engine.builder(m).cachePolicy(CachePolicy.sinksAndWindow(4, 1000)).maxSequences(3).build()) {
        String memory = out.lines().filter(line -> line.contains("memory:")).findFirst().orElseThrow();
        // Two bits a weight are assumed: some kernels' layouts have fewer, and rows of a tile and columns of a step may be padded.
        long weights = bytes(memory, "memory: ", " of weights");
        assertEquals(m.weightBytes(), weights, 0.17 * m.weightBytes(), memory);
        assertEquals(e.kvBytes(), bytes(memory, "weights, ", " of keys"), 0.001 * e.kvBytes(), memory);
        assertTrue(bytes(memory, "from ", " of buffers") <= 1.001 * e.scratchBytes(), memory);
      }
      assertTrue(out.contains("squared ReLU"), out);
    }
  }

  private static long bytes(String line, String before, String after) {
    String[] words = line.substring(line.indexOf(before) + before.length(), line.indexOf(after)).split(" ");
    assertEquals("MiB", words[1], line);
    return (long) (Double.parseDouble(words[0]) * (1 << 20));
  }

  @Test
  void showsWhatTheFileHolds() {
    String out = Cli.run("inspect", Models.make(directory, "llama-tiny", "tq2_0"), "--all").succeeded().out();
    for (String word : new String[] {"general.architecture = llama", "blk.1.ffn_down.weight", "2.06 bits a weight", "Q8_0", "runs: architecture llama with SiLU"}) {
      assertTrue(out.contains(word), out);
    }
    Cli.run("inspect", "x.gguf", "--window", "0").failedWith(2, 1);
    Cli.run("inspect", "x.gguf").failedWith(1, 1);
  }

  /** The reason why a file does not run is the answer to the question, not a failure to answer it. */
  @Test
  void saysWhyAFileIsRefused() throws Exception {
    Path file = Path.of(Models.make(directory, "llama-tiny", "tq2_0"));
    byte[] whole = Files.readAllBytes(file);
    byte[] name = "blk.0.attn_q.weight".getBytes();
    int at = 0;
    while (!java.util.Arrays.equals(whole, at, at + name.length, name, 0, name.length)) {
      at++;
    }
    ByteBuffer.wrap(whole).order(ByteOrder.LITTLE_ENDIAN).putInt(at + name.length + 4 + 16, 12);
    Files.write(file, whole);
    Cli.Result result = Cli.run("inspect", file.toString());
    assertEquals(1, result.status());
    assertTrue(result.out().startsWith("refused: tensor 'blk.0.attn_q.weight' has type 12 (Q4_K)"), result.out());
    Files.write(file, java.util.Arrays.copyOf(whole, 100));
    assertTrue(Cli.run("inspect", file.toString()).out().startsWith("refused: "));
  }

  @Test
  void convertsToAnyType() {
    String from = Models.make(directory, "tern-tiny", "tq2_0");
    String expected = Cli.run("logits", "--model", from, "--tokens", "1,300,400", "--top", "5").succeeded().out();
    for (String type : new String[] {"tq1_0", "i2_s", "bf16"}) {
      String to = directory.resolve(type + ".gguf").toString();
      Cli.run("convert", from, "--type", type, "--out", to).succeeded();
      String inspected = Cli.run("inspect", to).succeeded().out();
      assertTrue(inspected.contains(type.toUpperCase(Locale.ROOT) + " "), inspected);
      assertEquals(expected, Cli.run("logits", "--model", to, "--tokens", "1,300,400", "--top", "5").succeeded().out());
    }
    Cli.run("convert", from, "--type", "q8_0", "--out", directory.resolve("x.gguf").toString()).failedWith(2, 1);
    Cli.run("convert", from, "--type", "q3_k", "--out", directory.resolve("x.gguf").toString()).failedWith(2, 1);
    Cli.run("convert", Models.make(directory, "tern-tiny", "q8_0"), "--type", "tq2_0", "--out", directory.resolve("x.gguf").toString())
        .failedWith(1, 1);
    assertTrue(Files.notExists(directory.resolve("x.gguf")));
  }
}
