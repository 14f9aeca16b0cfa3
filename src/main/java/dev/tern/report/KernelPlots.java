package dev.tern.report;

import dev.tern.bench.Ceilings;
import dev.tern.bench.Datasheet;
import dev.tern.bench.KernelOp;
import dev.tern.bench.KernelPeak;
import dev.tern.bench.KernelReport;
import dev.tern.bench.KernelResult;
import dev.tern.bench.KernelWork;
import dev.tern.bench.PeerResult;
import dev.tern.report.Plot.Place;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.ToDoubleFunction;
import java.util.function.ToIntFunction;
import java.util.stream.Collectors;
import java.util.stream.DoubleStream;

/**
 * How far kernels are from what the hardware allows: the roofline (Williams, Waterman, Patterson, CACM 52(4), 2009), and two plots after "On the Efficiency
 * of Convolutional Neural Networks" (Andrew Lavin, arXiv 2404.03617), which looks at a sequence of kernels: latency = operations / (peak · computational
 * efficiency), so that on logarithmic axes the gap between a latency and the ideal one is the efficiency's inverse (efficiency gap); and memory
 * bandwidth lets a kernel reach min(1, operations per byte · bandwidth / peak) of the peak (waterline).
 */
final class KernelPlots {
  static final String PAPER = "Andrew Lavin, On the Efficiency of Convolutional Neural Networks, arXiv 2404.03617";
  private static final double HALF_BAR = 0.38;
  private static final double MARGIN = 1.6;
  /** Ratios on the x axis of the roofline: from a ridge to the label, and as long as a label is. */
  private static final double LABEL_AFTER = 2.2;
  private static final double LABEL_WIDTH = 7;
  /** Ratio of peaks whose names would lie on each other. */
  private static final double NEAR = 1.7;
  /** Of the x axis, for names at the ends of lines. */
  private static final double ROOM = 0.07;

  /** A measured case with its number in the table of results, from 1 on. */
  record Numbered(int number, KernelResult result) {
    KernelWork work() {
      return result.work();
    }

    double median() {
      return result.times().samples().median();
    }

    double intensity() {
      return (double) work().ops() / work().bytes();
    }

    KernelOp op() {
      return result.kernelCase().op();
    }
  }

  /** A peer that was timed on a case. */
  private record Timed(Numbered on, PeerResult peer) {}

  private final Ceilings ceilings;
  private final Datasheet sheet;
  private final List<Numbered> cases = new ArrayList<>();
  private final List<String> peers;

  KernelPlots(KernelReport report) {
    ceilings = report.ceilings();
    sheet = report.datasheet();
    for (int i = 0; i < report.results().size(); i++) {
      if (report.results().get(i).measured()) {
        cases.add(new Numbered(i + 1, report.results().get(i)));
      }
    }
    peers = peers(report);
  }

  /** Peers that were timed, in the order in which they come. */
  static List<String> peers(KernelReport report) {
    return report.results().stream().flatMap(r -> r.peers().stream()).filter(p -> p.times() != null).map(PeerResult::name).distinct().toList();
  }

  /** Colour and shape of an op are its own, in every plot. */
  static Style style(KernelOp op) {
    return Style.points(op.ordinal(), Shape.filled(op.ordinal()));
  }

  Plot roofline() {
    Plot plot = new Plot("Roofline", Axis.log10("operations per byte"), Axis.log10("operations per second").written(Amount.ticks("op/s")));
    List<Numbered> drawn = cases.stream().filter(c -> c.work().ops() > 0).toList();
    double bandwidth = ceilings.bytesPerSecond();
    double low = drawn.stream().mapToDouble(Numbered::intensity).min().orElse(1) / MARGIN;
    double ridge = ceilings.opsPerSecond().values().stream().mapToDouble(p -> p / bandwidth).filter(Double::isFinite).max().orElse(1);
    double high = MARGIN * Math.max(ridge, drawn.stream().mapToDouble(Numbered::intensity).max().orElse(1));
    if (!drawn.isEmpty()) {
      roofs(plot.series("limits measured in this run", Style.line(Style.NEUTRAL, Style.Stroke.SOLID)), bandwidth, ceilings.opsPerSecond(), low, high);
      if (sheet != null) {
        roofs(plot.series("limits of the datasheet", Style.line(Style.NEUTRAL, Style.Stroke.DASHED)), sheet.bytesPerSecond(), sheet.opsPerSecond(), low, high);
      }
      label(plot, bandwidth, low, high);
    }
    points(plot, drawn, Numbered::intensity, (c, seconds) -> c.work().ops() / seconds);
    return plot;
  }

