package dev.tern.cli;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.tern.Model;
import dev.tern.StepProfile;
import dev.tern.bench.ProcessMemory;
import dev.tern.bench.Samples;
import dev.tern.bench.SpeedRunner;
import dev.tern.bench.SpeedTest;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code tern bench model}: prefill and decode speed, and decode's share of what the memory's bandwidth would allow. */
@Command(name = "model", description = {
    "Measures tokens per second: ppN feeds a prompt of N tokens to an empty cache; tgN generates N tokens from an empty cache, xB in B streams "
        + "at once (tokens of all together), @D where each token sees D keys (sinks and a rolling window).",
    "t/s is the median of the repetitions. The floor of decode is reading the weights once a step at the read bandwidth measured here with "
        + "all cores.",
    "--breakdown shows instead where the time of a decode step goes."})
final class BenchModel implements Callable<Integer> {
  private static final int MAX_NAME = 200;

  @Mixin
  ModelOptions model;

  @Option(names = "-p", paramLabel = "N,...", defaultValue = "128,512", description = "lengths of prompts; default ${DEFAULT-VALUE}")
  String prompts;

  @Option(names = "-n", paramLabel = "N,...", defaultValue = "64", description = "numbers of tokens to generate; default ${DEFAULT-VALUE}")
  String generated;

  @Option(names = "--batch", paramLabel = "B,...", defaultValue = "1", description = "streams that generate at once; default ${DEFAULT-VALUE}")
  String batches;

  @Option(names = "--depth", paramLabel = "D,...", defaultValue = "0",
      description = "keys that a generated token sees; 0, the default: those of its own stream, which begins empty")
  String depths;

  @Option(names = "--threads", paramLabel = "N,...", defaultValue = "0", description = "numbers of threads; 0, the default: one per core")
  String threads;

  @Option(names = {"-r", "--repetitions"}, paramLabel = "N", defaultValue = "5", description = "of each, after one to warm up; default ${DEFAULT-VALUE}")
  int repetitions;

  @Option(names = "--breakdown", description = "time of each part of a decode step, of the median run of each tg test (cpu only)")
  boolean breakdown;

  @ArgGroup
  Format format = new Format();

  static final class Format {
    @Option(names = "--json", description = "JSON instead of a table")
    boolean json;

    @Option(names = "--csv", description = "CSV instead of a table")
    boolean csv;
  }

  private final Streams io;

  BenchModel(Streams io) {
    this.io = io;
  }

  /** How the model came into memory: wall time, resident memory at the peak and at the end. */
  private record Load(long nanos, long peakBytes) {}

  /** One line; rates in tokens per second, bandwidths in bytes per second. */
  private record Row(int nThreads, SpeedTest test, long[] nanos, double bandwidth, double allCores) {
    Samples rates() {
      return new Samples(Arrays.stream(nanos).mapToDouble(test::rate).toArray());
    }

    /** Bytes that decoding reads a second, over those that the memory could deliver. */
    double share(Model m) {
      return m.decodeBytes() * rates().median() / test.batch() / allCores;
    }
  }

  @Override
  public Integer call() {
    int[] t = atLeast("--threads", threads, 0);
    if (repetitions < 1) {
      throw new IllegalArgumentException("-r is " + repetitions + ", it must be 1 or more");
    }
    List<SpeedTest> tests = tests();
    long start = System.nanoTime();
    try (Model m = model.load(io)) {
      Load load = new Load(System.nanoTime() - start, ProcessMemory.peak());
      if (breakdown && m.device().isCuda()) {
        throw new IllegalArgumentException("--breakdown is there for the cpu only: on a GPU a step is one graph");
      }
      int longest = tests.stream().mapToInt(SpeedTest::nTokens).max().orElse(1);
      try (SpeedRunner runner = new SpeedRunner(m, longest)) {
        if (breakdown) {
          print(breakdowns(runner, t, tests));
        } else {
          print(m, load, rows(runner, t, tests));
        }
      }
    }
    return Tern.OK;
  }

  private static int[] atLeast(String option, String list, int min) {
    int[] values = Text.ints(option, list);
    for (int value : values) {
      if (value < min) {
        throw new IllegalArgumentException(option + ": " + value + " is less than " + min);
      }
    }
    return values;
  }

  private List<SpeedTest> tests() {
    List<SpeedTest> tests = new ArrayList<>();
    for (int length : atLeast("-p", prompts, 0)) {
      if (length > 0 && !breakdown) {
        tests.add(SpeedTest.prefill(length));
      }
    }
    for (int depth : atLeast("--depth", depths, 0)) {
      for (int batch : atLeast("--batch", batches, 1)) {
        for (int length : atLeast("-n", generated, 0)) {
          if (length > 0) {
            tests.add(new SpeedTest(true, length, batch, depth));
          }
        }
      }
    }
    return tests;
  }

  private List<Row> rows(SpeedRunner runner, int[] threads, List<SpeedTest> tests) {
    List<Row> rows = new ArrayList<>();
    for (int n : threads) {
      double allCores = runner.bandwidth(0);
      double bandwidth = n == 0 ? allCores : runner.bandwidth(n);
      for (SpeedTest test : tests) {
        runner.run(n, test); // to warm up
        long[] nanos = new long[repetitions];
        for (int i = 0; i < repetitions; i++) {
          nanos[i] = runner.run(n, test);
        }
        rows.add(new Row(runner.threads(), test, nanos, bandwidth, allCores));
      }
    }
    return rows;
  }

