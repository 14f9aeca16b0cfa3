package dev.tern.bench;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.tern.Timings;
import dev.tern.validate.Reading;
import java.util.Arrays;
import java.util.Map;
import java.util.function.ToLongFunction;
import java.util.stream.Collectors;

/** A report as JSON: its rows alone in the form of llama-bench, or all of it (docs/metrics.md describes the fields). */
public final class ModelReportJson {
  private static final String SCHEMA = "tern-bench-model";
  private static final int VERSION = 1;
  private static final ObjectMapper JSON = new ObjectMapper();

  private ModelReportJson() {}

  /** The rows as llama-bench's array. */
  public static String rows(ModelReport report) {
    return array(report).toPrettyString() + "\n";
  }

  /** The rows, an object a line. */
  public static String lines(ModelReport report) {
    return report.rows().stream().map(row -> row(report, row) + "\n").collect(Collectors.joining());
  }

  /** The rows as llama-bench's CSV, every value in quotes. */
  public static String csv(ModelReport report) {
    StringBuilder text = new StringBuilder();
    for (ModelRow row : report.rows()) {
      Map<String, Object> fields = LlamaBenchFields.of(report, row);
      text.append(text.isEmpty() ? String.join(",", fields.keySet()) + "\n" : "");
      text.append(fields.values().stream().map(v -> v == null ? "" : v instanceof Boolean b ? b ? "1" : "0" : v.toString())
          .map(v -> '"' + v.replace("\"", "\"\"") + '"').collect(Collectors.joining(","))).append('\n');
    }
    return text.toString();
  }

  /** All of it. */
  public static String all(ModelReport report) {
    ObjectNode root = JSON.createObjectNode();
    root.put("schema", SCHEMA).put("schema_version", VERSION).put("version", report.version()).put("date", report.date());
    root.put("processor", report.processor()).put("gpu", report.gpu()).put("energy", report.energySource());
    ModelReport.Subject m = report.model();
    root.putObject("model").put("name", m.name()).put("file", m.file()).put("type", m.type()).put("device", m.device()).put("kv_type", m.kvType())
        .put("n_params", m.nParameters()).put("weight_bytes", m.weightBytes()).put("decode_bytes", m.decodeBytes()).put("n_layers", m.nLayers())
        .put("layer_ops_per_row", m.work().layerOps()).put("head_ops_per_row", m.work().headOps()).put("attention_ops_per_key", m.work().attentionOps())
        .put("load_ns", m.loadNanos()).put("load_peak_resident_bytes", m.loadPeakBytes());
    root.set("rows", array(report));
    ArrayNode served = root.putArray("requests");
    report.served().forEach(s -> served.add(served(s)));
    if (report.ceilings() != null) {
      ObjectNode peaks = root.putObject("ops_per_second");
      report.ceilings().opsPerSecond().forEach((peak, rate) -> peaks.put(peak.id(), rate));
    }
    if (report.ideal() != null) {
      root.set("ideal_runtime", ideal(report.ideal()));
    }
    if (report.capacity() != null) {
      InformationCapacity c = report.capacity();
      root.putObject("information_capacity").put("value", c.value()).put("text_bits_per_token", c.textBits()).put("nll_bits_per_token", c.nllBits())
          .put("ops_per_token", c.opsPerToken()).put("bias", c.bias()).put("scored_tokens", c.scoredTokens()).put("samples", c.samples())
          .put("sample_tokens", c.sampleTokens());
    }
    if (!report.profiles().isEmpty()) {
      ArrayNode profiles = root.putArray("steps");
      report.profiles().forEach(p -> profile(profiles.addObject(), p));
    }
    return root.toPrettyString() + "\n";
  }

  private static void profile(ObjectNode node, ModelSeries.Profile profile) {
    node.put("test", profile.test().name()).put("n_threads", profile.threads()).put("n_steps", profile.profile().steps()).put("nanos", profile.profile().nanos())
        .put("read_bytes_per_second_all_cores", profile.allCores());
    ArrayNode parts = node.putArray("parts");
    profile.profile().parts().forEach(p -> parts.addObject().put("name", p.name()).put("calls", p.calls()).put("nanos", p.nanos()).put("bytes", p.bytes()));
  }

