package dev.tern.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The commands that look at a model: info, logits, ppl, bench; and make-model, which makes one. */
class MeasureTest {
  private static final ObjectMapper JSON = new ObjectMapper();

  @TempDir
  Path directory;

  @ParameterizedTest
  @CsvSource({
    "llama-tiny, f32", "llama-tiny, f16", "llama-tiny, q8_0", "llama-tiny, tq1_0", "tern-tiny, tq1_0", "tern-tiny, tq2_0"
  })
  void madeModelsRun(String shape, String type) throws IOException {
    String model = Models.make(directory, shape, type);
    String info = Cli.run("info", "--model", model).succeeded().out();
    assertTrue(info.contains(type.equals("q8_0") ? "0 ternary" : "14 ternary"), info); // F32 and F16 too: the values are
    JsonNode next = JSON.readTree(Cli.run("logits", "--model", model, "--tokens", "1,300,400", "--top", "0").succeeded().out());
    double sum = 0;
    for (JsonNode p : next.get("probabilities")) {
      sum += p.asDouble();
    }
    assertEquals(1, sum, 1e-6);
    assertEquals(1024, next.get("ids").size());
  }

  @Test
  void equalSeedsMakeEqualFiles() throws IOException {
    Path a = directory.resolve("a.gguf");
    Path b = directory.resolve("b.gguf");
    Path c = directory.resolve("c.gguf");
    Cli.run("make-model", "--shape", "tern-tiny", "--type", "tq2_0", "--out", a.toString()).succeeded();
    Cli.run("make-model", "--shape", "tern-tiny", "--type", "tq2_0", "--out", b.toString()).succeeded();
    Cli.run("make-model", "--shape", "tern-tiny", "--type", "tq2_0", "--out", c.toString(), "--seed", "2").succeeded();
    assertArrayEquals(Files.readAllBytes(a), Files.readAllBytes(b));
    assertNotEquals(-1, Files.mismatch(a, c));
  }

  @Test
  void infoTellsDeviceAndMemory() {
    Cli.Result result = Cli.run("info").succeeded();
    for (String word : new String[] {"layers", "threads", "isa", "weights", "KV cache", "scratch"}) {
      assertTrue(result.out().contains(word), result.out());
    }
    assertEquals("", result.err());
  }

  @Test
  void logitsAreSortedJson() throws IOException {
    JsonNode next = JSON.readTree(Cli.run("logits", "--tokens", "1,400,300", "--top", "5").succeeded().out());
    assertEquals("[1,400,300]", next.get("tokens").toString());
    for (String name : new String[] {"ids", "logits", "probabilities", "texts"}) {
      assertEquals(5, next.get(name).size(), name);
    }
    for (int i = 1; i < 5; i++) {
      assertTrue(next.get("logits").get(i - 1).asDouble() >= next.get("logits").get(i).asDouble());
      assertEquals(Math.exp(next.get("logits").get(i).asDouble() - next.get("logits").get(0).asDouble()),
          next.get("probabilities").get(i).asDouble() / next.get("probabilities").get(0).asDouble(), 1e-6);
    }
  }

  @Test
  void perplexityUnderEachPolicy() throws IOException {
    Path text = Files.writeString(directory.resolve("text.txt"), "Once upon a time there was a little girl. She was very happy. ".repeat(10));
    double dense = perplexity(text, "--policy", "dense");
    assertTrue(dense > 1 && dense < 100, "perplexity " + dense);
    assertEquals(dense, perplexity(text), 0);
    assertEquals(dense, perplexity(text, "--policy", "sinks:4,1000"), 1e-3 * dense);
    assertTrue(perplexity(text, "--policy", "window:2") > dense);
    assertNotEquals(dense, perplexity(text, "--context", "16"), 1e-3);
    for (String policy : new String[] {"some", "window:", "window:1,2", "sinks:4", "sinks:-1,4"}) {
      Cli.run("ppl", text.toString(), "--policy", policy).failedWith(2, 1);
    }
  }

  private static double perplexity(Path text, String... options) {
    String[] args = new String[2 + options.length];
    args[0] = "ppl";
    args[1] = text.toString();
    System.arraycopy(options, 0, args, 2, options.length);
    String out = Cli.run(args).succeeded().out();
    assertTrue(out.startsWith("perplexity "), out);
    return Double.parseDouble(out.split(" ")[1]);
  }

