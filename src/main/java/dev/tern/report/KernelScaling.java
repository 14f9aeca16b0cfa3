package dev.tern.report;

import dev.tern.bench.KernelCase;
import dev.tern.bench.KernelOp;
import dev.tern.bench.KernelReport;
import dev.tern.bench.KernelResult;
import dev.tern.bench.KernelTimes;
import dev.tern.bench.PeerResult;
import dev.tern.bench.Samples;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.function.Function;

/** How times grow with one size: cases of a report that differ in nothing else, as lines. */
final class KernelScaling {
  private static final int SMALL = 340;

  private final List<KernelResult> results;
  private final List<String> peers;

  KernelScaling(KernelReport report) {
    results = report.results().stream().filter(KernelResult::measured).toList();
    peers = KernelPlots.peers(report);
  }

  /** Attention over keys; empty if no two cases differ in keys alone. */
  Plot context() {
    Plot plot = new Plot("Latency against context length", Axis.log2("keys that a row sees at most"), Axis.log10("time of a call").written(Amount.ticks("s")));
    lines(plot, groups(KernelScaling::contextGroup, KernelCase::nIn), KernelCase::nIn, (base, c, seconds) -> seconds);
    return plot;
  }

  /** Rows a second over those of the fewest rows, a plot for each op of which cases differ in rows alone. */
  List<Plot> batches() {
    List<Plot> plots = new ArrayList<>();
    for (KernelOp op : List.of(KernelOp.TERNARY, KernelOp.DENSE, KernelOp.ATTENTION_DECODE)) {
      Map<String, List<KernelResult>> groups = groups(c -> c.op() == op ? batchGroup(c) : null, KernelCase::nRows);
      if (!groups.isEmpty()) {
        Axis relative = Axis.log2("rows a second, relative").written(v -> Amount.number(v) + "×");
        Plot plot = new Plot("Scaling with rows: " + op.id(), Axis.log2("rows of a call"), relative).height(SMALL);
        Series ideal = plot.series("ideal: another row costs nothing", Style.line(Style.NEUTRAL, Style.Stroke.DASHED));
        ends(groups.values()).forEach((least, most) -> ideal.segment(least, 1, most, (double) most / least));
        lines(plot, groups, KernelCase::nRows, (base, c, seconds) -> (double) c.nRows() / base.rows * (base.seconds / seconds));
        plots.add(plot);
      }
    }
    return plots;
  }

  /** The fewest rows of lines, each with the most rows of those that begin there: a line for each is the ideal of all. */
  private Map<Integer, Integer> ends(Collection<List<KernelResult>> groups) {
    Map<Integer, Integer> ends = new TreeMap<>();
    for (List<KernelResult> group : groups) {
      Map<String, Integer> begins = new HashMap<>(); // a peer may begin later than Tern
      for (KernelResult r : group) {
        int rows = r.kernelCase().nRows();
        ends.merge(begins.computeIfAbsent("", tern -> rows), rows, Math::max);
        r.peers().stream().filter(p -> p.times() != null).forEach(p -> ends.merge(begins.computeIfAbsent("of " + p.name(), peer -> rows), rows, Math::max));
      }
    }
    ends.entrySet().removeIf(e -> e.getKey().equals(e.getValue()));
    return ends;
  }

  /** Everything but keys; of whole prompts, whose rows are their keys, everything but both. Null: not attention. */
  private static String contextGroup(KernelCase c) {
    if (c.op() != KernelOp.ATTENTION_DECODE && c.op() != KernelOp.ATTENTION_PREFILL) {
      return null;
    }
    boolean whole = c.op() == KernelOp.ATTENTION_PREFILL && c.nRows() == c.nIn();
    String rows = whole ? "whole prompts" : c.nRows() + (c.nRows() == 1 ? " row" : " rows");
    return c.op().id() + " " + c.dtype() + ", " + rows + ", " + heads(c) + unusual(c);
  }

  /** Everything but op and rows. */
  private static String batchGroup(KernelCase c) {
    return c.dtype() + ", " + (c.nHeads() > 0 ? c.nIn() + " keys, " + heads(c) : c.nOut() + "×" + c.nIn()) + unusual(c);
  }

  private static String heads(KernelCase c) {
    return c.nHeads() + "/" + c.nKvHeads() + " heads of " + c.headDim();
  }

  /** What most cases have, and is not said then. */
  private static String unusual(KernelCase c) {
    return (c.kernel().isEmpty() ? "" : ", " + c.kernel()) + (c.cold() ? "" : ", warm");
  }

  /** By what they have in common, sorted by what differs; groups of two at least. */
  private Map<String, List<KernelResult>> groups(Function<KernelCase, String> group, Function<KernelCase, Integer> size) {
    Map<String, List<KernelResult>> all = new LinkedHashMap<>();
    for (KernelResult r : results) {
      String name = group.apply(r.kernelCase());
      if (name != null) {
        all.computeIfAbsent(name, key -> new ArrayList<>()).add(r);
      }
    }
    all.values().removeIf(list -> list.stream().map(r -> size.apply(r.kernelCase())).distinct().count() < 2);
    all.values().forEach(list -> list.sort(Comparator.comparing(r -> size.apply(r.kernelCase()))));
    return all;
  }

  /** Where a contender's line begins. */
  private record Base(int rows, double seconds) {}

  private interface Height {
    double of(Base base, KernelCase c, double seconds);
  }

  private void lines(Plot plot, Map<String, List<KernelResult>> groups, Function<KernelCase, Integer> x, Height y) {
    int i = 0;
    for (Map.Entry<String, List<KernelResult>> group : groups.entrySet()) {
      Series tern = plot.series(group.getKey(), new Style(i, Shape.filled(i), Style.Stroke.SOLID));
      line(tern, group.getValue(), "Tern", KernelResult::times, x, y);
      for (int p = 0; p < peers.size(); p++) {
        String name = peers.get(p);
        line(plot.series("", new Style(i, Shape.open(p), Style.Stroke.DASHED)), group.getValue(), name, r -> times(r, name), x, y);
      }
      i++;
    }
    for (int p = 0; p < peers.size(); p++) {
      String name = peers.get(p);
      if (groups.values().stream().flatMap(List::stream).anyMatch(r -> times(r, name) != null)) {
        plot.key(name, new Style(Style.NEUTRAL, Shape.open(p), Style.Stroke.DASHED));
      }
    }
  }

  private static KernelTimes times(KernelResult r, String peer) {
    return r.peers().stream().filter(p -> p.name().equals(peer)).map(PeerResult::times).filter(Objects::nonNull).findFirst().orElse(null);
  }

  private static void line(Series series, List<KernelResult> group, String who, Function<KernelResult, KernelTimes> times,
      Function<KernelCase, Integer> x, Height y) {
    Base base = null;
    for (KernelResult r : group) {
      KernelTimes t = times.apply(r);
      if (t != null) {
        KernelCase c = r.kernelCase();
        Samples s = t.samples();
        base = base == null ? new Base(c.nRows(), s.median()) : base;
        double low = y.of(base, c, s.low());
        double high = y.of(base, c, s.high());
        series.point(x.apply(c), y.of(base, c, s.median()), Math.min(low, high), Math.max(low, high),
            who + ", " + c.key() + ": " + Amount.seconds(s.median()) + " (" + Amount.seconds(s.low()) + " to " + Amount.seconds(s.high()) + ")");
      }
    }
  }
}
