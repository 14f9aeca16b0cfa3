package dev.tern.cli;

import dev.tern.bench.SpeedSeries.Result;
import dev.tern.bench.SpeedTest;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;

/** What {@code tern bench speed} found, as Markdown and as CSV. */
final class SpeedReport {
  static final String TERN = "Tern";
  static final String MEMORY = "memory";
  /** In the place of a version, since a row's number of threads is that of the programs which the memory took turns with. */
  static final String MEMORY_UNIT = "bytes per second with all cores";

  private final List<String> lines = new ArrayList<>();
  private final StringBuilder csv = new StringBuilder("series,program,version,threads,test,median,low,high,spread,runs,discarded,settled\n");
  private final Map<String, String> versions = new LinkedHashMap<>();
  private int discarded;
  private int unsettled;
  private int cells;

  void version(String program, String version) {
    versions.put(program, version == null ? "" : version);
  }

  void line(String text) {
    lines.add(text);
  }

  String csv() {
    return csv.toString();
  }

  String markdown() {
    String noise = String.format(Locale.ROOT, "%d runs were discarded because other processes were busy.", discarded);
    String verdict = unsettled == 0
        ? " All " + cells + " medians are known to within the limit."
        : " **The machine was too noisy**: " + unsettled + " of " + cells + " medians, marked with ~, are not known to within the limit.";
    return String.join("\n", lines) + "\n" + noise + verdict + "\n";
  }

  /** Adds results to the CSV, and those whose medians are waited for to the count of what was noisy. */
  void record(String series, List<Result> results) {
    for (Result r : results) {
      discarded += r.discarded();
      if (r.cell().contender().awaited()) {
        cells++;
        unsettled += r.settled() ? 0 : 1;
      }
      String name = r.cell().contender().name();
      csv.append(String.format(Locale.ROOT, "%s,%s,%s,%d,%s,%s,%d,%d,%s%n", series, quoted(name), quoted(versions.getOrDefault(name, "")),
          r.cell().threads(), r.cell().test().name(),
          r.rates() == null ? ",,," : String.format(Locale.ROOT, "%.4g,%.4g,%.4g,%.4f", r.median(), r.rates().low(), r.rates().high(), r.rates().spread()),
          r.rates() == null ? 0 : r.rates().count(), r.discarded(), r.settled()));
    }
  }

  /** A figure of a file in the CSV. */
  void figure(String program, int threads, SpeedTest test, double rate) {
    csv.append(String.format(Locale.ROOT, "file,%s,%s,%d,%s,%.4g,,,,0,0,true%n", quoted(program), quoted(versions.getOrDefault(program, "")), threads,
        test.name(), rate));
  }

  private static String quoted(String text) {
    return '"' + text.replace("\"", "\"\"") + '"';
  }

  /** "29.9", with ~ before it if the median is not known well; "-" if there is none. */
  static String number(Result r) {
    return r == null || r.rates() == null ? "-" : (r.settled() ? "" : "~") + number(r.median());
  }

  private static String ratio(String format, double value) {
    return Double.isNaN(value) ? "" : String.format(Locale.ROOT, format, value);
  }

  static String number(double rate) {
    return String.format(Locale.ROOT, rate < 100 ? "%.2f" : "%.1f", rate);
  }

  /** Tokens per second that reading the weights once a step allows at a bandwidth; NaN if none is known. */
  private static double floor(Result memory, long decodeBytes) {
    return memory == null ? Double.NaN : memory.median() / decodeBytes * memory.cell().test().batch();
  }

  private static String floors(List<Result> results, long decodeBytes) {
    List<String> all = results.stream().filter(r -> r.cell().contender().name().equals(MEMORY) && r.rates() != null)
        .map(r -> String.format(Locale.ROOT, "%s%.2f GB/s, %s tokens/s (%s, %d threads)", r.settled() ? "" : "~", r.median() * 1e-9,
            number(floor(r, decodeBytes)), r.cell().test().name(), r.cell().threads())).toList();
    return all.isEmpty() ? ""
        : "; read bandwidth with all cores, in turn with the programs of each decode test, and the floor that follows: " + String.join("; ", all);
  }

  /**
   * Tern beside its peers, test by test; decode as a share of the floor that the memory's bandwidth set in the same turns.
   *
   * @param figures of peers that were not measured, by name and "THREADS TEST"
   * @param decodeBytes of weights that a token reads
   */
  void comparison(List<Result> results, Map<String, Map<String, Double>> figures, long decodeBytes) {
    line("Tokens per second, programs in turn" + floors(results, decodeBytes) + ":\n");
    Map<String, Map<String, Result>> rows = new LinkedHashMap<>();
    Set<String> programs = new LinkedHashSet<>();
    for (Result r : results) {
      String name = r.cell().contender().name();
      rows.computeIfAbsent(r.cell().threads() + " " + r.cell().test().name(), k -> new LinkedHashMap<>()).put(name, r);
      programs.add(name);
    }
    programs.removeAll(List.of(TERN, MEMORY));
    programs.addAll(figures.keySet());
    List<String> header = new ArrayList<>(List.of("test", "threads", "Tern"));
    header.addAll(programs);
    header.addAll(List.of("over the best", "of floor"));
    MarkdownTable table = new MarkdownTable(header.toArray(String[]::new));
    for (Map<String, Result> row : rows.values()) {
      Result ours = row.get(TERN);
      String key = ours.cell().threads() + " " + ours.cell().test().name();
      List<String> cells = new ArrayList<>(List.of(ours.cell().test().name(), Integer.toString(ours.cell().threads()), number(ours)));
      double best = Double.NaN;
      for (String program : programs) {
        Double known = figures.getOrDefault(program, Map.of()).get(key);
        Result r = row.get(program);
        double rate = r != null ? r.median() : known != null ? known : Double.NaN;
        cells.add(r == null && known != null ? number(known) + " (file)" : number(r));
        best = Double.isNaN(best) || rate > best ? rate : best;
      }
      cells.add(ratio("%.2f x", ours.median() / best));
      cells.add(ratio("%.1f %%", 100 * ours.median() / floor(row.get(MEMORY), decodeBytes)));
      table.row(cells.toArray(String[]::new));
    }
    line(table.toString());
  }

  /** Streams at once: tokens per second of all, and over those of one. */
  void batches(List<Result> results) {
    MarkdownTable table = new MarkdownTable("streams at once", "tokens/s", "over one stream");
    double one = results.get(0).median();
    for (Result r : results) {
      table.row(Integer.toString(r.cell().test().batch()), number(r), ratio("%.2f x", r.median() / one));
    }
    line(table.toString());
  }

  /** Decode beside a busy process, and as a share of what it is without. */
  void neighbour(List<Result> busy, List<Result> quiet) {
    MarkdownTable table = new MarkdownTable("program", "tokens/s", "beside a busy process", "left");
    for (Result r : busy) {
      Result alone = quiet.stream()
          .filter(q -> q.cell().contender() == r.cell().contender() && q.cell().threads() == r.cell().threads() && q.cell().test().equals(r.cell().test()))
          .findFirst().orElse(null);
      String left = alone == null ? "" : ratio("%.0f %%", 100 * r.median() / alone.median());
      table.row(r.cell().contender().name(), number(alone), number(r), left);
    }
    line(table.toString());
  }
}
