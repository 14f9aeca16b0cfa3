package dev.tern.cli;

import dev.tern.bench.Ceilings;
import dev.tern.bench.Datasheet;
import dev.tern.bench.KernelCase;
import dev.tern.bench.KernelPeak;
import dev.tern.bench.KernelReport;
import dev.tern.bench.KernelResult;
import dev.tern.bench.KernelTimes;
import dev.tern.bench.KernelWork;
import dev.tern.bench.PeerResult;
import dev.tern.bench.Samples;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** A report of {@code tern bench kernel} as text and as CSV. */
final class KernelTable {
  private static final String CSV_HEADER = "op,dtype,shape,cache,contender,version,kernel,median_s,low_s,high_s,spread,samples,settled,bytes_per_s,ops_per_s,"
      + "of_bandwidth,of_peak,of_datasheet,note\n";

  private final KernelReport report;

  KernelTable(KernelReport report) {
    this.report = report;
  }

  /** What the device is and what it reaches, in lines. */
  String head() {
    Ceilings c = report.ceilings();
    StringBuilder text = new StringBuilder();
    text.append(report.deviceName()).append(" (").append(report.device()).append(String.join(", ", List.of("", "threads " + report.options().get("threads"),
        "Tern " + report.version(), report.date()))).append(")\n");
    text.append(String.format(Locale.ROOT, "measured: read %s, copy %s", rate(c.readBytesPerSecond(), "B/s"), rate(c.copyBytesPerSecond(), "B/s")));
    for (Map.Entry<KernelPeak, Double> peak : new TreeMap<>(c.opsPerSecond()).entrySet()) {
      text.append(", ").append(peak.getKey().id()).append(' ').append(rate(peak.getValue(), "op/s"));
    }
    text.append("; last cache ").append(Text.bytes(c.cacheBytes())).append('\n');
    Datasheet sheet = report.datasheet();
    if (sheet != null) {
      text.append(String.format(Locale.ROOT, "datasheet of %s: %s, bf16 %s, int8 %s (%s)%n", sheet.device(), rate(sheet.bytesPerSecond(), "B/s"),
          rate(sheet.opsPerSecond().get(KernelPeak.HALF), "op/s"), rate(sheet.opsPerSecond().get(KernelPeak.INT8), "op/s"), sheet.source()));
    }
    return text.toString();
  }

  /** All results and the peers that have one; a case that was not measured is a line with the reason. */
  String table() {
    boolean sheet = report.datasheet() != null;
    List<String> header = new ArrayList<>(List.of("op", "dtype", "shape", "cache", "time", "±", "GB/s", "Gop/s", "of bandwidth", "of peak"));
    if (sheet) {
      header.add("of datasheet");
    }
    header.addAll(List.of("kernel", "note"));
    MarkdownTable table = new MarkdownTable(header.toArray(String[]::new));
    for (KernelResult r : report.results()) {
      KernelCase c = r.kernelCase();
      List<String> row = new ArrayList<>(List.of(c.op().id(), c.dtype(), c.shape(), c.cache()));
      if (r.measured()) {
        row.addAll(figures(r.work(), r.times().samples(), sheet));
        row.addAll(List.of(r.kernel(), String.join("; ", r.doubts())));
      } else {
        row.addAll(List.of("-", "", "", "", "", ""));
        if (sheet) {
          row.add("");
        }
        row.addAll(List.of(c.kernel(), r.unsupported()));
      }
      table.row(row.toArray(String[]::new));
      r.peers().stream().filter(p -> p.times() != null).forEach(p -> table.row(peer(r, p, sheet)));
    }
    return table.toString();
  }

  private String[] peer(KernelResult r, PeerResult p, boolean sheet) {
    List<String> row = new ArrayList<>(List.of("  " + p.name(), "", "", ""));
    row.addAll(figures(r.work(), p.times().samples(), sheet));
    double ratio = p.times().samples().median() / r.times().samples().median();
    String compared = String.format(Locale.ROOT, "takes %.2f x Tern's time", ratio);
    row.addAll(List.of("", notes(compared, p)));
    return row.toArray(String[]::new);
  }

  /** Those that are not empty: words, what the peer did differently, and what makes its figure doubtful. */
  private static String notes(String words, PeerResult p) {
    return Stream.concat(Stream.of(words, p.note()), p.doubts().stream()).filter(text -> !text.isEmpty()).collect(Collectors.joining("; "));
  }

