package dev.tern.report;

import dev.tern.StepProfile;
import dev.tern.bench.EfficiencyMetrics.Metric;
import dev.tern.bench.InformationCapacity;
import dev.tern.bench.IdealRuntime;
import dev.tern.bench.ModelReport;
import dev.tern.bench.ModelRow;
import dev.tern.bench.ModelSeries;
import dev.tern.bench.RequestTimes;
import dev.tern.bench.Samples;
import dev.tern.bench.StepParts;
import dev.tern.report.HtmlTable.Align;
import dev.tern.report.HtmlTable.Cell;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;

/** A report of {@code tern bench model} as one HTML page. */
public final class ModelHtml {
  private static final double P99 = 0.99;
  /** Of the processors, which others may take before it is said. */
  private static final double MUCH = 0.05;

  private final ModelReport report;
  private final ModelPlots plots;
  private final HtmlPage page;

  private ModelHtml(ModelReport report) {
    this.report = report;
    plots = new ModelPlots(report);
    page = new HtmlPage(report.model().name() + " on " + (report.gpu().isEmpty() ? report.processor() : report.gpu()));
  }

  /** The page. */
  public static String of(ModelReport report) {
    return new ModelHtml(report).html();
  }

  private String html() {
    ModelReport.Subject m = report.model();
    page.small("tern bench model, Tern " + report.version() + ", " + m.device() + ", " + report.date());
    page.facts(facts());
    double most = Stream.concat(report.rows().stream().map(ModelRow::foreign), report.served().stream().map(ModelReport.Served::foreign)).mapToDouble(f -> Double.isNaN(f) ? 0 : f)
        .max().orElse(0);
    if (most > MUCH) {
      page.paragraph("A noisy machine: other processes took up to " + Amount.share(most) + " of the processors while something was measured.");
    }
    if (!report.rows().isEmpty()) {
      speed();
    }
    if (!report.served().isEmpty()) {
      requests();
    }
    if (report.ideal() != null) {
      ideal(report.ideal());
    }
    report.profiles().forEach(this::step);
    if (report.capacity() != null) {
      capacity(report.capacity());
    }
    return page.html();
  }

  private Map<String, String> facts() {
    ModelReport.Subject m = report.model();
    Map<String, String> facts = new LinkedHashMap<>();
    facts.put("parameters", Amount.of(m.nParameters(), ""));
    facts.put("weights", Amount.of(m.weightBytes(), "B"));
    facts.put("read for a token", Amount.of(m.decodeBytes(), "B"));
    if (!m.kvType().isEmpty()) {
      facts.put("keys and values", m.kvType());
    }
    if (!report.rows().isEmpty()) {
      Samples read = new Samples(report.memoryRows().stream().mapToDouble(ModelRow::allCores).toArray());
      String least = Amount.of(read.min(), "B/s");
      String most = Amount.of(read.max(), "B/s");
      facts.put("reading, all cores", least.equals(most) ? least : least + " to " + most);
    }
    facts.put("loaded in", Amount.seconds(m.loadNanos() * 1e-9));
    facts.put("peak of resident memory", Amount.of(m.loadPeakBytes(), "B"));
    return facts;
  }