  @Test
  void benchmarkAsTableAndAsJson() throws IOException {
    String model = Models.make(directory, "llama-tiny", "f16");
    String[] table = Cli.run("bench", "model", "--model", model, "-p", "8", "-n", "4", "-r", "2").succeeded().out().split("\n");
    assertEquals(6, table.length);
    assertTrue(table[0].contains("t/s") && table[2].contains("pp8") && table[3].contains("tg4"), String.join("\n", table));
    assertTrue(table[5].startsWith("loaded in ") && table[5].contains("peak of resident memory"), table[5]);
    JsonNode rows = JSON.readTree(
        Cli.run("bench", "model", "--model", model, "-p", "8", "-n", "4", "-r", "2", "--threads", "1,2", "--json").succeeded().out());
    assertEquals(4, rows.size());
    for (JsonNode row : rows) {
      assertTrue(row.get("median_ts").asDouble() > 0 && row.get("read_bytes_per_second").asDouble() > 0, row.toString());
      assertEquals(2, row.get("samples_ns").size());
    }
    assertEquals(2, rows.get(3).get("n_threads").asInt());
  }

  @Test
  void benchmarkOfBatchesAndDepthsAsCsv() throws IOException {
    String model = Models.make(directory, "tern-tiny", "tq2_0");
    String[] lines = Cli.run("bench", "model", "--model", model, "-p", "0", "-n", "5", "-r", "1", "--threads", "1,2", "--batch", "1,3", "--depth", "0,3,70",
        "--csv").succeeded().out().split("\n");
    assertEquals(1 + 2 * 2 * 3, lines.length);
    String[] header = lines[0].split(",");
    String[] first = {"tg5", "tg5 x3", "tg5 @3", "tg5 x3 @3", "tg5 @70", "tg5 x3 @70"};
    for (int i = 1; i < lines.length; i++) {
      String[] cells = lines[i].substring(lines[i].lastIndexOf('"') + 1).split(",", -1); // after the model's name, which holds commas
      assertEquals(header.length, cells.length, lines[i]);
      assertEquals(first[(i - 1) % 6], cells[4]);
      assertEquals(i <= 6 ? "1" : "2", cells[3]);
      assertTrue(Double.parseDouble(cells[9]) > 0, lines[i]);
    }
  }

  @Test
  void breakdownOfAStep() throws IOException {
    String model = Models.make(directory, "tern-tiny", "tq2_0");
    String[] command = {"bench", "model", "--model", model, "-n", "6", "-r", "2", "--depth", "70", "--breakdown", ""};
    for (String name : new String[] {"attention", "norms + quantise", "head", "sampling", "between the parts", "step", "of its floor"}) {
      command[11] = "--threads=1";
      String out = Cli.run(command).succeeded().out();
      assertTrue(out.contains(name), out);
    }
    command[11] = "--json";
    JsonNode step = JSON.readTree(Cli.run(command).succeeded().out()).get(0);
    assertEquals(6, step.get("steps").asInt());
    double share = 0;
    for (JsonNode part : step.get("parts")) {
      share += part.get("share").asDouble();
      int perStep = part.get("calls").asInt() / 6;
      int expected = switch (part.get("name").asText()) {
        case "norm" -> 2 * 3 + 1;
        case "rope_table", "qkv", "rope_append", "attention", "attn_out", "gate_up", "gate_norm", "down" -> 2;
        case "other" -> 0;
        default -> 1;
      };
      assertEquals(expected, perStep, part.toString());
      if (part.get("name").asText().equals("attention")) {
        assertEquals(6 * 2 * 70 * 2 * 2 * 64 * 2, part.get("bytes").asLong(), 6 * 2 * 2 * 64 * 2 * 2 * 64); // to within a page a step
      }
    }
    assertEquals(1, share, 1e-9);
    command[11] = "--csv";
    assertEquals(1 + 13 + 2, Cli.run(command).succeeded().out().split("\n").length);
  }

  @Test
  void benchmarksRefuseWhatTheyCannotRun() {
    Cli.run("bench", "model", "--batch", "0").failedWith(2, 1);
    Cli.run("bench", "model", "--depth", "-1").failedWith(2, 1);
    Cli.run("bench", "model", "--json", "--csv").failedWith(2, 2);
    Cli.run("bench", "model", "-r", "0").failedWith(2, 1);
  }
}