  private List<String> figures(KernelWork work, Samples samples, boolean sheet) {
    double median = samples.median();
    List<String> cells = new ArrayList<>(List.of(time(median), Double.isInfinite(samples.spread()) ? "?" : percent(samples.spread() / 2),
        number(work.bytes() / median * 1e-9), work.ops() == 0 ? "" : number(work.ops() / median * 1e-9),
        percent(work.memoryShare(median, report.ceilings().bytesPerSecond())),
        work.ops() == 0 ? "" : percent(work.arithmeticShare(median, report.ceilings().opsPerSecond().get(work.peak())))));
    if (sheet) {
      Datasheet d = report.datasheet();
      cells.add(percent(work.rooflineShare(median, d.bytesPerSecond(), d.opsPerSecond().get(work.peak()))));
    }
    return cells;
  }

  /** How many medians are known, peers' too, what disturbed the others, and which cases a peer does not compute. */
  String verdict() {
    long measured = report.results().stream().filter(KernelResult::measured).count();
    long figures = report.results().stream().mapToLong(KernelResult::figures).sum();
    long doubtful = report.results().stream().mapToLong(KernelResult::doubtful).sum();
    long failed = report.results().stream().filter(KernelResult::failed).count();
    long missing = report.results().size() - measured - failed;
    StringBuilder text = new StringBuilder();
    text.append(measured == 0 ? "No case was measured."
        : doubtful == 0 ? "All " + figures + " medians are known as well as was asked for."
            : doubtful + " of " + figures + " figures are doubtful, for the reason that stands with them: the machine is not quiet.");
    text.append(failed == 0 ? "" : " Failed: " + failed + ".").append(missing == 0 ? "" : " Not there on this device: " + missing + ".").append('\n');
    report.notes().forEach(note -> text.append(note).append('\n'));
    Map<String, Integer> beside = new TreeMap<>();
    report.results().stream().flatMap(r -> r.peers().stream()).filter(p -> p.times() == null).forEach(p -> beside.merge(p.name() + ": " + p.note(), 1, Integer::sum));
    beside.forEach((why, n) -> text.append(why).append(" (").append(n).append(n == 1 ? " case)" : " cases)").append('\n'));
    return text.toString();
  }

  String csv() {
    StringBuilder csv = new StringBuilder(CSV_HEADER);
    for (KernelResult r : report.results()) {
      if (!r.measured()) {
        line(csv, r, "tern", report.version(), r.kernelCase().kernel(), null, r.unsupported());
        continue;
      }
      line(csv, r, "tern", report.version(), r.kernel(), r.times(), String.join("; ", r.doubts()));
      r.peers().forEach(p -> line(csv, r, p.name(), p.version(), "", p.times(), notes("", p)));
    }
    return csv.toString();
  }

  private void line(StringBuilder csv, KernelResult r, String contender, String version, String kernel, KernelTimes times, String note) {
    KernelCase c = r.kernelCase();
    csv.append(String.join(",", c.op().id(), c.dtype(), c.shape(), c.cache(), quoted(contender), quoted(version), kernel));
    if (times == null) {
      csv.append(",,,,,0,,,,,,");
    } else {
      Samples s = times.samples();
      KernelWork w = r.work();
      double median = s.median();
      Datasheet d = report.datasheet();
      csv.append(String.format(Locale.ROOT, ",%.6g,%.6g,%.6g,%s,%d,%b,%.6g,%.6g,%s,%s,%s", median, s.low(), s.high(), share(s.spread()), s.count(),
          times.settled(), w.bytes() / median, w.ops() / median, share(w.memoryShare(median, report.ceilings().bytesPerSecond())),
          share(w.arithmeticShare(median, report.ceilings().opsPerSecond().get(w.peak()))),
          d == null ? "" : share(w.rooflineShare(median, d.bytesPerSecond(), d.opsPerSecond().get(w.peak())))));
    }
    csv.append(',').append(quoted(note)).append('\n');
  }

  private static String quoted(String text) {
    return '"' + text.replace("\"", "\"\"").replace('\n', ' ') + '"';
  }

  private static String share(double value) {
    return Double.isFinite(value) ? String.format(Locale.ROOT, "%.4f", value) : "";
  }

  /** "12.3 us". */
  static String time(double seconds) {
    return seconds < 1e-3 ? String.format(Locale.ROOT, "%.2f us", seconds * 1e6)
        : seconds < 1 ? String.format(Locale.ROOT, "%.3f ms", seconds * 1e3) : String.format(Locale.ROOT, "%.3f s", seconds);
  }

  private static String percent(double share) {
    return Double.isFinite(share) ? String.format(Locale.ROOT, "%.1f %%", 100 * share) : "";
  }

  private static String number(double value) {
    return String.format(Locale.ROOT, value < 100 ? "%.2f" : "%.0f", value);
  }

  /** "3.35 TB/s". */
  private static String rate(double perSecond, String unit) {
    return perSecond >= 1e12 ? String.format(Locale.ROOT, "%.2f T%s", perSecond * 1e-12, unit) : String.format(Locale.ROOT, "%.1f G%s", perSecond * 1e-9, unit);
  }
}
