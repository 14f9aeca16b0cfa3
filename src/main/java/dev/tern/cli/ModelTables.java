package dev.tern.cli;

import dev.tern.bench.EfficiencyMetrics.Metric;
import dev.tern.bench.IdealRuntime;
import dev.tern.bench.InformationCapacity;
import dev.tern.bench.ModelReport;
import dev.tern.bench.ModelRow;
import dev.tern.bench.ProcessMemory;
import dev.tern.bench.RequestTimes;
import dev.tern.bench.Samples;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.function.ToDoubleFunction;

/** What {@code tern bench model} measured, for people: Markdown tables, the first with the columns of llama-bench. */
final class ModelTables {
  private static final int MAX_NAME = 200;
  private static final double P99 = 0.99;
  /** Of the processors, which others may take before it is said. */
  private static final double MUCH = 0.05;

  private final ModelReport report;

  ModelTables(ModelReport report) {
    this.report = report;
  }

  String text() {
    List<String> parts = new ArrayList<>();
    if (!report.rows().isEmpty()) {
      parts.add(rows());
    }
    if (!report.served().isEmpty()) {
      parts.add(served());
    }
    if (report.served().stream().anyMatch(s -> !s.metrics().isEmpty())) {
      parts.add(metrics());
    }
    if (report.ideal() != null) {
      parts.add(ideal(report.ideal()));
    }
    if (report.capacity() != null) {
      parts.add(capacity(report.capacity()));
    }
    String noise = noise();
    if (!noise.isEmpty()) {
      parts.add(noise);
    }
    parts.add(foot());
    return String.join("\n", parts);
  }

  private String rows() {
    MarkdownTable table = new MarkdownTable("model", "size", "params", "backend", "threads", "test", "t/s", "median", "of floor");
    ModelReport.Subject m = report.model();
    for (ModelRow row : report.rows()) {
      Samples rates = row.rates();
      table.row(Text.plain(m.name(), MAX_NAME), Text.bytes(m.weightBytes()), Text.count(m.nParameters()), m.backend(), Integer.toString(row.nThreads()),
          row.test().name(), number(rates.mean()) + " ± " + number(rates.deviation()), number(rates.median()),
          row.test().decode() ? percent(row.shareOfFloor(m.decodeBytes())) : "");
    }
    Map<Integer, List<ModelRow>> byThreads = new LinkedHashMap<>();
    report.memoryRows().forEach(row -> byThreads.computeIfAbsent(row.nThreads(), n -> new ArrayList<>()).add(row));
    StringBuilder bandwidths = new StringBuilder();
    byThreads.forEach((n, rows) -> bandwidths.append(String.format(Locale.ROOT, "%nread bandwidth: %s with %d threads, %s with all cores",
        gigabytes(rows, ModelRow::bandwidth), n, gigabytes(rows, ModelRow::allCores))));
    boolean inTurn = report.memoryRows().get(0).test().decode();
    return table + bandwidths.toString() + "; the floor of decode is reading " + Text.bytes(m.decodeBytes()) + " of weights a step"
        + (inTurn ? " with all cores, measured in turn with each decode test" : "") + "\n";
  }

  /** "8.00 GB/s", "8.00 to 9.50 GB/s": of all these rows. */
  private static String gigabytes(List<ModelRow> rows, ToDoubleFunction<ModelRow> bandwidth) {
    Samples all = new Samples(rows.stream().mapToDouble(bandwidth).map(b -> b * 1e-9).toArray());
    String low = number(all.min());
    String high = number(all.max());
    return (low.equals(high) ? low : low + " to " + high) + " GB/s";
  }

  private String served() {
    MarkdownTable table = new MarkdownTable("requests", "threads", "served", "TTFT p50 ms", "p99", "TPOT p50 ms", "p99", "latency ms", "t/s", "generated t/s", "steps");
    boolean few = false;
    for (ModelReport.Served s : report.served()) {
      RequestTimes t = s.times();
      Samples first = t.firstToken();
      Samples each = t.perToken();
      few |= !first.tells(P99);
      table.row(t.load().name(), Integer.toString(t.threads()), Integer.toString(first.count()), millis(first.percentile(0.5)), p99(first),
          each == null ? "" : millis(each.percentile(0.5)), each == null ? "" : p99(each), millis(t.latency().mean()), number(t.rate()),
          number(t.generationRate()), Long.toString(t.steps()));
    }
    return table + (few ? "\nmax: of fewer than 100 requests the 99th percentile is the largest\n" : "");
  }

  /** By nearest rank; marked where that is the largest of too few. */
  private static String p99(Samples samples) {
    return (samples.tells(P99) ? "" : "max ") + millis(samples.percentile(P99));
  }