  /** The memory's up to the highest peak, and each peak from where the memory's meets it. */
  private static void roofs(Series series, double bandwidth, Map<KernelPeak, Double> peaks, double low, double high) {
    double top = peaks.values().stream().mapToDouble(Double::doubleValue).max().orElse(bandwidth * high);
    double end = Math.min(high, top / bandwidth);
    series.segment(low, bandwidth * low, end, bandwidth * end);
    new TreeMap<>(peaks).values().forEach(peak -> series.segment(Math.max(low, peak / bandwidth), peak, high, peak));
  }

  /** Each level roof's at its left, clear of the slope; at its right if there is no room. */
  private void label(Plot plot, double bandwidth, double low, double high) {
    double lowest = high;
    for (List<Map.Entry<KernelPeak, Double>> near : near(ceilings.opsPerSecond())) {
      double rate = near.get(near.size() - 1).getValue();
      String names = near.stream().map(e -> e.getKey().id() + " " + Amount.of(e.getValue(), "op/s")).collect(Collectors.joining(", "));
      double from = LABEL_AFTER * Math.max(low, rate / bandwidth);
      boolean room = from * LABEL_WIDTH < high;
      plot.label(room ? from : high, rate, names, room ? Place.ABOVE_RIGHT : Place.ABOVE_LEFT);
      lowest = Math.min(lowest, rate / bandwidth);
    }
    double at = Math.sqrt(low * Math.max(low, lowest));
    plot.label(at, bandwidth * at, "memory " + Amount.of(bandwidth, "B/s"), Place.ABOVE_LEFT);
  }

  /** Peaks from the lowest to the highest, those together whose names would lie on each other. */
  private static List<List<Map.Entry<KernelPeak, Double>>> near(Map<KernelPeak, Double> peaks) {
    List<List<Map.Entry<KernelPeak, Double>>> all = new ArrayList<>();
    double last = 0;
    for (Map.Entry<KernelPeak, Double> peak : new TreeMap<>(peaks).entrySet().stream().sorted(Map.Entry.comparingByValue()).toList()) {
      if (all.isEmpty() || peak.getValue() > NEAR * last) {
        all.add(new ArrayList<>());
      }
      all.get(all.size() - 1).add(peak);
      last = peak.getValue();
    }
    return all;
  }

  Plot efficiencyGap() {
    List<Numbered> drawn = cases.stream().filter(c -> c.work().ops() > 0 && peak(c) > 0).toList();
    double low = drawn.stream().mapToDouble(c -> c.work().ops()).min().orElse(1) / MARGIN;
    double high = MARGIN * drawn.stream().mapToDouble(c -> c.work().ops()).max().orElse(1);
    Plot plot = new Plot("Efficiency gap", Axis.log10("operations").written(Amount.ticks("op")).between(low, high * Math.pow(high / low, ROOM)),
        Axis.log10("time of a call").written(Amount.ticks("s")));
    Series ideal = plot.series(drawn.isEmpty() ? "" : "ideal: operations over the measured peak", Style.line(Style.NEUTRAL, Style.Stroke.DASHED));
    Map<KernelPeak, Double> used = new EnumMap<>(KernelPeak.class);
    drawn.forEach(c -> used.put(c.work().peak(), peak(c)));
    used.values().forEach(rate -> ideal.segment(low, low / rate, high, high / rate));
    for (List<Map.Entry<KernelPeak, Double>> near : near(used)) {
      String names = near.stream().map(e -> e.getKey().id()).collect(Collectors.joining(", "));
      plot.label(high, high / near.get(0).getValue(), names, Place.RIGHT);
    }
    Map<KernelOp, Series> gaps = new EnumMap<>(KernelOp.class);
    for (Numbered c : drawn) {
      gaps.computeIfAbsent(c.op(), op -> plot.series("", Style.line(op.ordinal(), Style.Stroke.FAINT)))
          .segment(c.work().ops(), c.work().ops() / peak(c), c.work().ops(), c.median());
    }
    points(plot, drawn, c -> c.work().ops(), (c, seconds) -> seconds);
    return plot;
  }

