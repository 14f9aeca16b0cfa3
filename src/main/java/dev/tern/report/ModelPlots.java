package dev.tern.report;

import dev.tern.StepProfile;
import dev.tern.bench.IdealRuntime;
import dev.tern.bench.ModelReport;
import dev.tern.bench.ModelRow;
import dev.tern.bench.ModelSeries;
import dev.tern.bench.RequestTimes;
import dev.tern.bench.Samples;
import dev.tern.bench.SpeedTest;
import dev.tern.bench.StepParts;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;

/** The pictures of a report of {@code tern bench model}. */
final class ModelPlots {
  /** So many letters fit across the picture: a part that has room for its name is labelled. */
  private static final double LETTERS = 95;

  private final ModelReport report;

  ModelPlots(ModelReport report) {
    this.report = report;
  }

  private static Style line(int i) {
    return new Style(i, Shape.filled(i), Style.Stroke.SOLID);
  }

  /** Decode rows by what they have in common, sorted by what differs; groups of two at least. */
  private Map<String, List<ModelRow>> decodes(Function<ModelRow, String> group, Comparator<SpeedTest> order) {
    Map<String, List<ModelRow>> groups = new LinkedHashMap<>();
    report.rows().stream().filter(r -> r.test().decode()).sorted(Comparator.comparing(ModelRow::test, order))
        .forEach(r -> groups.computeIfAbsent(group.apply(r), key -> new ArrayList<>()).add(r));
    groups.values().removeIf(g -> g.size() < 2);
    return groups;
  }

  /** Keys that a generated token sees: its own stream's on average where no depth was asked for. */
  private static double keys(SpeedTest test) {
    return test.depth() > 0 ? test.depth() : (test.nGen() + 1) / 2.0;
  }

  /** Decode over the keys that a token sees. */
  Plot depth() {
    Plot plot = new Plot("Decode against context depth", Axis.log2("keys that a token sees"), Axis.linear("tokens a second, all streams").between(0, Double.NaN));
    int i = 0;
    for (var group : decodes(r -> "tg" + r.test().nGen() + streams(r.test()) + ", " + r.nThreads() + " threads", Comparator.comparingDouble(ModelPlots::keys)).entrySet()) {
      Series series = plot.series(group.getKey(), line(i++));
      group.getValue().forEach(r -> point(series, keys(r.test()), r.rates(), 1, r.test().name() + ": " + Amount.number(r.rates().median()) + " tokens/s"));
    }
    return plot;
  }

  private static String streams(SpeedTest test) {
    return test.batch() == 1 ? "" : " x" + test.batch();
  }

  /** The median, and the interval that holds it if the samples tell one. */
  private static void point(Series series, double x, Samples rates, double unit, String tip) {
    boolean interval = Double.isFinite(rates.spread());
    series.point(x, rates.median() / unit, interval ? rates.low() / unit : Double.NaN, interval ? rates.high() / unit : Double.NaN, tip);
  }

  /** Streams at once, over one stream. */
  Plot batch() {
    Plot plot = new Plot("Scaling with streams", Axis.log2("streams at once"), Axis.log2("tokens a second over one stream's").written(v -> Amount.number(v) + "×"));
    int most = 0;
    int i = 0;
    Map<String, List<ModelRow>> groups = decodes(r -> "tg" + r.test().nGen() + (r.test().depth() > 0 ? " @" + r.test().depth() : "") + ", " + r.nThreads() + " threads",
        Comparator.comparingInt(SpeedTest::batch));
    groups.values().removeIf(g -> g.get(0).test().batch() != 1);
    for (List<ModelRow> group : groups.values()) {
      most = Math.max(most, group.get(group.size() - 1).test().batch());
    }
    if (most > 1) {
      plot.series("ideal: each stream for nothing", Style.line(Style.NEUTRAL, Style.Stroke.DASHED)).segment(1, 1, most, most);
    }
    for (var group : groups.entrySet()) {
      double one = group.getValue().get(0).rates().median();
      Series series = plot.series(group.getKey(), line(i++));
      group.getValue().forEach(r -> point(series, r.test().batch(), r.rates(), one, r.test().name() + ": " + Amount.number(r.rates().median()) + " tokens/s"));
    }
    return plot;
  }

