package dev.tern.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.tern.Engine;
import dev.tern.Model;
import dev.tern.cache.CachePolicy;
import dev.tern.format.GgufWriter;
import dev.tern.format.ModelFile;
import dev.tern.format.ModelShape;
import dev.tern.format.RandomModel;
import dev.tern.format.TensorInfo;
import dev.tern.format.TensorType;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Locale;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code tern inspect} and {@code tern convert}. */
class InspectTest {
  private static final double ROUNDED = 0.006 * (1 << 20); // MiB of two digits

  @TempDir Path directory;

  private static String memory(String out) {
    return out.lines().filter(line -> line.contains("memory: ")).findFirst().orElseThrow();
  }

  /** The estimate is no less than what a model and its engine take, and near it; --check says what they take. */
  @Test
  void memoryIsWhatItTakes() {
    for (String type : new String[] {"tq2_0", "tq1_0", "i2_s", "iq1_bn", "q2_0", "f16", "bf16", "q8_0", "f32"}) {
      String model = Models.make(directory, type.equals("tq2_0") ? "tern-small" : "tern-tiny", type);
      String out = Cli.run("inspect", model, "--window", "1000", "--sequences", "3").succeeded().out();
      String checked = Cli.run("inspect", model, "--window", "1000", "--sequences", "3", "--check").succeeded().out();
      try (Model m = Model.load(Path.of(model));
          Engine e = Engine.builder(m).cachePolicy(CachePolicy.sinksAndWindow(4, 1000)).maxSequences(3).build()) {
        long weights = bytes(memory(out), type.equals("q8_0") ? "memory: " : "memory: at most ", " of weights");
        assertTrue(m.weightBytes() <= weights + ROUNDED && weights <= 1.25 * m.weightBytes(), out); // kernels have 1.6 to 2 bits a weight
        assertEquals(e.kvBytes(), bytes(memory(out), "weights, ", " of keys"), 0.001 * e.kvBytes() + ROUNDED, out);
        assertTrue(bytes(memory(out), "from ", " of buffers") <= e.scratchBytes() + ROUNDED, out);
        assertEquals(m.weightBytes(), bytes(memory(checked), "memory: ", " of weights"), ROUNDED, checked);
        assertEquals(e.kvBytes(), bytes(memory(checked), "weights, ", " of keys"), ROUNDED, checked);
        assertEquals(e.scratchBytes(), bytes(memory(checked), "tokens, ", " of buffers"), ROUNDED, checked);
        assertTrue(checked.contains(m.nTernaryWeights() + " matrices are ternary, " + m.nDenseWeights() + " dense"), checked);
      }
      assertTrue(out.contains("squared ReLU") && out.contains("no weight was read") && out.contains("--check"), out);
      assertEquals(!type.equals("i2_s") && !type.equals("iq1_bn") && !type.equals("q8_0"), out.contains("only their values tell"), out);
    }
  }

  /** Scales that differ within rows make every matrix dense F16, eight times the file. The header does not show it; the estimate allows for it. */
  @Test
  void whatOnlyTheValuesTellIsARange() throws IOException {
    String model = Models.make(directory, "tern-small", "tq2_0");
    scales(model, ".weight", 0x2C00);
    String out = Cli.run("inspect", model).succeeded().out();
    String dense = out.lines().filter(line -> line.contains("Where none is: ")).findFirst().orElseThrow();
    String checked = Cli.run("inspect", model, "--check").succeeded().out();
    try (Model m = Model.load(Path.of(model))) {
      assertEquals(0, m.nTernaryWeights());
      assertEquals(m.weightBytes(), bytes(dense, "none is: ", " of weights"), ROUNDED, out);
      assertEquals(m.weightBytes(), bytes(memory(checked), "memory: ", " of weights"), ROUNDED, checked);
      assertTrue(checked.contains("0 matrices are ternary"), checked);
    }
  }

  /** A dense model of F32 has keys and values of F32, too. */
  @Test
  void aModelOfF32HasAWiderCache() {
    String model = Path.of("tests", "data", "stories260k", "stories260K-f32.gguf").toString();
    String out = Cli.run("inspect", model).succeeded().out();
    String dense = out.lines().filter(line -> line.contains("Where none is: ")).findFirst().orElseThrow();
    String checked = Cli.run("inspect", model, "--check").succeeded().out();
    assertTrue(memory(checked).contains("values in F32"), checked);
    long kv = bytes(memory(checked), "weights, ", " of keys");
    long weights = bytes(memory(checked), "memory: ", " of weights");
    assertEquals(weights, bytes(dense, "none is: ", " of weights"), ROUNDED, out);
    assertEquals(kv + weights + bytes(memory(out), "from ", " of buffers"), bytes(dense, "about ", " in all"), 3 * ROUNDED, out);
  }

