package dev.tern.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.tern.validate.Reading;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** A report that nobody measured, as what reads llama-bench's reports wants it. */
class ModelReportJsonTest {
  private static final ObjectMapper JSON = new ObjectMapper();

  /** llama-bench's fields in its order, with "use_mmap" of its older ones, which its script still asks for. */
  private static final List<String> LLAMA_BENCH = List.of("build_commit", "build_number", "cpu_info", "gpu_info", "backends", "model_filename", "model_type", "model_size",
      "model_n_params", "n_batch", "n_ubatch", "n_threads", "cpu_mask", "cpu_strict", "poll", "type_k", "type_v", "n_gpu_layers", "n_cpu_moe", "split_mode", "main_gpu",
      "no_kv_offload", "flash_attn", "devices", "tensor_split", "tensor_buft_overrides", "use_mmap", "load_mode", "embeddings", "no_op_offload", "no_host", "fit_target",
      "fit_min_ctx", "n_prompt", "n_gen", "n_depth", "test_time", "avg_ns", "stddev_ns", "avg_ts", "stddev_ts");

  @Test
  void rowsAreInTheWordsOfLlamaBench() throws IOException {
    JsonNode rows = JSON.readTree(ModelReportJson.rows(ModelReports.report(Reading.of(1024.0))));
    List<String> names = new ArrayList<>();
    rows.get(0).fieldNames().forEachRemaining(names::add);
    assertEquals(LLAMA_BENCH, names.subList(0, LLAMA_BENCH.size()));
    JsonNode decode = rows.get(0);
    assertEquals(0, decode.get("n_prompt").asInt());
    assertEquals(64, decode.get("n_gen").asInt());
    assertEquals(2048, decode.get("n_depth").asInt());
    assertEquals(2_000_000_000L, decode.get("avg_ns").asLong());
    assertEquals(Math.round(Math.sqrt(2) * 1e9), decode.get("stddev_ns").asLong());
    assertEquals((512 + 512 / 3.0) / 2, decode.get("avg_ts").asDouble(), 1e-9); // the mean of the rates, not the rate of the mean
    assertEquals("[1000000000,3000000000]", decode.get("samples_ns").toString());
    assertEquals(512, decode.get("samples_ts").get(0).asDouble(), 1e-9);
    assertEquals(8, decode.get("n_streams").asInt());
    assertEquals(5, decode.get("n_gpu_layers").asInt());
    assertEquals(3, decode.get("main_gpu").asInt());
    assertEquals(400 * decode.get("median_ts").asDouble() / 8 / 10e9, decode.get("share_of_floor").asDouble(), 1e-15);
    assertEquals(1.0, decode.get("joules_per_token").asDouble(), 1e-12); // 1024 J of 2 x 64 x 8 tokens
    assertEquals(0.25, decode.get("foreign").asDouble());
    assertEquals("[1000000000]", rows.get(1).get("ttft_ns").toString());
    assertTrue(rows.get(1).get("share_of_floor").isNull());
  }

  @Test
  void linesAndCsvSayTheSame() throws IOException {
    ModelReport report = ModelReports.report(Reading.unreadable("no counter"));
    JsonNode rows = JSON.readTree(ModelReportJson.rows(report));
    String[] lines = ModelReportJson.lines(report).split("\n");
    assertEquals(2, lines.length);
    assertEquals(rows.get(1), JSON.readTree(lines[1]));
    assertTrue(rows.get(0).get("joules_per_token").isNull());
    assertEquals("no counter", rows.get(0).get("joules_per_token_reason").asText());
    String[] csv = ModelReportJson.csv(report).split("\n");
    assertEquals(3, csv.length);
    assertTrue(csv[0].startsWith(String.join(",", LLAMA_BENCH)), csv[0]);
    assertTrue(csv[1].contains(",\"a \"\"model\"\", really\",\"tg64 x8 @2048\",\"8\","), csv[1]);
    String bare = csv[1].replace("a \"\"model\"\", really", "");
    assertEquals(csv[0].split(",").length, bare.split("\",\"").length);
    assertTrue(bare.matches("(\"[^\"]*\",?)+"), bare);
  }

  @Test
  void allOfItIsThere() throws IOException {
    JsonNode all = JSON.readTree(ModelReportJson.all(ModelReports.report(Reading.unreadable("no counter"))));
    assertEquals("tern-bench-model", all.get("schema").asText());
    assertEquals(2, all.get("rows").size());
    JsonNode served = all.get("requests").get(0);
    assertEquals(1, served.get("ttft_s").get("p50").asDouble());
    assertTrue(served.get("foreign").isNull());
    assertTrue(served.get("ttft_s").get("p99_is_max").asBoolean());
    assertEquals(1, served.get("tpot_s").get("p99").asDouble(), 1e-12); // 3 s of three tokens
    assertEquals(1, served.get("metrics").size(), "what is absent is left out");
    assertTrue(served.get("metrics").get(0).get("value").isNull());
    assertEquals("no counter", served.get("metrics").get(0).get("reason").asText());
    assertEquals(2, all.get("ideal_runtime").get("beta_s").asDouble(), 1e-12);
    assertTrue(all.get("ideal_runtime").get("beta_standard_error_s").isNull());
    assertEquals((40 - 5 - 27) / 20.0, all.get("information_capacity").get("value").asDouble(), 1e-12);
    assertFalse(all.get("ops_per_second").isEmpty());
    assertEquals("tg64", all.get("steps").get(0).get("test").asText());
    assertEquals(6_000_000, all.get("steps").get(0).get("parts").get(0).get("bytes").asLong());
  }
}
