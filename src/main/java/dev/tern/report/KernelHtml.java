package dev.tern.report;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.tern.bench.Ceilings;
import dev.tern.bench.Datasheet;
import dev.tern.bench.KernelCase;
import dev.tern.bench.KernelPeak;
import dev.tern.bench.KernelReport;
import dev.tern.bench.KernelResult;
import dev.tern.bench.KernelWork;
import dev.tern.bench.PeerResult;
import dev.tern.bench.Samples;
import dev.tern.report.HtmlTable.Align;
import dev.tern.report.HtmlTable.Cell;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;

/** A report of {@code tern bench kernel} as one HTML page: how far each kernel is from the hardware, how times scale, and every figure. */
public final class KernelHtml {
  private static final int LONG = 160;
  private static final String ROOFLINE = """
      How to read it: a kernel whose data is not in a cache cannot be above its line. On the slope the memory is what limits, on the level parts the \
      arithmetic is; the nearer a mark is to its line, the less is left to gain. Marks without operations (embed) have no place here.""";
  private static final String GAP = """
      How to read it: the dashed lines are the time that a call would take if all of its operations ran at the peak. The thin line under each mark is \
      its efficiency gap: as many times as a call takes longer is 1 / its computational efficiency.""";
  private static final String WATERLINE = """
      How to read it: the water rises to the share of the peak that the memory's bandwidth allows a kernel with so many operations per byte. A bar that \
      reaches the waterline can only gain by moving fewer bytes (fusion, batching); the room between bar and waterline is the kernel's own to gain; \
      above the water are those that caches or lookup tables helped, and peers in another arithmetic.""";
  private static final String CONTEXT = """
      How to read it: where a line is flat, more keys cost nothing yet; where ten times the keys take ten times as long, reading them is what takes the \
      time (whole prompts: a hundred times, as each of their rows sees them). Thin bars are 95 % intervals, where they are longer than the marks.""";
  private static final String ROWS = """
      How to read it: rows a second over those of the fewest rows. Along the ideal line another row costs nothing, as weights are read once for all; a \
      level line means that each row takes its own time, as rows of attention do that have keys of their own and keep the memory busy. Each line, a \
      peer's too, is relative to its own beginning.""";
  private static final String TABLE = """
      Medians of calls, ± half of their 95 % interval. The bars are shares of what this run measured; more than 100 % means that caches helped, or \
      (ternary) that a table lookup did several products at once, or that a peer computes in another arithmetic.""";

  private final KernelReport report;
  private final HtmlPage page;
  private final boolean sheet;
  private final boolean bothCaches;

  private KernelHtml(KernelReport report) {
    this.report = report;
    page = new HtmlPage("Kernels of " + (report.deviceName().isBlank() ? report.device() : report.deviceName()));
    sheet = report.datasheet() != null;
    bothCaches = report.results().stream().map(r -> r.kernelCase().cold()).distinct().count() > 1;
  }

  /** The page. */
  public static String of(KernelReport report) {
    return new KernelHtml(report).html();
  }

  private String html() {
    long measured = report.results().stream().filter(KernelResult::measured).count();
    long figures = report.results().stream().mapToLong(KernelResult::figures).sum();
    long doubtful = report.results().stream().mapToLong(KernelResult::doubtful).sum();
    page.small("tern bench kernel, Tern " + report.version() + ", " + report.device() + ", " + report.date());
    long failed = report.results().stream().filter(KernelResult::failed).count();
    page.paragraph(measured + " of " + report.results().size() + " cases measured" + (failed > 0 ? ", " + failed + " failed. " : ". ")
        + (doubtful == 0 ? "All " + figures + " medians are known as well as was asked for."
            : doubtful + " of " + figures + " figures are doubtful: the table says why."));
    page.table(limits());
    page.list(report.notes());
    page.section("Against the hardware");
    KernelPlots plots = new KernelPlots(report);
    page.plot(plots.roofline(), ROOFLINE);
    page.plot(plots.efficiencyGap(), GAP + " After " + KernelPlots.PAPER + ".");
    page.plot(plots.waterline(), WATERLINE + " After " + KernelPlots.PAPER + ".");
    scaling();
    page.section("All results");
    boolean cold = report.results().stream().anyMatch(r -> r.kernelCase().cold());
    page.small(TABLE + (bothCaches ? "" : cold ? " All cases are cold." : " All cases are warm."));
    page.table(table());
    run();
    return page.html();
  }