  /** A NaN and a code without meaning are seen only where values are read. */
  @Test
  void checkReadsTheWeights() throws IOException {
    String model = Models.make(directory, "tern-small", "tq2_0");
    scales(model, "blk.1.ffn_up.weight", 0x7E00);
    assertTrue(Cli.run("inspect", model).succeeded().out().contains("no weight was read"));
    Cli.Result checked = Cli.run("inspect", model, "--check");
    assertEquals(1, checked.status());
    String last = checked.out().lines().reduce((a, b) -> b).orElseThrow();
    assertTrue(last.startsWith("refused: tensor 'blk.1.ffn_up.weight'") && last.contains("NaN"), checked.out());
    String i2s = Models.make(directory, "tern-small", "i2_s");
    try (ModelFile file = ModelFile.open(Path.of(i2s)); FileChannel channel = FileChannel.open(Path.of(i2s), StandardOpenOption.WRITE)) {
      channel.write(ByteBuffer.wrap(new byte[] {-1}), file.tensor("blk.0.attn_k.weight").offset());
    }
    assertEquals(0, Cli.run("inspect", i2s).status());
    checked = Cli.run("inspect", i2s, "--check");
    assertEquals(1, checked.status());
    assertTrue(checked.out().contains("refused: tensor 'blk.0.attn_k.weight'"), checked.out());
  }

  /** Writes the scale, an F16, of the first block of every row of the TQ2_0 tensors whose names end so. */
  private static void scales(String model, String suffix, int half) throws IOException {
    try (ModelFile file = ModelFile.open(Path.of(model)); FileChannel channel = FileChannel.open(Path.of(model), StandardOpenOption.WRITE)) {
      for (TensorInfo t : file.tensors().values()) {
        for (long row = 0; t.type() == TensorType.TQ2_0 && t.name().endsWith(suffix) && row < t.rows(); row++) {
          channel.write(ByteBuffer.wrap(new byte[] {(byte) half, (byte) (half >> 8)}), t.offset() + row * t.rowBytes() + 64);
        }
      }
    }
  }

  @Test
  void chatTemplatesAreRead() {
    Path from = Path.of(Models.make(directory, "tern-tiny", "tq2_0"));
    for (String template : List.of("{{ messages[0].content }}", "{% if %}")) {
      Path to = directory.resolve("chat.gguf");
      try (ModelFile file = ModelFile.open(from)) {
        new GgufWriter().copy(file).string("tokenizer.chat_template", template).write(to);
      }
      for (String[] args : new String[][] {{"inspect", to.toString()}, {"inspect", to.toString(), "--check"}}) {
        String out = Cli.run(args).succeeded().out();
        String line = out.lines().filter(l -> l.contains("chat template 'default' ")).findFirst().orElseThrow(() -> new AssertionError(out));
        assertEquals(template.startsWith("{{"), line.endsWith("can be read"), out);
        assertEquals(template.startsWith("{%"), line.contains("refused") && line.contains("line 1"), out);
      }
    }
    assertFalse(Cli.run("inspect", from.toString()).out().contains("chat template"));
  }

  /** What loading reads of the metadata and inspect once did not. */
  @Test
  void badChatSettingsAreRefused() {
    Path to = directory.resolve("chat.gguf");
    try (ModelFile file = ModelFile.open(Path.of(Models.make(directory, "tern-tiny", "tq2_0")))) {
      new GgufWriter().copy(file).uint32("tokenizer.chat_template", 1).write(to);
    }
    Cli.Result result = Cli.run("inspect", to.toString());
    assertEquals(1, result.status());
    assertTrue(result.out().contains("refused: ") && result.out().contains("tokenizer.chat_template"), result.out());
  }

  private static long bytes(String line, String before, String after) {
    String[] words = line.substring(line.indexOf(before) + before.length(), line.indexOf(after)).split(" ");
    assertTrue(words[1].equals("MiB") || words[1].equals("KiB"), line);
    return (long) (Double.parseDouble(words[0]) * (words[1].equals("MiB") ? 1 << 20 : 1 << 10));
  }

  @Test
  void showsWhatTheFileHolds() {
    String out = Cli.run("inspect", Models.make(directory, "llama-tiny", "tq2_0"), "--all").succeeded().out();
    for (String word : new String[] {"general.architecture = llama", "blk.1.ffn_down.weight", "2.06 bits a weight", "Q8_0", "runs, by its header: architecture llama with SiLU"}) {
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

  @Test
  void convertRoundsTheEmbeddingIfAsked() {
    Path from = directory.resolve("bf16.gguf");
    new RandomModel(ModelShape.of("tern-tiny")).embeddingType(TensorType.BF16).write(from);
    for (String type : new String[] {"q8_0", "q6_k", "q4_0"}) {
      String to = directory.resolve(type + ".gguf").toString();
      Cli.run("convert", from.toString(), "--type", "i2_s", "--embedding-type", type, "--out", to).succeeded();
      String inspected = Cli.run("inspect", to).succeeded().out();
      assertTrue(inspected.contains(type.toUpperCase(Locale.ROOT)) && inspected.contains("I2_S") && !inspected.contains("BF16"), inspected);
      Cli.run("logits", "--model", to, "--tokens", "1,300,400", "--top", "5").succeeded();
      Cli.run("convert", to, "--embedding-type", "q4_0", "--out", directory.resolve("x.gguf").toString()).failedWith(1, 1);
    }
    Cli.run("convert", from.toString(), "--embedding-type", "tq2_0", "--out", directory.resolve("x.gguf").toString()).failedWith(2, 1);
    assertTrue(Files.notExists(directory.resolve("x.gguf")));
  }
}