  private static ArrayNode array(ModelReport report) {
    ArrayNode array = JSON.createArrayNode();
    report.rows().forEach(row -> array.add(row(report, row)));
    return array;
  }

  private static ObjectNode row(ModelReport report, ModelRow row) {
    ObjectNode node = JSON.createObjectNode();
    LlamaBenchFields.of(report, row).forEach((name, value) -> node.set(name, JSON.valueToTree(value)));
    if (row.test().mixed()) {
      times(node, "ttft_ns", row, Timings::firstTokenNanos);
      times(node, "decode_ns", row, Timings::decodeNanos);
    }
    reason(node, "joules_per_token_reason", row.joules());
    ArrayNode nanos = node.putArray("samples_ns");
    Arrays.stream(row.nanos()).forEach(nanos::add);
    ArrayNode rates = node.putArray("samples_ts");
    Arrays.stream(LlamaBenchFields.rates(row)).forEach(rates::add);
    return node;
  }

  private static void times(ObjectNode node, String name, ModelRow row, ToLongFunction<Timings> time) {
    ArrayNode array = node.putArray(name);
    row.timings().forEach(t -> array.add(time.applyAsLong(t)));
  }

  private static void reason(ObjectNode node, String name, Reading<?> reading) {
    if (reading.unreadable() != null) {
      node.put(name, reading.unreadable());
    }
  }

  private static ObjectNode served(ModelReport.Served served) {
    RequestTimes times = served.times();
    RequestLoad load = times.load();
    ObjectNode node = JSON.createObjectNode();
    node.put("n_prompt", load.nPrompt()).put("n_gen", load.nGen()).put("concurrency", load.concurrency()).put("n_threads", times.threads());
    node.put("n_requests", times.requests().size()).put("wall_ns", times.nanos()).put("steps", times.steps()).put("prompt_rows", times.promptRows());
    node.put("decoded_tokens", times.decodedTokens()).put("tokens_per_second", times.rate()).put("generated_tokens_per_second", times.generationRate());
    node.set("foreign", finite(served.foreign()));
    distribution(node.putObject("ttft_s"), times.firstToken());
    distribution(node.putObject("tpot_s"), times.perToken());
    distribution(node.putObject("latency_s"), times.latency());
    ObjectNode samples = node.putObject("samples");
    ArrayNode first = samples.putArray("ttft_ns");
    ArrayNode decode = samples.putArray("decode_ns");
    ArrayNode total = samples.putArray("total_ns");
    times.requests().forEach(t -> {
      first.add(t.firstTokenNanos());
      decode.add(t.decodeNanos());
      total.add(t.totalNanos());
    });
    ArrayNode metrics = node.putArray("metrics");
    for (EfficiencyMetrics.Metric metric : served.metrics()) {
      if (!metric.value().isAbsent()) {
        ObjectNode one = metrics.addObject().put("id", metric.id()).put("title", metric.title()).put("unit", metric.unit()).put("value", metric.value().value());
        reason(one, "reason", metric.value());
      }
    }
    return node;
  }

  private static void distribution(ObjectNode node, Samples samples) {
    if (samples != null) {
      node.put("n", samples.count()).put("mean", samples.mean()).put("p50", samples.percentile(0.5)).put("p99", samples.percentile(0.99))
          .put("p99_is_max", !samples.tells(0.99)).put("min", samples.min()).put("max", samples.max());
    }
  }

  private static ObjectNode ideal(IdealRuntime ideal) {
    ObjectNode node = JSON.createObjectNode();
    ObjectNode alpha = node.putObject("alpha_s");
    ideal.alpha().forEach((p, a) -> alpha.put(Integer.toString(p), a));
    node.put("beta_s", ideal.beta());
    node.set("beta_standard_error_s", finite(ideal.betaError()));
    node.set("r_squared", finite(ideal.rSquared()));
    node.put("residual_s", ideal.residual()).put("n_samples", ideal.samples().size());
    ArrayNode samples = node.putArray("samples");
    ideal.samples().forEach(s -> samples.addObject().put("n_prompt", s.nPrompt()).put("n_gen", s.nGen()).put("seconds", s.seconds()));
    return node;
  }

  private static JsonNode finite(double value) {
    return Double.isFinite(value) ? JSON.getNodeFactory().numberNode(value) : JSON.nullNode();
  }
}