  private String metrics() {
    List<ModelReport.Served> all = report.served().stream().filter(s -> !s.metrics().isEmpty()).toList();
    List<String> header = new ArrayList<>(List.of("metric", "unit"));
    all.forEach(s -> header.add(s.times().load().name()));
    MarkdownTable table = new MarkdownTable(header.toArray(String[]::new));
    Map<String, Set<String>> reasons = new LinkedHashMap<>();
    for (int i = 0; i < all.get(0).metrics().size(); i++) {
      Metric metric = all.get(0).metrics().get(i);
      if (metric.value().isAbsent()) {
        continue;
      }
      List<String> cells = new ArrayList<>(List.of(metric.title(), metric.unit()));
      for (ModelReport.Served s : all) {
        Metric one = s.metrics().get(i);
        cells.add(one.value().isKnown() ? value(one) : "unknown");
        if (!one.value().isKnown()) {
          reasons.computeIfAbsent(one.value().unreadable(), reason -> new LinkedHashSet<>()).add(metric.title());
        }
      }
      table.row(cells.toArray(String[]::new));
    }
    StringBuilder text = new StringBuilder(reasons.isEmpty() ? "" : "\n");
    reasons.forEach((reason, titles) -> text.append("unknown: ").append(String.join("; ", titles)).append(": ").append(reason).append('\n'));
    return table + text.toString();
  }

  private static String value(Metric metric) {
    double value = metric.value().value();
    return metric.unit().equals("byte") ? Text.bytes(Math.round(value)) : metric.id().equals("pcu") ? percent(value) : String.format(Locale.ROOT, "%.4g", value);
  }

  private static String ideal(IdealRuntime ideal) {
    MarkdownTable table = new MarkdownTable("prompt p", "alpha(p) ms");
    for (Map.Entry<Integer, Double> alpha : ideal.alpha().entrySet()) {
      table.row(Integer.toString(alpha.getKey()), millis(alpha.getValue()));
    }
    return table + String.format(Locale.ROOT, "%nidealised runtime of o tokens: alpha(p) + beta (o - 1), beta %s ms%s; R² %.5f, residual %s ms, %d samples%n",
        millis(ideal.beta()), Double.isNaN(ideal.betaError()) ? "" : " ± " + millis(ideal.betaError()), ideal.rSquared(), millis(ideal.residual()), ideal.samples().size());
  }

  private static String capacity(InformationCapacity c) {
    return String.format(Locale.ROOT, "information capacity %.4f = (%.3f text bits a token - %.3f NLL bits a token %s) / log2(%.4g operations a token); %d tokens scored in %d "
        + "samples of %d%n", c.value(), c.textBits(), c.nllBits(), (c.bias() < 0 ? "- " : "+ ") + Math.abs(c.bias()), c.opsPerToken(), c.scoredTokens(), c.samples(), c.sampleTokens());
  }

  /** What others disturbed. */
  private String noise() {
    List<String> disturbed = new ArrayList<>();
    report.rows().stream().filter(r -> r.foreign() > MUCH).forEach(r -> disturbed.add(r.test().name() + " " + percent(r.foreign())));
    report.served().stream().filter(s -> s.foreign() > MUCH).forEach(s -> disturbed.add(s.times().load().name() + " " + percent(s.foreign())));
    return disturbed.isEmpty() ? "" : "noisy: other processes took of the processors, during " + String.join("; ", disturbed) + "\n";
  }

  private String foot() {
    ModelReport.Subject m = report.model();
    StringBuilder text = new StringBuilder();
    List<ModelRow> measured = report.rows().stream().filter(r -> r.joules().isKnown()).toList();
    if (measured.isEmpty()) {
      text.append("joules per token: not known: ").append(Text.plain(report.energySource(), MAX_NAME)).append('\n');
    } else {
      text.append("joules per token (").append(Text.plain(report.energySource(), MAX_NAME)).append("): ");
      text.append(String.join(", ", measured.stream().map(r -> r.test().name() + " " + String.format(Locale.ROOT, "%.3g", r.joulesPerToken().value())).toList()))
          .append('\n');
    }
    return text.append(String.format(Locale.ROOT, "loaded in %s, peak of resident memory %s with %s of weights; resident at the end: %s%n", Text.duration(m.loadNanos()),
        Text.bytes(m.loadPeakBytes()), Text.bytes(m.weightBytes()), Text.bytes(ProcessMemory.resident()))).toString();
  }

  private static String percent(double share) {
    return String.format(Locale.ROOT, "%.1f %%", 100 * share);
  }

  private static String millis(double seconds) {
    double ms = seconds * 1e3;
    return String.format(Locale.ROOT, ms < 1 ? "%.4f" : ms < 100 ? "%.2f" : "%.0f", ms);
  }

  private static String number(double value) {
    return String.format(Locale.ROOT, value < 100 ? "%.2f" : "%.1f", value);
  }
}