  Plot waterline() {
    int n = cases.isEmpty() ? 1 : cases.get(cases.size() - 1).number();
    List<Numbered> drawn = cases.stream().filter(c -> c.work().ops() > 0 && peak(c) > 0).toList();
    Axis shares = Axis.log10("share of the arithmetic peak").written(v -> Amount.number(100 * v) + " %");
    double best = drawn.stream().flatMapToDouble(c -> DoubleStream.concat(DoubleStream.of(c.median()), peerMedians(c)).map(t -> c.work().ops() / t / peak(c)))
        .filter(shares::holds).max().orElse(1);
    double top = MARGIN * Math.max(1, best); // 100 % is always to be seen
    Axis numbers = Axis.linear("kernels, by their number in the table").between(0.5, n + 0.5).written(v -> v == Math.rint(v) ? Amount.number(v) : "");
    Plot plot = new Plot("Waterline", numbers, shares.between(Double.NaN, top));
    Series water = plot.series("what the memory's bandwidth allows (the waterline)", Style.area(Style.WATER));
    Map<KernelOp, Series> bars = new EnumMap<>(KernelOp.class);
    for (Numbered c : drawn) {
      double allowed = Math.min(1, c.intensity() * ceilings.bytesPerSecond() / peak(c));
      water.bar(c.number() - 0.5, c.number() + 0.5, Double.NEGATIVE_INFINITY, allowed, tip(c) + "; the memory allows " + Amount.share(allowed) + " of the peak");
    }
    for (Numbered c : drawn) {
      bars.computeIfAbsent(c.op(), op -> plot.series(op.id(), Style.area(op.ordinal())))
          .bar(c.number() - HALF_BAR, c.number() + HALF_BAR, Double.NEGATIVE_INFINITY, c.work().ops() / c.median() / peak(c), tip(c));
    }
    Series line = plot.series("", Style.line(Style.WATER, Style.Stroke.SOLID));
    for (Numbered c : drawn) {
      double allowed = Math.min(1, c.intensity() * ceilings.bytesPerSecond() / peak(c));
      line.segment(c.number() - 0.5, allowed, c.number() + 0.5, allowed);
    }
    peers(plot, drawn, op -> Style.NEUTRAL, Numbered::number, (c, seconds) -> c.work().ops() / seconds / peak(c));
    groups(plot, drawn);
    return plot;
  }

  private static DoubleStream peerMedians(Numbered c) {
    return c.result().peers().stream().filter(p -> p.times() != null).mapToDouble(p -> p.times().samples().median());
  }

  /** Neighbours of one op. */
  private static void groups(Plot plot, List<Numbered> drawn) {
    for (int begin = 0, i = 1; i <= drawn.size(); i++) {
      if (i == drawn.size() || drawn.get(i).op() != drawn.get(begin).op()) {
        plot.group(drawn.get(begin).number() - 0.5, drawn.get(i - 1).number() + 0.5, drawn.get(begin).op().id());
        begin = i;
      }
    }
  }

  private double peak(Numbered c) {
    return ceilings.opsPerSecond().getOrDefault(c.work().peak(), 0.0);
  }

  private interface Height {
    double of(Numbered c, double seconds);
  }

  private void points(Plot plot, List<Numbered> drawn, ToDoubleFunction<Numbered> x, Height y) {
    peers(plot, drawn, KernelOp::ordinal, x, y);
    Map<KernelOp, Series> series = new EnumMap<>(KernelOp.class);
    for (Numbered c : drawn) {
      series.computeIfAbsent(c.op(), op -> plot.series(op.id(), style(op))).point(x.applyAsDouble(c), y.of(c, c.median()), tip(c));
    }
  }

  /** With a shape of the peer's. */
  private void peers(Plot plot, List<Numbered> drawn, ToIntFunction<KernelOp> colour, ToDoubleFunction<Numbered> x, Height y) {
    Map<String, List<Timed>> byName = drawn.stream().flatMap(c -> c.result().peers().stream().filter(p -> p.times() != null).map(p -> new Timed(c, p)))
        .collect(Collectors.groupingBy(t -> t.peer().name()));
    for (int i = 0; i < peers.size(); i++) {
      Shape shape = Shape.open(i);
      Map<KernelOp, Series> series = new EnumMap<>(KernelOp.class);
      for (Timed t : byName.getOrDefault(peers.get(i), List.of())) {
        series.computeIfAbsent(t.on().op(), op -> plot.series("", Style.points(colour.applyAsInt(op), shape)))
            .point(x.applyAsDouble(t.on()), y.of(t.on(), t.peer().times().samples().median()), peerTip(t.on(), t.peer()));
      }
      if (!series.isEmpty()) {
        plot.key(peers.get(i), Style.points(Style.NEUTRAL, shape));
      }
    }
  }

  private String tip(Numbered c) {
    return "#" + c.number() + " " + c.result().kernelCase().key() + ": " + Amount.seconds(c.median()) + ", " + Amount.of(c.work().ops() / c.median(), "op/s") + ", "
        + Amount.number(c.intensity()) + " op/B; " + Amount.share(c.work().memoryShare(c.median(), ceilings.bytesPerSecond())) + " of bandwidth, "
        + Amount.share(c.work().arithmeticShare(c.median(), ceilings.opsPerSecond().get(c.work().peak()))) + " of the " + c.work().peak().id() + " peak";
  }

  private static String peerTip(Numbered c, PeerResult p) {
    double seconds = p.times().samples().median();
    return p.name() + " on #" + c.number() + " " + c.result().kernelCase().key() + ": " + Amount.seconds(seconds) + ", " + Amount.number(seconds / c.median())
        + " × Tern's time";
  }
}
