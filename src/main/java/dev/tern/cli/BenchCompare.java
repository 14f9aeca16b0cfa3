package dev.tern.cli;

import dev.tern.bench.KernelComparison;
import dev.tern.bench.KernelComparison.Row;
import dev.tern.bench.KernelComparison.Verdict;
import dev.tern.bench.KernelReport;
import dev.tern.bench.KernelReportJson;
import java.nio.file.Path;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.stream.Stream;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code tern bench compare}: whether a change made kernels slower. */
@Command(name = "compare", description = {
    "Compares two reports of bench kernel --json, case by case: the time in the second over that in the first, with an interval: of 95 %%, or of all samples "
        + "if a side has fewer than six.",
    "The exit status is 1 if a case became slower by more than the threshold and by more than noise explains, or was measured before and is not now; "
        + "2 if a file is no report, or if there is nothing to compare."})
final class BenchCompare implements Callable<Integer> {
  private static final double PERCENT = 100;

  @Parameters(index = "0", paramLabel = "A.json", description = "before")
  Path before;

  @Parameters(index = "1", paramLabel = "B.json", description = "after")
  Path after;

  @Option(names = "--threshold", paramLabel = "PCT", defaultValue = "3", description = "that a change must exceed, in percent; default ${DEFAULT-VALUE}")
  double threshold;

  private final Streams io;

  BenchCompare(Streams io) {
    this.io = io;
  }

  @Override
  public Integer call() {
    KernelReport first = KernelReportJson.read(before);
    KernelReport second = KernelReportJson.read(after);
    KernelComparison comparison = KernelComparison.of(first, second, threshold / PERCENT);
    if (comparison.rows().isEmpty()) {
      throw new IllegalArgumentException("no case was measured in either report");
    }
    differ("devices", first.deviceName(), second.deviceName());
    if (!first.device().startsWith("cuda")) { // there the threads only feed the GPU
      differ("numbers of threads", first.options().getOrDefault("threads", "?"), second.options().getOrDefault("threads", "?"));
    }
    MarkdownTable table = new MarkdownTable("case", "before", "after", "ratio", "interval", "verdict");
    for (Row row : comparison.rows()) {
      boolean both = !Double.isNaN(row.ratio());
      table.row(Text.plain(row.kernelCase().key(), 200), time(row.first()), time(row.second()), both ? String.format(Locale.ROOT, "%.3f", row.ratio()) : "",
          both ? String.format(Locale.ROOT, "%.3f to %.3f", row.low(), row.high()) : "", word(row.verdict()));
    }
    io.out().print(table.toString());
    io.out().format("%n%d slower, %d faster, %d the same, %d unclear, %d in one report only; threshold %s %%.%n", comparison.count(Verdict.SLOWER),
        comparison.count(Verdict.FASTER), comparison.count(Verdict.SAME), comparison.count(Verdict.UNCLEAR),
        comparison.count(Verdict.ONLY_FIRST) + comparison.count(Verdict.ONLY_SECOND), Double.toString(threshold));
    long doubtful = Stream.of(first, second).flatMap(r -> r.results().stream()).filter(r -> !r.doubts().isEmpty()).count();
    if (doubtful > 0) {
      io.out().format("%d of the %d figures were doubtful when they were measured: a verdict on them is of the machine's noise as much as of the kernels.%n",
          doubtful, first.results().size() + second.results().size());
    }
    long lost = comparison.count(Verdict.ONLY_FIRST);
    if (lost > 0) {
      io.out().format("Measured before and not now: %d.%n", lost);
    }
    return comparison.count(Verdict.SLOWER) + lost > 0 ? Tern.FAILED : Tern.OK;
  }

  /** What makes a comparison one of something else than the kernels is said, and the comparison made: that may be what is wanted. */
  private void differ(String what, String first, String second) {
    if (!first.equals(second)) {
      io.err().println("tern: the reports are of different " + what + ": " + Text.plain(first, 100) + ", and " + Text.plain(second, 100));
    }
  }

  private static String time(double seconds) {
    return Double.isNaN(seconds) ? "-" : KernelTable.time(seconds);
  }

  private static String word(Verdict verdict) {
    return switch (verdict) {
      case SLOWER -> "slower";
      case FASTER -> "faster";
      case SAME -> "same";
      case UNCLEAR -> "unclear";
      case ONLY_FIRST -> "only before";
      case ONLY_SECOND -> "only after";
    };
  }
}