  private List<Breakdown> breakdowns(SpeedRunner runner, int[] threads, List<SpeedTest> tests) {
    List<Breakdown> all = new ArrayList<>();
    for (int n : threads) {
      for (SpeedTest test : tests) {
        double allCores = runner.bandwidth(0);
        runner.run(n, test); // to warm up
        List<StepProfile> runs = new ArrayList<>();
        for (int i = 0; i < repetitions; i++) {
          runs.add(runner.profile(n, test));
        }
        runs.sort(Comparator.comparingLong(StepProfile::nanos));
        all.add(new Breakdown(runner.threads(), test, runs.get(runs.size() / 2), allCores));
      }
    }
    return all;
  }

  private void print(List<Breakdown> all) {
    if (format.json) {
      ArrayNode array = new ObjectMapper().createArrayNode();
      all.forEach(b -> array.add(b.json()));
      io.out().println(array.toPrettyString());
    } else if (format.csv) {
      io.out().print(Breakdown.csvHeader() + String.join("", all.stream().map(Breakdown::csv).toList()));
    } else {
      io.out().print(String.join("\n", all.stream().map(Breakdown::table).toList()));
    }
  }

  private void print(Model m, Load load, List<Row> rows) {
    if (format.json) {
      io.printForeign(json(m, load, rows).toPrettyString() + "\n");
    } else if (format.csv) {
      io.out().print(csv(m, load, rows));
    } else {
      io.out().print(table(m, rows));
      io.out().println(String.format(Locale.ROOT, "%nloaded in %s, peak of resident memory %s with %s of weights; resident at the end: %s",
          Text.duration(load.nanos), Text.bytes(load.peakBytes), Text.bytes(m.weightBytes()), Text.bytes(ProcessMemory.resident())));
    }
  }

  private static String table(Model m, List<Row> rows) {
    MarkdownTable table = new MarkdownTable(
        "model", "size", "params", "backend", "threads", "test", "t/s", "min..max", "read GB/s", "all cores", "of floor");
    for (Row row : rows) {
      Samples rates = row.rates();
      table.row(Text.plain(m.name(), MAX_NAME), Text.bytes(m.weightBytes()), Text.count(m.nParameters()), backend(m), Integer.toString(row.nThreads), row.test.name(),
          number(rates.median()), number(rates.min()) + ".." + number(rates.max()), number(row.bandwidth * 1e-9), number(row.allCores * 1e-9),
          row.test.decode() ? String.format(Locale.ROOT, "%.1f %%", 100 * row.share(m)) : "");
    }
    return table.toString();
  }

  private static String backend(Model m) {
    return m.device().isCuda() ? "CUDA" : "CPU";
  }

  private static String number(double value) {
    return String.format(Locale.ROOT, value < 100 ? "%.2f" : "%.1f", value);
  }

  private static String csv(Model m, Load load, List<Row> rows) {
    StringBuilder text = new StringBuilder("model,model_size,backend,n_threads,test,n_prompt,n_gen,n_batch,n_depth,median_ts,min_ts,max_ts,"
        + "repetitions,decode_bytes,read_bytes_per_second,read_bytes_per_second_all_cores,share_of_floor,load_ns,load_peak_resident_bytes\n");
    for (Row row : rows) {
      Samples rates = row.rates();
      text.append(String.format(Locale.ROOT, "\"%s\",%d,%s,%d,%s,%d,%d,%d,%d,%.3f,%.3f,%.3f,%d,%d,%.0f,%.0f,%s,%d,%d%n",
          Text.plain(m.name(), MAX_NAME).replace("\"", "\"\""), m.weightBytes(), backend(m), row.nThreads, row.test.name(), row.test.decode() ? 0 : row.test.nTokens(),
          row.test.decode() ? row.test.nTokens() : 0, row.test.batch(), row.test.depth(), rates.median(), rates.min(), rates.max(), rates.count(),
          m.decodeBytes(), row.bandwidth, row.allCores, row.test.decode() ? String.format(Locale.ROOT, "%.4f", row.share(m)) : "",
          load.nanos, load.peakBytes));
    }
    return text.toString();
  }

  private static ArrayNode json(Model m, Load load, List<Row> rows) {
    ArrayNode array = new ObjectMapper().createArrayNode();
    for (Row row : rows) {
      Samples rates = row.rates();
      ObjectNode node = array.addObject();
      node.put("model", m.name()).put("model_size", m.weightBytes()).put("model_n_params", m.nParameters()).put("backend", backend(m));
      node.put("n_threads", row.nThreads).put("test", row.test.name());
      node.put("n_prompt", row.test.decode() ? 0 : row.test.nTokens()).put("n_gen", row.test.decode() ? row.test.nTokens() : 0);
      node.put("n_batch", row.test.batch()).put("n_depth", row.test.depth());
      node.put("median_ts", rates.median()).put("min_ts", rates.min()).put("max_ts", rates.max());
      ArrayNode samples = node.putArray("samples_ns");
      Arrays.stream(row.nanos).forEach(samples::add);
      node.put("decode_bytes", m.decodeBytes()).put("read_bytes_per_second", row.bandwidth).put("read_bytes_per_second_all_cores", row.allCores);
      if (row.test.decode()) {
        node.put("share_of_floor", row.share(m));
      }
      node.put("load_ns", load.nanos).put("load_peak_resident_bytes", load.peakBytes);
    }
    return array;
  }
}