  /** Times of requests over their output, and the fitted lines. */
  Plot ideal() {
    Plot plot = new Plot("Idealised runtime", Axis.linear("tokens generated"), Axis.linear("time of a request").written(Amount::seconds));
    IdealRuntime ideal = report.ideal();
    if (ideal == null) {
      return plot;
    }
    int longest = ideal.samples().stream().mapToInt(IdealRuntime.Sample::nGen).max().orElse(1);
    int i = 0;
    for (int p : ideal.alpha().keySet()) {
      plot.series("", Style.line(i, Style.Stroke.DASHED)).segment(1, ideal.seconds(p, 1), longest, ideal.seconds(p, longest));
      Series series = plot.series("prompt of " + p, Style.points(i, Shape.filled(i)));
      ideal.samples().stream().filter(s -> s.nPrompt() == p)
          .forEach(s -> series.point(s.nGen(), s.seconds(), p + " + " + s.nGen() + ": " + Amount.seconds(s.seconds())));
      i++;
    }
    return plot;
  }

  /** How many requests had their first token by then. */
  Plot firstToken() {
    return distribution("Time to the first token", "time from submission to the first token", RequestTimes::firstToken);
  }

  /** How many requests had so little time for a token. */
  Plot perToken() {
    return distribution("Time for each token after it", "time for a token after the first", RequestTimes::perToken);
  }

  private Plot distribution(String title, String label, Function<RequestTimes, Samples> of) {
    Plot plot = new Plot(title, Axis.log10(label).written(Amount::seconds), Axis.linear("share of requests").between(0, 1).written(Amount::share)).height(320);
    int i = 0;
    for (ModelReport.Served served : report.served()) {
      Samples samples = of.apply(served.times());
      if (samples != null) {
        Series series = plot.series(served.times().load().name() + ", " + served.times().threads() + " threads", Style.line(i, Style.Stroke.SOLID));
        int n = samples.count();
        for (int rank = 1; rank <= n; rank++) { // a step up at each value
          double at = samples.percentile(rank / (double) n);
          series.point(at, (rank - 1.0) / n, "").point(at, rank / (double) n, "");
        }
        Series marks = plot.series("", Style.points(i, Shape.filled(i)));
        for (double q : new double[] {0.5, 0.99}) {
          marks.point(samples.percentile(q), q, "p" + Math.round(100 * q) + ": " + Amount.seconds(samples.percentile(q)));
        }
      }
      i++;
    }
    return plot;
  }

  /** A step's parts in their order: as wide as their time, filled as high as their share of the floor. */
  static Plot waterline(ModelSeries.Profile profile) {
    StepProfile p = profile.profile();
    double steps = p.steps();
    Plot plot = new Plot("Where a decode step goes: " + profile.test().name() + ", " + profile.threads() + " threads",
        Axis.linear("time into the step").between(0, p.nanos() * 1e-9 / steps).written(Amount::seconds), Axis.linear("share of the floor").between(0, Double.NaN).written(Amount::share));
    Series water = plot.series("time of a part, up to 100 %", Style.area(Style.WATER));
    Series fill = plot.series("reading its bytes at the measured bandwidth", Style.area(0));
    double at = 0;
    for (StepProfile.Part part : p.parts()) {
      double seconds = part.nanos() * 1e-9 / steps;
      double share = part.nanos() == 0 ? 0 : part.bytes() / profile.allCores() / (part.nanos() * 1e-9);
      String tip = StepParts.title(part.name()) + ": " + Amount.seconds(seconds) + (part.bytes() > 0 ? ", " + Amount.share(share) + " of its floor" : ", reads nothing that is counted");
      water.bar(at, at + seconds, 0, 1, tip);
      if (part.bytes() > 0) {
        fill.bar(at, at + seconds, 0, share, tip);
      }
      if (part.nanos() * LETTERS > StepParts.title(part.name()).length() * p.nanos()) {
        plot.label(at, 1, StepParts.title(part.name()), Plot.Place.ABOVE_RIGHT);
      }
      at += seconds;
    }
    return plot;
  }
}