  /** What is reached at most. */
  private HtmlTable limits() {
    Ceilings c = report.ceilings();
    Datasheet d = report.datasheet();
    HtmlTable table = new HtmlTable().narrow().column("at most", Align.LEFT).column("measured in this run", Align.RIGHT);
    if (sheet) {
      table.column("datasheet", Align.RIGHT);
    }
    limit(table, "memory, reading", Amount.of(c.readBytesPerSecond(), "B/s"), sheet ? Amount.of(d.bytesPerSecond(), "B/s") : "");
    limit(table, "memory, copying (read and written)", Amount.of(c.copyBytesPerSecond(), "B/s"), sheet ? Amount.of(d.bytesPerSecond(), "B/s") : "");
    for (KernelPeak peak : KernelPeak.values()) {
      Double promised = sheet ? d.opsPerSecond().get(peak) : null;
      if (c.opsPerSecond().containsKey(peak)) {
        String name = "arithmetic, " + (peak == KernelPeak.HALF ? "half (F16, BF16)" : peak.id());
        limit(table, name, Amount.of(c.opsPerSecond().get(peak), "op/s"), promised == null ? "" : Amount.of(promised, "op/s"));
      }
    }
    return table;
  }

  private void limit(HtmlTable table, String what, String measured, String promised) {
    List<Cell> row = new ArrayList<>(List.of(Cell.of(what), Cell.of(measured)));
    table.row("", sheet ? with(row, Cell.of(promised)) : row.toArray(Cell[]::new));
  }

  private void scaling() {
    KernelScaling scaling = new KernelScaling(report);
    page.section("Scaling");
    Plot context = scaling.context();
    String device = report.device();
    page.plot(context, CONTEXT);
    if (context.isEmpty()) {
      page.small("Cases that differ in keys alone show it:")
          .code("tern bench kernel attention_decode --device " + device + " --shapes 1x512x32/8x128,1x4096x32/8x128,1x32768x32/8x128");
    }
    List<Plot> batches = scaling.batches();
    batches.forEach(plot -> page.plot(plot, batches.indexOf(plot) < batches.size() - 1 ? "" : ROWS)); // once, under the last
    if (batches.isEmpty()) {
      page.heading("Scaling with rows").small("Cases that differ in rows alone show it:")
          .code("tern bench kernel dense --device " + device + " --shapes 1x4096x4096,4x4096x4096,16x4096x4096");
    }
  }

  private HtmlTable table() {
    HtmlTable table = new HtmlTable().column("#", Align.RIGHT).column("case", Align.NAME).column("time", Align.RIGHT).column("rate", Align.RIGHT)
        .column("of bandwidth", Align.RIGHT).column("of peak", Align.RIGHT);
    if (sheet) {
      table.column("of datasheet", Align.RIGHT);
    }
    table.column("kernel and notes", Align.LEFT);
    for (int i = 0; i < report.results().size(); i++) {
      rows(table, i + 1, report.results().get(i));
    }
    return table;
  }

