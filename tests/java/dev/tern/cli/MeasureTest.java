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

/** The commands that look at a model: info, logits, ppl; and make-model, which makes one. */
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
}