  private void speed() {
    page.section("Speed");
    HtmlTable table = new HtmlTable().column("test", Align.LEFT).column("threads", Align.RIGHT).column("t/s", Align.RIGHT).column("median", Align.RIGHT)
        .column("of floor", Align.RIGHT).column("J/token", Align.RIGHT);
    for (ModelRow row : report.rows()) {
      double share = row.shareOfFloor(report.model().decodeBytes());
      table.row(Cell.of(row.test().name()), Cell.of(Integer.toString(row.nThreads())),
          Cell.of(String.format(Locale.ROOT, "%.2f ± %.2f", row.rates().mean(), row.rates().deviation())), Cell.of(String.format(Locale.ROOT, "%.2f", row.rates().median())),
          Double.isNaN(share) ? Cell.quiet("") : Cell.bar(Amount.share(share), share),
          row.joules().isKnown() ? Cell.of(Amount.of(row.joulesPerToken().value(), "J")) : Cell.quiet("unknown"));
    }
    page.table(table);
    page.small("ppN: N prompt tokens; tgN: N tokens generated; xB: B streams at once; @D: each token sees D keys. The floor is reading the weights once a step at the bandwidth "
        + "of all cores, measured in turn with each decode test. Joules: " + report.energySource());
    Plot depth = plots.depth();
    if (!depth.isEmpty()) {
      page.plot(depth, "How to read it: where the line is flat, weights take the time; where it falls, the cache's keys and values do."
          + (report.rows().stream().anyMatch(r -> Double.isFinite(r.rates().spread())) ? " Small bars are 95 % intervals of the median." : ""));
    }
    Plot batch = plots.batch();
    if (!batch.isEmpty()) {
      page.plot(batch, "How to read it: on the dashed line a stream more costs no time, since all of them share one reading of the weights; where the line leaves it, arithmetic limits.");
    }
  }

  private void requests() {
    page.section("Requests");
    HtmlTable table = new HtmlTable().column("requests", Align.LEFT).column("served", Align.RIGHT).column("TTFT p50", Align.RIGHT).column("p99", Align.RIGHT)
        .column("TPOT p50", Align.RIGHT).column("p99", Align.RIGHT).column("latency", Align.RIGHT).column("t/s", Align.RIGHT).column("generated t/s", Align.RIGHT);
    for (ModelReport.Served served : report.served()) {
      RequestTimes t = served.times();
      table.row(Cell.of(t.load().name() + ", " + t.threads() + " threads"), Cell.of(Integer.toString(t.requests().size())), p50(t.firstToken()), p99(t.firstToken()),
          p50(t.perToken()), p99(t.perToken()), Cell.of(Amount.seconds(t.latency().mean())), Cell.of(String.format(Locale.ROOT, "%.2f", t.rate())),
          Cell.of(String.format(Locale.ROOT, "%.2f", t.generationRate())));
    }
    page.table(table);
    page.small("TTFT: from submission to the first token; TPOT: for each token after it; percentiles by nearest rank, max: of fewer than 100 requests p99 is the largest.");
    page.plot(plots.firstToken(), "How to read it: how many requests had their first token by then; the steeper, the more alike they were. Marks are p50 and p99.");
    page.plot(plots.perToken(), "How to read it: as above, for the mean time of a request's later tokens.");
    metrics();
  }

  private static Cell p50(Samples samples) {
    return samples == null ? Cell.quiet("") : Cell.of(Amount.seconds(samples.percentile(0.5)));
  }

  private static Cell p99(Samples samples) {
    return samples == null ? Cell.quiet("") : Cell.of((samples.tells(P99) ? "" : "max ") + Amount.seconds(samples.percentile(P99)));
  }

  private void metrics() {
    List<ModelReport.Served> all = report.served().stream().filter(s -> !s.metrics().isEmpty()).toList();
    if (all.isEmpty()) {
      return;
    }
    HtmlTable table = new HtmlTable().column("EfficientLLM's metrics", Align.LEFT);
    all.forEach(s -> table.column(s.times().load().name(), Align.RIGHT));
    Set<String> reasons = new LinkedHashSet<>();
    for (int i = 0; i < all.get(0).metrics().size(); i++) {
      Metric first = all.get(0).metrics().get(i);
      if (first.value().isAbsent()) {
        continue;
      }
      List<Cell> cells = new ArrayList<>(List.of(Cell.of(first.title())));
      for (ModelReport.Served s : all) {
        Metric one = s.metrics().get(i);
        cells.add(one.value().isKnown() ? Cell.of(value(one)) : Cell.quiet("unknown"));
        if (one.value().unreadable() != null) {
          reasons.add(first.title() + ": " + one.value().unreadable());
        }
      }
      table.row(cells.toArray(Cell[]::new));
    }
    page.table(table);
    page.list(List.copyOf(reasons));
  }