  private void rows(HtmlTable table, int number, KernelResult r) {
    KernelCase c = r.kernelCase();
    Cell name = Cell.two(c.op().id() + " " + c.dtype(), c.shape() + (bothCaches ? " " + c.cache() : ""));
    List<Cell> row = new ArrayList<>(List.of(Cell.quiet(Integer.toString(number)), name));
    if (!r.measured()) {
      for (int i = 0; i < (sheet ? 5 : 4); i++) {
        row.add(Cell.of(""));
      }
      String why = shortened(r.unsupported());
      table.row("", with(row, r.failed() ? Cell.badge(why, "doubt") : Cell.quiet("not measured: " + why)));
      return;
    }
    figures(row, r.work(), r.times().samples());
    String others = r.peers().stream().filter(p -> p.times() == null).map(p -> p.name() + ": " + shortened(p.note()))
        .collect(Collectors.joining("; "));
    String doubts = String.join("; ", r.doubts());
    String notes = r.kernel() + (r.kernel().isEmpty() || doubts.isEmpty() ? "" : "; ") + doubts;
    table.row("", with(row, new Cell(notes, doubts.isEmpty() ? "" : "doubt", others, Double.NaN, Double.NaN)));
    for (PeerResult p : r.peers()) {
      if (p.times() != null) {
        List<Cell> peer = new ArrayList<>(List.of(Cell.of(""), Cell.two(p.name(), p.version())));
        figures(peer, r.work(), p.times().samples());
        double ratio = p.times().samples().median() / r.times().samples().median();
        String compared = String.format(Locale.ROOT, ratio < 0.1 ? "%.3f × Tern's time" : "%.2f × Tern's time", ratio);
        String why = String.join("; ", p.doubts());
        String told = compared + (why.isEmpty() ? "" : "; ") + why;
        table.row("sub", with(peer, new Cell(told, why.isEmpty() ? "" : "doubt", shortened(p.note()), Double.NaN, Double.NaN)));
      }
    }
  }

  private void figures(List<Cell> row, KernelWork w, Samples s) {
    double median = s.median();
    row.add(Cell.two(Amount.seconds(median), "± " + (Double.isInfinite(s.spread()) ? "?" : Amount.share(s.spread() / 2))));
    row.add(Cell.two(Amount.of(w.bytes() / median, "B/s"), w.ops() == 0 ? "" : Amount.of(w.ops() / median, "op/s")));
    share(row, w.memoryShare(median, report.ceilings().bytesPerSecond()), true);
    share(row, w.arithmeticShare(median, report.ceilings().opsPerSecond().get(w.peak())), w.ops() > 0);
    if (sheet) {
      Datasheet d = report.datasheet();
      share(row, w.rooflineShare(median, d.bytesPerSecond(), d.opsPerSecond().get(w.peak())), true);
    }
  }

  private static void share(List<Cell> row, double share, boolean known) {
    row.add(known && Double.isFinite(share) ? Cell.bar(Amount.share(share), share) : Cell.of(""));
  }

  private static Cell[] with(List<Cell> row, Cell last) {
    row.add(last);
    return row.toArray(Cell[]::new);
  }

  private static String shortened(String text) {
    return text.length() <= LONG ? text : text.substring(0, LONG) + "...";
  }

  private void run() {
    page.section("The run");
    Map<String, String> facts = new TreeMap<>(report.machine());
    facts.put("last cache", Amount.of(report.ceilings().cacheBytes(), "B"));
    facts.putAll(description());
    page.facts(facts);
    Map<String, String> options = new TreeMap<>(report.options());
    options.values().removeIf(String::isBlank);
    page.paragraph("Options").facts(options);
    if (sheet) {
      page.small("Datasheet: " + report.datasheet().device() + ", " + report.datasheet().source());
    }
    page.small("How cases are timed, and what is counted: docs/bench.md of Tern.");
  }

  /** What the device says of itself in single values. */
  private Map<String, String> description() {
    Map<String, String> facts = new TreeMap<>();
    try {
      JsonNode root = new ObjectMapper().readTree(report.description());
      root.properties().stream().filter(e -> e.getValue().isValueNode() && !e.getValue().isNull())
          .forEach(e -> facts.put("device: " + e.getKey(), e.getValue().asText()));
    } catch (JsonProcessingException e) {
      facts.put("device", report.description());
    }
    return facts;
  }
}
