package dev.tern.report;

import dev.tern.bench.Ceilings;
import dev.tern.bench.Datasheet;
import dev.tern.bench.KernelOp;
import dev.tern.bench.KernelPeak;
import dev.tern.bench.KernelReport;
import dev.tern.bench.KernelResult;
import dev.tern.bench.KernelWork;
import dev.tern.bench.PeerResult;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.function.BiConsumer;
import java.util.function.ToDoubleFunction;

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
    Plot plot = new Plot("Roofline", Axis.log10("operations per byte"), Axis.log10("operations per second").written(v -> Amount.of(v, "op/s")));
    List<Numbered> drawn = cases.stream().filter(c -> c.work().ops() > 0).toList();
    double bandwidth = ceilings.bytesPerSecond();
    double low = drawn.stream().mapToDouble(Numbered::intensity).min().orElse(1) / MARGIN;
    double ridge = ceilings.opsPerSecond().values().stream().mapToDouble(p -> p / bandwidth).filter(Double::isFinite).max().orElse(1);
    double high = MARGIN * Math.max(ridge, drawn.stream().mapToDouble(Numbered::intensity).max().orElse(1));
    if (!drawn.isEmpty()) {
      if (sheet != null) {
        roofs(plot.series("limits of the datasheet", Style.line(Style.NEUTRAL, Style.Stroke.DASHED)), sheet.bytesPerSecond(), sheet.opsPerSecond(), low, high);
      }
      roofs(plot.series("limits measured in this run", Style.line(Style.NEUTRAL, Style.Stroke.SOLID)), bandwidth, ceilings.opsPerSecond(), low, high);
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
    peaks.values().forEach(peak -> series.segment(Math.max(low, peak / bandwidth), peak, high, peak));
  }

  private void label(Plot plot, double bandwidth, double low, double high) {
    List<Map.Entry<KernelPeak, Double>> peaks = ceilings.opsPerSecond().entrySet().stream().sorted(Map.Entry.<KernelPeak, Double>comparingByValue().reversed()).toList();
    for (int i = 0; i < peaks.size(); i++) {
      double at = high * Math.pow(low / high, 0.2 * i); // side by side: roofs may be near each other
      plot.label(Math.max(at, peaks.get(i).getValue() / bandwidth), peaks.get(i).getValue(), peaks.get(i).getKey().id() + " " + Amount.of(peaks.get(i).getValue(), "op/s"), true);
    }
    double lowest = peaks.isEmpty() ? high : peaks.get(peaks.size() - 1).getValue() / bandwidth;
    double at = Math.sqrt(low * Math.max(low, Math.min(high, lowest)));
    plot.label(at, bandwidth * at, "memory " + Amount.of(bandwidth, "B/s"), true);
  }

  Plot efficiencyGap() {
    Plot plot = new Plot("Efficiency gap", Axis.log10("operations").written(v -> Amount.of(v, "op")), Axis.log10("time of a call").written(Amount::seconds));
    List<Numbered> drawn = cases.stream().filter(c -> c.work().ops() > 0 && peak(c) > 0).toList();
    double low = drawn.stream().mapToDouble(c -> c.work().ops()).min().orElse(1) / MARGIN;
    double high = MARGIN * drawn.stream().mapToDouble(c -> c.work().ops()).max().orElse(1);
    Series ideal = plot.series(drawn.isEmpty() ? "" : "ideal: operations over the measured peak", Style.line(Style.NEUTRAL, Style.Stroke.DASHED));
    int n = 0;
    for (KernelPeak p : ceilings.opsPerSecond().keySet().stream().sorted(Comparator.naturalOrder()).toList()) {
      if (drawn.stream().anyMatch(c -> c.work().peak() == p)) {
        double rate = ceilings.opsPerSecond().get(p);
        ideal.segment(low, low / rate, high, high / rate);
        double at = high * Math.pow(low / high, 0.06 + 0.16 * n++);
        plot.label(at, at / rate, p.id(), true);
      }
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
    Plot plot = new Plot("Waterline", Axis.linear("kernels, by their number in the table").between(0.5, n + 0.5).written(v -> v == Math.rint(v) ? Amount.number(v) : ""),
        Axis.log10("share of the arithmetic peak").written(Amount::share).between(Double.NaN, 1.6));
    List<Numbered> drawn = cases.stream().filter(c -> c.work().ops() > 0 && peak(c) > 0).toList();
    Series water = plot.series("what the memory's bandwidth allows (the waterline)", new Style(0, null, Style.Stroke.FAINT));
    Map<KernelOp, Series> bars = new EnumMap<>(KernelOp.class);
    for (Numbered c : drawn) {
      double allowed = Math.min(1, c.intensity() * ceilings.bytesPerSecond() / peak(c));
      water.bar(c.number() - 0.5, c.number() + 0.5, Double.NEGATIVE_INFINITY, allowed, tip(c) + "; the memory allows " + Amount.share(allowed) + " of the peak");
    }
    for (Numbered c : drawn) {
      bars.computeIfAbsent(c.op(), op -> plot.series(op.id(), Style.area(op.ordinal())))
          .bar(c.number() - HALF_BAR, c.number() + HALF_BAR, Double.NEGATIVE_INFINITY, c.work().ops() / c.median() / peak(c), tip(c));
    }
    Series line = plot.series("", Style.line(0, Style.Stroke.SOLID));
    for (Numbered c : drawn) {
      double allowed = Math.min(1, c.intensity() * ceilings.bytesPerSecond() / peak(c));
      line.segment(c.number() - 0.5, allowed, c.number() + 0.5, allowed);
    }
    peers(plot, drawn, Numbered::number, (c, seconds) -> c.work().ops() / seconds / peak(c));
    groups(plot, drawn);
    return plot;
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
    peers(plot, drawn, x, y);
    Map<KernelOp, Series> series = new EnumMap<>(KernelOp.class);
    for (Numbered c : drawn) {
      series.computeIfAbsent(c.op(), op -> plot.series(op.id(), style(op))).point(x.applyAsDouble(c), y.of(c, c.median()), tip(c));
    }
  }

  /** In the op's colour, with a shape of the peer's. */
  private void peers(Plot plot, List<Numbered> drawn, ToDoubleFunction<Numbered> x, Height y) {
    for (int i = 0; i < peers.size(); i++) {
      String name = peers.get(i);
      Shape shape = Shape.open(i);
      Map<KernelOp, Series> series = new EnumMap<>(KernelOp.class);
      each(drawn, name, (c, p) -> series.computeIfAbsent(c.op(), op -> plot.series("", Style.points(op.ordinal(), shape)))
          .point(x.applyAsDouble(c), y.of(c, p.times().samples().median()), peerTip(c, p)));
      if (!series.isEmpty()) {
        plot.key(name, Style.points(Style.NEUTRAL, shape));
      }
    }
  }

  private static void each(List<Numbered> drawn, String peer, BiConsumer<Numbered, PeerResult> what) {
    drawn.forEach(c -> c.result().peers().stream().filter(p -> p.times() != null && p.name().equals(peer)).forEach(p -> what.accept(c, p)));
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
