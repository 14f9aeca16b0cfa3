package dev.tern.cli;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import dev.tern.Model;
import dev.tern.bench.IdealRuntime;
import dev.tern.bench.InformationCapacity;
import dev.tern.bench.ModelReport;
import dev.tern.bench.ModelReportJson;
import dev.tern.bench.ModelRow;
import dev.tern.bench.ModelSeries;
import dev.tern.bench.ProcessMemory;
import dev.tern.bench.RequestLoad;
import dev.tern.bench.SpeedTest;
import dev.tern.report.ModelHtml;
import dev.tern.validate.CpuHealth;
import dev.tern.validate.Reading;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code tern bench model}: how fast a model is, how soon it answers, and what that costs. */
@Command(name = "model", description = {
    "Measures tokens per second: ppN feeds a prompt of N tokens to an empty cache; tgN generates N tokens from an empty cache; ppP+tgN is a request of both. "
        + "xB in B streams at once (tokens of all together), @D where each token sees D keys (sinks and a rolling window).",
    "t/s is the mean of the repetitions with their standard deviation, as of llama-bench. The floor of decode is reading the weights once a step at the read "
        + "bandwidth of all cores, measured in turn with the repetitions; the share is of both medians.",
    "Requests are served so many at once, each beginning when another ends: time to the first token (TTFT) and for each after it (TPOT).",
    "--breakdown shows instead where the time of a decode step goes; with --report or --html it is in that file too."})
final class BenchModel implements Callable<Integer> {
  @Mixin
  ModelOptions model;

  @Option(names = "-p", paramLabel = "N,...", defaultValue = "128,512", description = "lengths of prompts; 0: none; default ${DEFAULT-VALUE}")
  String prompts;

  @Option(names = "-n", paramLabel = "N,...", defaultValue = "64", description = "numbers of tokens to generate; 0: none; default ${DEFAULT-VALUE}")
  String generated;

  @Option(names = "-pg", paramLabel = "P,N", description = "a request of P tokens for N; may be given more than once; 0,0: none; default 128,64")
  List<String> mixed = new ArrayList<>();

  @Option(names = "--batch", paramLabel = "B,...", description = "streams that generate at once; default 1; for --html without --depth 2,4,8 too")
  String batches;

  @Option(names = "--depth", paramLabel = "D,...",
      description = "keys that a generated token sees; 0, the default: those of its own stream, which begins empty; for --html without --batch 128,512,2048 too")
  String depths;

  @Option(names = "--threads", paramLabel = "N,...", defaultValue = "0", description = "numbers of threads; 0, the default: one per core")
  String threads;

  @Option(names = {"-r", "--repetitions"}, paramLabel = "N", defaultValue = "5", description = "of each, after one to warm up; default ${DEFAULT-VALUE}")
  int repetitions;

  @Option(names = "--requests", paramLabel = "N", description = "to serve, of each -pg and concurrency; 0: none; default 100, or as many as begin in 20 seconds")
  Integer requests;

  @Option(names = "--concurrency", paramLabel = "C,...", description = "requests at once; default 1,4")
  String concurrency;

  @Option(names = "--metrics", description = "EfficientLLM's six metrics of the requests, with the arithmetic that the device reaches")
  boolean metrics;

  @Option(names = "--perf-ratio", paramLabel = "R", defaultValue = "1", description = "the compressed model's quality over the original's, for the compression "
      + "rate; default ${DEFAULT-VALUE}")
  double perfRatio;

  @Option(names = "--ideal", paramLabel = "P,...:O,...", arity = "0..1", fallbackValue = "1,32,128,256:1,8,32",
      description = "fits the idealised runtime alpha(p) + beta (o - 1) to requests of these prompts and outputs; ${FALLBACK-VALUE} if not said")
  String ideal;

  @Option(names = "--text", paramLabel = "FILE", description = "measures the information capacity over this UTF-8 text")
  Path text;

  @Option(names = "--sample", paramLabel = "N", description = "tokens of the text that are scored from an empty cache; default 1024, or what the model was trained with")
  Integer sample;

  @Option(names = "--ic-bias", paramLabel = "B", description = "of the information capacity; default -27")
  double bias = InformationCapacity.USUAL_BIAS;