  private static String value(Metric metric) {
    double value = metric.value().value();
    return switch (metric.unit()) {
      case "1" -> metric.id().equals("pcu") ? Amount.share(value) : Amount.number(value);
      case "byte" -> Amount.of(value, "B");
      case "s", "W", "J" -> Amount.of(value, metric.unit());
      default -> Amount.number(value) + " " + metric.unit();
    };
  }

  private void ideal(IdealRuntime ideal) {
    page.section("Idealised runtime");
    page.paragraph(String.format(Locale.ROOT, "alpha(p) + beta (o - 1), beta %s%s; R² %.5f, residual %s, %d samples.", Amount.seconds(ideal.beta()),
        Double.isNaN(ideal.betaError()) ? "" : " ± " + Amount.seconds(ideal.betaError()), ideal.rSquared(), Amount.seconds(ideal.residual()), ideal.samples().size()));
    Map<String, String> alphas = new LinkedHashMap<>();
    ideal.alpha().forEach((p, alpha) -> alphas.put("alpha(" + p + ")", Amount.seconds(alpha)));
    page.facts(alphas);
    page.plot(plots.ideal(), "How to read it: dashed lines are the fit, one slope for all prompts; marks above a line at its end are the keys' cost, which the fit leaves out.");
  }

  private void step(ModelSeries.Profile profile) {
    page.section("A decode step, " + profile.test().name());
    page.plot(ModelPlots.waterline(profile), "How to read it: from left to right the kinds of work of a step, all layers together, as wide as their time. The filled part is how far reading their "
        + "weights and cached keys and values at the bandwidth measured right before and after would fill it; what is empty is to gain. Norms, rotations and sampling read next to nothing.");
    StepProfile p = profile.profile();
    HtmlTable table = new HtmlTable().column("part", Align.LEFT).column("calls", Align.RIGHT).column("time", Align.RIGHT).column("of the step", Align.RIGHT).column("bytes", Align.RIGHT)
        .column("of its floor", Align.RIGHT);
    for (StepProfile.Part part : p.parts()) {
      double share = part.bytes() / profile.allCores() / (part.nanos() * 1e-9);
      table.row(Cell.of(StepParts.title(part.name())), Cell.of(Long.toString(part.calls() / p.steps())), Cell.of(Amount.seconds(part.nanos() * 1e-9 / p.steps())),
          Cell.of(Amount.share(part.nanos() / (double) p.nanos())), part.bytes() == 0 ? Cell.quiet("") : Cell.of(Amount.of(part.bytes() / (double) p.steps(), "B")),
          part.bytes() == 0 ? Cell.quiet("") : Cell.bar(Amount.share(share), share));
    }
    table.row(Cell.of("between the parts"), Cell.quiet(""), Cell.of(Amount.seconds(p.otherNanos() * 1e-9 / p.steps())), Cell.of(Amount.share(p.otherNanos() / (double) p.nanos())),
        Cell.quiet(""), Cell.quiet(""));
    page.table(table);
  }

  private void capacity(InformationCapacity c) {
    page.section("Information capacity");
    Map<String, String> facts = new LinkedHashMap<>();
    facts.put("capacity", Amount.number(c.value()));
    facts.put("text, bits a token", Amount.number(c.textBits()));
    facts.put("NLL, bits a token", Amount.number(c.nllBits()));
    facts.put("operations a token", Amount.of(c.opsPerToken(), ""));
    facts.put("b", Amount.number(c.bias()));
    facts.put("tokens scored", Long.toString(c.scoredTokens()));
    facts.put("samples", c.samples() + " of " + c.sampleTokens());
    page.facts(facts);
    page.small("(text bits - NLL bits + b) / log2(operations): comparable for one text, sample length and b only.");
  }
}
