package dev.tern.cli;

import dev.tern.Model;
import dev.tern.bench.EndlessRun;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code tern bench endless}: what a very long stream costs at its end, compared with its beginning. */
@Command(name = "endless", description = {
    "Generates one very long stream, and compares memory and time per token at its end with its beginning."})
final class BenchEndless implements Callable<Integer> {
  @Mixin
  ModelOptions model;

  @Option(names = "--tokens", paramLabel = "N", defaultValue = "1000000", description = "at least 20,000; default ${DEFAULT-VALUE}")
  long tokens;

  @Option(names = "--sinks", paramLabel = "N", defaultValue = "4", description = "default ${DEFAULT-VALUE}")
  int sinks;

  @Option(names = "--window", paramLabel = "N", defaultValue = "256", description = "default ${DEFAULT-VALUE}")
  int window;

  @Option(names = "--threads", paramLabel = "N", description = "0, the default: one per core")
  int threads;

  private final Streams io;

  BenchEndless(Streams io) {
    this.io = io;
  }

  @Override
  public Integer call() {
    Progress progress = new Progress(io, "generating");
    try (Model m = model.load(io)) {
      EndlessRun.Report r = EndlessRun.run(m, threads, sinks, window, tokens,
          at -> progress.at(at.tokens(), tokens, Text.bytes(at.residentBytes()) + " resident"));
      progress.clear();
      EndlessRun.Memory first = r.memory().get(0);
      EndlessRun.Memory last = r.memory().get(r.memory().size() - 1);
      io.out().println("| tokens | sinks + window | us/token first | us/token last | change | RSS at 10,000 | RSS at the end | largest growth |");
      io.out().println("|---:|---:|---:|---:|---:|---:|---:|---:|");
      io.out().println(String.format(Locale.ROOT, "| %,d | %d + %d | %.1f | %.1f | %+.1f %% | %s | %s | %+.2f %% |",
          r.tokens(), r.sinks(), r.window(), r.firstNanosPerToken() * 1e-3, r.lastNanosPerToken() * 1e-3, 100 * r.slowdown(),
          Text.bytes(first.residentBytes()), Text.bytes(last.residentBytes()), 100 * r.residentGrowth()));
    }
    return Tern.OK;
  }
}