  @Option(names = "--breakdown", description = "time of each part of a decode step, of the median run of each tg test (cpu only)")
  boolean breakdown;

  @Option(names = "--report", paramLabel = "FILE", description = "writes all that was measured there, as JSON")
  Path reportFile;

  @Option(names = "--html", paramLabel = "FILE", description = "writes a page with pictures of it there; with --breakdown also where decode steps go")
  Path htmlFile;

  @ArgGroup
  Format format = new Format();

  static final class Format {
    @Option(names = "--json", description = "llama-bench's JSON instead of tables")
    boolean json;

    @Option(names = "--jsonl", description = "llama-bench's JSON, a line for each row, instead of tables")
    boolean jsonl;

    @Option(names = "--csv", description = "llama-bench's CSV instead of tables")
    boolean csv;
  }

  private static final String PAGE_DEPTHS = "128,512,2048";
  private static final String PAGE_BATCHES = "2,4,8";
  private static final int DEFAULT_REQUESTS = 100;
  private static final double DEFAULT_SECONDS = 20;
  private static final double ENDLESS = 1e9;
  private static final int SCORED_AT_ONCE = 256;
  private static final int MAX_REPETITIONS = 100_000;
  private static final int MAX_CONCURRENCY = 4096; // sequences of an engine
  private static final long MAX_TEXT_BYTES = 64 << 20;

  private final Streams io;

  BenchModel(Streams io) {
    this.io = io;
  }

  /** What to measure, checked before anything is loaded. */
  private record Plan(int[] threads, List<SpeedTest> tests, List<RequestLoad> loads, int[][] ideal, String text) {
    int longest() {
      int most = tests.stream().mapToInt(SpeedTest::nTokens).max().orElse(1);
      if (ideal != null) {
        most = Math.max(most, Arrays.stream(ideal[0]).max().orElse(0) + Arrays.stream(ideal[1]).max().orElse(0));
      }
      return most;
    }

    /** One stream's steps are looked into, of each depth. */
    List<SpeedTest> profiled() {
      return tests.stream().filter(t -> t.decode() && t.batch() == 1).toList();
    }

    int steps(boolean metrics, boolean breakdown) {
      return threads.length * (tests.size() + loads.size()) + (metrics ? 2 : 0) + (breakdown ? threads.length * profiled().size() : 0)
          + (ideal == null ? 0 : ideal[0].length * ideal[1].length) + (text == null ? 0 : 1);
    }
  }

  /** Tells on the terminal how far all of it has come. */
  private static final class Steps {
    private final Progress progress;
    private final int total;
    private int done;

    Steps(Progress progress, int total) {
      this.progress = progress;
      this.total = total;
    }

    void begin(String name) {
      progress.at(done++, total, name);
    }

    void end() {
      progress.clear();
    }
  }

  @Override
  public Integer call() {
    Plan plan = plan();
    ReportFiles<ModelReport> files = new ReportFiles<ModelReport>().add("--report", reportFile, ModelReportJson::all).add("--html", htmlFile, ModelHtml::of);
    long start = System.nanoTime();
    try (Model m = model.load(io)) {
      long loadNanos = System.nanoTime() - start;
      long peak = ProcessMemory.peak();
      if (breakdown && m.device().isCuda()) {
        throw new IllegalArgumentException("--breakdown is there for the cpu only: on a GPU a step is one graph");
      }
      Steps steps = new Steps(new Progress(io, "measuring"), plan.steps(metrics, breakdown));
      try (Meters meters = Meters.of(m.device());
          ModelSeries series = new ModelSeries(m, plan.longest(), repetitions, meters.energy(), steps::begin)) {
        if (onlyBreakdown()) {
          List<ModelSeries.Profile> profiles = series.breakdowns(plan.threads, plan.tests);
          steps.end();
          printBreakdowns(profiles);
          return Tern.OK;
        }
        ModelReport measured = measure(m, series, meters, plan, loadNanos, peak, steps);
        steps.end();
        boolean written = files.write(measured, io);
        print(measured);
        return written ? Tern.OK : Tern.FAILED;
      }
    }
  }

  private Plan plan() {
    if (repetitions < 1 || repetitions > MAX_REPETITIONS) {
      throw new IllegalArgumentException("-r is " + repetitions + ", it must be 1 to " + MAX_REPETITIONS);
    }
    if (requests != null && requests < 0) {
      throw new IllegalArgumentException("--requests is " + requests + ", it must be 0 (none) or more");
    }
    if (!(perfRatio > 0 && perfRatio < Double.POSITIVE_INFINITY) || !Double.isFinite(bias)) {
      throw new IllegalArgumentException("--perf-ratio is above 0, --ic-bias a number");
    }
    if (sample != null && sample < 2) {
      throw new IllegalArgumentException("--sample is " + sample + ", it must be 2 or more");
    }
    if (rowsOnly() && (metrics || ideal != null || text != null || requests != null && requests > 0 || concurrency != null)) {
      throw new IllegalArgumentException("--json, --jsonl and --csv print the tests' rows alone: --requests, --concurrency, --metrics, --ideal and --text need "
          + "--report or --html beside them");
    }
    Plan plan = new Plan(atLeast("--threads", threads, 0), tests(), loads(), idealLengths(), text == null ? null : read(text));
    if (plan.tests.isEmpty() && (onlyBreakdown() || plan.loads.isEmpty() && plan.ideal == null && plan.text == null)) {
      throw new IllegalArgumentException("nothing is left to measure");
    }
    return plan;
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

  /** Of each -pg that is none of 0,0: its prompt and its tokens. */
  private List<int[]> pairs() {
    List<int[]> pairs = new ArrayList<>();
    for (String pair : mixed.isEmpty() ? List.of("128,64") : mixed) {
      int[] pg = atLeast("-pg", pair, 0);
      if (pg.length != 2 || (pg[0] == 0) != (pg[1] == 0)) {
        throw new IllegalArgumentException("-pg " + pair + ": it must be a length of a prompt and a number of tokens, as 128,64");
      }
      if (pg[0] > 0) {
        pairs.add(pg);
      }
    }
    return pairs;
  }

  private List<SpeedTest> tests() {
    List<SpeedTest> tests = new ArrayList<>();
    for (int length : atLeast("-p", prompts, 0)) {
      if (length > 0 && !onlyBreakdown()) {
        tests.add(SpeedTest.prefill(length));
      }
    }
    decodes(tests, atLeast("--depth", depths == null ? "0" : depths, 0), atLeast("--batch", batches == null ? "1" : batches, 1));
    if (htmlFile != null && depths == null && batches == null) {
      decodes(tests, Text.ints("--depth", PAGE_DEPTHS), new int[] {1});
      decodes(tests, new int[] {0}, Text.ints("--batch", PAGE_BATCHES));
    }
    if (!onlyBreakdown()) {
      pairs().forEach(pg -> tests.add(SpeedTest.mixed(pg[0], pg[1])));
    }
    return tests;
  }

  private void decodes(List<SpeedTest> tests, int[] depthList, int[] batchList) {
    for (int depth : depthList) {
      for (int batch : batchList) {
        for (int length : atLeast("-n", generated, 0)) {
          if (length > 0) {
            tests.add(new SpeedTest(0, length, batch, depth));
          }
        }
      }
    }
  }

  private List<RequestLoad> loads() {
    List<RequestLoad> loads = new ArrayList<>();
    int[] atOnce = atLeast("--concurrency", concurrency == null ? "1,4" : concurrency, 1);
    if (rowsOnly() || requests != null && requests == 0) {
      return loads;
    }
    for (int[] pg : pairs()) {
      for (int c : atOnce) {
        if (c > MAX_CONCURRENCY || requests != null && c > requests) {
          throw new IllegalArgumentException("--concurrency " + c + ": at most " + MAX_CONCURRENCY + ", and no more than --requests");
        }
        loads.add(requests == null ? new RequestLoad(pg[0], pg[1], c, Math.max(c, DEFAULT_REQUESTS), DEFAULT_SECONDS) : new RequestLoad(pg[0], pg[1], c, requests, ENDLESS));
      }
    }
    return loads;
  }

  /** Nobody would see more. */
  private boolean rowsOnly() {
    return (format.json || format.jsonl || format.csv) && reportFile == null && htmlFile == null;
  }

  private int[][] idealLengths() {
    if (ideal == null) {
      return null;
    }
    String[] sides = ideal.split(":", -1);
    if (sides.length != 2) {
      throw new IllegalArgumentException("--ideal " + ideal + ": it must be lengths of prompts and of outputs, as 1,128:1,32");
    }
    int[][] lengths = {atLeast("--ideal", sides[0], 1), atLeast("--ideal", sides[1], 1)};
    if (Arrays.stream(lengths[1]).distinct().count() < 2) {
      throw new IllegalArgumentException("--ideal " + ideal + ": a line through the times needs two output lengths at least");
    }
    return lengths;
  }

  private static String read(Path file) {
    if (Files.exists(file) && !Files.isRegularFile(file)) { // a pipe would be waited for, a device has no end
      throw new IllegalArgumentException(file + " is " + (Files.isDirectory(file) ? "a directory" : "not a regular file"));
    }
    try {
      if (Files.size(file) > MAX_TEXT_BYTES) {
        throw new IllegalArgumentException(file + " has " + Text.bytes(Files.size(file)) + ": " + Text.bytes(MAX_TEXT_BYTES) + " at most are scored");
      }
      return Files.readString(file);
    } catch (CharacterCodingException e) {
      throw new IllegalArgumentException(file + " is not UTF-8 text");
    } catch (IOException e) {
      throw new UncheckedIOException(file + " cannot be read: " + e.getMessage(), e);
    }
  }

  /** Nobody wants a file that has the rest. */
  private boolean onlyBreakdown() {
    return breakdown && htmlFile == null && reportFile == null;
  }

  private ModelReport measure(Model m, ModelSeries series, Meters meters, Plan plan, long loadNanos, long peak, Steps steps) {
    List<ModelRow> rows = series.rows(plan.threads, plan.tests);
    List<ModelReport.Served> served = series.served(plan.threads, plan.loads, meters::sampler, metrics, perfRatio);
    IdealRuntime fit = plan.ideal == null ? null : series.ideal(plan.threads[0], plan.ideal[0], plan.ideal[1]);
    InformationCapacity capacity = null;
    if (plan.text != null) {
      steps.begin("the text");
      if (sample != null && sample > m.contextLength()) {
        throw new IllegalArgumentException("--sample " + sample + ": the model was trained with " + m.contextLength() + " tokens");
      }
      int tokens = sample != null ? sample : Math.min(InformationCapacity.USUAL_SAMPLE, m.contextLength());
      capacity = InformationCapacity.measure(m, plan.threads[0], plan.text, tokens, bias, SCORED_AT_ONCE);
    }
    Reading<String> processor = new CpuHealth().name();
    return new ModelReport(Tern.version(), Instant.now().truncatedTo(ChronoUnit.SECONDS).toString(), processor.isKnown() ? processor.value() : "unknown",
        meters.gpuName(), ModelReport.Subject.of(m, model.file == null ? "" : model.file.toString(), series.kvType(), loadNanos, peak), meters.energySource(),
        rows, served, series.ceilings(), fit, capacity, breakdown ? series.breakdowns(plan.threads, plan.profiled()) : List.of());
  }

  private void printBreakdowns(List<ModelSeries.Profile> profiles) {
    List<Breakdown> all = profiles.stream().map(p -> new Breakdown(p.threads(), p.test(), p.profile(), p.allCores())).toList();
    if (format.json || format.jsonl) {
      ArrayNode array = new ObjectMapper().createArrayNode();
      all.forEach(b -> array.add(b.json()));
      io.out().println(array.toPrettyString());
    } else if (format.csv) {
      io.out().print(Breakdown.csvHeader() + String.join("", all.stream().map(Breakdown::csv).toList()));
    } else {
      io.out().print(String.join("\n", all.stream().map(Breakdown::table).toList()));
    }
  }

  private void print(ModelReport report) {
    if (format.json) {
      io.printForeign(ModelReportJson.rows(report));
    } else if (format.jsonl) {
      io.printForeign(ModelReportJson.lines(report));
    } else if (format.csv) {
      io.printForeign(ModelReportJson.csv(report));
    } else {
      io.out().print(new ModelTables(report).text());
    }
  }
}
