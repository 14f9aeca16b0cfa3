package dev.tern.cli;

import dev.tern.Device;
import dev.tern.LoadProgress;
import dev.tern.Model;
import dev.tern.bench.BusyNeighbour;
import dev.tern.bench.Contender;
import dev.tern.bench.CpuTimes;
import dev.tern.bench.PeerProgram;
import dev.tern.bench.ProcessMemory;
import dev.tern.bench.SpeedRunner;
import dev.tern.bench.SpeedSeries;
import dev.tern.bench.SpeedSeries.Cell;
import dev.tern.bench.SpeedSeries.Result;
import dev.tern.bench.SpeedTest;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code tern bench speed}: all figures of speed, beside other programs, on a machine that may not be quiet. */
@Command(name = "speed", description = {
    "Measures a random-weight model on the CPU, in turn with other programs: prefill and decode, batches, the parts of a decode step, and decode "
        + "beside a busy process.",
    "A run during which other processes took more than a limit of the processors is repeated; rounds go on until the medians are known "
        + "(95 %% interval) or the time is over, and the report says which were not."})
final class BenchSpeed implements Callable<Integer> {
  /** In batches and in the breakdown. */
  private static final SpeedTest DECODE = SpeedTest.decode(64);

  @Option(names = "--shape", paramLabel = "SHAPE", defaultValue = "bitnet-2b-4t", description = "of the model; default ${DEFAULT-VALUE}")
  String shape;

  @Option(names = "--type", paramLabel = "TYPE", defaultValue = "tq2_0", description = "of its layers' matrices in Tern's file; default ${DEFAULT-VALUE}")
  String type;

  @Option(names = "--embedding-type", paramLabel = "TYPE", defaultValue = "q6_k", description = "of its embedding and head; default ${DEFAULT-VALUE}")
  String embeddingType;

  @Option(names = "--arch", paramLabel = "NAME", description = "architecture in Tern's file; default: the shape's own")
  String arch;

  @Option(names = "--dir", paramLabel = "DIR", required = true, description = "where the models are made, and kept for the next time")
  Path dir;

  @Option(names = "--peers", paramLabel = "FILE", description = "JSON file of other programs, as bench/peers.json")
  Path peerFile;

  @Option(names = "--peer", paramLabel = "NAME=COMMAND", description = "another program: a command in which {model}, {threads}, {prompt} and {generate} are "
      + "replaced, and which prints tokens/s, as JSON with avg_ts or as its last line; given Tern's file. Or a command for a peer of the file")
  Map<String, String> peerCommands = new LinkedHashMap<>();

  @Option(names = "--tests", paramLabel = "TEST,...", defaultValue = "pp128,pp512,tg64", description = "default ${DEFAULT-VALUE}")
  String tests;

  @Option(names = "--threads", paramLabel = "N,...", defaultValue = "1,2", description = "default ${DEFAULT-VALUE}")
  String threads;

  @Option(names = "--batch", paramLabel = "B,...", defaultValue = "1,2,4,8,16", description = "streams at once, of the most threads; default ${DEFAULT-VALUE}")
  String batches;

  @Option(names = "--depth", paramLabel = "D", defaultValue = "2048", description = "keys that a token of the breakdown sees; default ${DEFAULT-VALUE}")
  int depth;

  @Option(names = "--foreign", paramLabel = "SHARE", defaultValue = "0.03", description = "of the processors that others may take; default ${DEFAULT-VALUE}")
  double foreign;

  @Option(names = "--spread", paramLabel = "SHARE", defaultValue = "0.03", description = "of a median that its interval may span; default ${DEFAULT-VALUE}")
  double spread;

  @Option(names = "--rounds", paramLabel = "N", defaultValue = "25", description = "at most, of each series; default ${DEFAULT-VALUE}")
  int rounds;

  @Option(names = "--retries", paramLabel = "N", defaultValue = "3", description = "of a disturbed run, in a round; default ${DEFAULT-VALUE}")
  int retries;

  @Option(names = "--patience", paramLabel = "SECONDS", defaultValue = "10", description = "that a run waits for others to be quiet; default ${DEFAULT-VALUE}")
  int patience;

  @Option(names = "--minutes", paramLabel = "N", defaultValue = "60",
      description = "after which no round is begun: six tenths for prefill and decode; default ${DEFAULT-VALUE}")
  double minutes;

  @Option(names = "--csv", paramLabel = "FILE", description = "writes all medians there too")
  Path csv;

  private final Streams io;
  private final SpeedReport report = new SpeedReport();
  private final List<Contender> contenders = new ArrayList<>();
  private final Map<String, Map<String, Double>> figures = new LinkedHashMap<>();
  private long begin;

  BenchSpeed(Streams io) {
    this.io = io;
  }

  @Override
  public Integer call() {
    List<SpeedTest> all = Arrays.stream(tests.split(",")).map(SpeedTest::of).toList();
    int[] counts = Text.ints("--threads", threads);
    int most = Arrays.stream(counts).max().orElseThrow();
    begin = System.nanoTime();
    Path file = modelFile(type, embeddingType, arch);
    CpuTimes before = CpuTimes.now(List.of());
    long start = System.nanoTime();
    try (Model model = Model.load(file, Device.cpu(), LoadProgress.NONE)) {
      long loadNanos = System.nanoTime() - start;
      double disturbed = CpuTimes.now(List.of()).foreignSince(before);
      long peak = ProcessMemory.peak();
      int longest = Math.max(DECODE.nTokens(), all.stream().mapToInt(SpeedTest::nTokens).max().orElse(1));
      try (SpeedRunner runner = new SpeedRunner(model, longest)) {
        Contender tern = contender(SpeedReport.TERN, (n, test) -> test.rate(runner.run(n, test)));
        contenders.add(tern);
        report.version(SpeedReport.MEMORY, SpeedReport.MEMORY_UNIT);
        report.version(tern.name(), type + " layers, " + embeddingType + " head");
        addPeers(file);
        report.line(String.format(Locale.ROOT, "Random weights in the shape of %s, %s with a %s head in Tern's file: %s in memory, %s read for a token. "
                + "Loaded in %s (others took %.0f %% of the processors), peak of resident memory %s.%n", shape, type, embeddingType,
            Text.bytes(model.weightBytes()), Text.bytes(model.decodeBytes()), Text.duration(loadNanos), 100 * disturbed, Text.bytes(peak)));
        List<Result> plain = plain(model, runner, all, counts);
        batches(tern, most);
        breakdown(runner, most);
        neighbour(plain, all, most);
      }
    }
    io.out().print(report.markdown());
    if (csv != null) {
      try {
        Files.writeString(csv, report.csv());
      } catch (IOException e) {
        throw new UncheckedIOException(csv + " cannot be written: " + e, e);
      }
    }
    return Tern.OK;
  }

  private interface Run {
    double rate(int threads, SpeedTest test);
  }

  private static Contender contender(String name, Run run) {
    return new Contender() {
      @Override
      public String name() {
        return name;
      }

      @Override
      public double run(int threads, SpeedTest test) {
        return run.rate(threads, test);
      }
    };
  }

  /** The model in these types, made if it is not there yet. */
  private Path modelFile(String layers, String embedding, String architecture) {
    Path file = dir.resolve(shape + "-" + layers + "-" + embedding + (architecture == null ? "" : "-" + architecture) + ".gguf");
    if (!Files.exists(file)) {
      MakeModel make = new MakeModel(io);
      make.shape = shape;
      make.type = layers;
      make.embeddingType = embedding;
      make.arch = architecture;
      make.seed = 1;
      make.out = file;
      make.call();
    }
    return file;
  }

  private void addPeers(Path ours) {
    Map<String, String> commands = new LinkedHashMap<>(peerCommands);
    for (PeerFile.Peer peer : peerFile == null ? List.<PeerFile.Peer>of() : PeerFile.read(peerFile)) {
      String command = commands.containsKey(peer.name()) ? commands.remove(peer.name()) : peer.command();
      report.version(peer.name(), peer.version());
      if (command == null) {
        figures.put(peer.name(), new TreeMap<>(peer.figures()));
        continue;
      }
      Path file = peer.type() == null ? ours : modelFile(peer.type(), peer.embeddingType() == null ? embeddingType : peer.embeddingType(), peer.arch());
      contenders.add(new PeerProgram(peer.name(), command, file));
    }
    commands.forEach((name, command) -> contenders.add(new PeerProgram(name, command, ours)));
  }

  /** A series that begins no round when this share of the time is over. */
  private List<Result> run(String series, double until, List<Long> helpers, List<List<Cell>> groups) {
    SpeedSeries all = new SpeedSeries(new SpeedSeries.Limits(foreign, spread, rounds, retries, 2 * patience), () -> CpuTimes.now(helpers),
        () -> System.nanoTime() - begin > until * minutes * 60e9, line -> io.err().println(series + ", " + line));
    List<Result> results = all.run(groups);
    report.record(series, results);
    return results;
  }

  /**
   * Programs in turn, test by test. What memory gives may double within minutes, and so it takes its turn in every group that has a floor: right after
   * the first program, Tern.
   */
  static List<List<Cell>> groups(List<Contender> programs, Contender memory, int[] counts, List<SpeedTest> tests) {
    List<List<Cell>> groups = new ArrayList<>();
    for (int n : counts) {
      for (SpeedTest test : tests) {
        List<Cell> group = new ArrayList<>(programs.stream().map(c -> new Cell(c, n, test)).toList());
        if (test.decode()) {
          group.add(1, new Cell(memory, n, test));
        }
        groups.add(group);
      }
    }
    return groups;
  }

  /** Reads with all cores, whatever the programs have. A floor is told with ~ where it is not settled; no round is worth waiting for that. */
  private static Contender memory(SpeedRunner runner) {
    return new Contender() {
      @Override
      public String name() {
        return SpeedReport.MEMORY;
      }

      @Override
      public double run(int threads, SpeedTest test) {
        return runner.bandwidth(0);
      }

      @Override
      public boolean awaited() {
        return false;
      }
    };
  }

  private List<Result> plain(Model model, SpeedRunner runner, List<SpeedTest> all, int[] counts) {
    List<Result> results = run("plain", 0.6, List.of(), groups(contenders, memory(runner), counts, all));
    report.comparison(results, figures, model.decodeBytes());
    figures.forEach((name, values) -> values.forEach((key, rate) -> {
      String[] parts = key.split(" ", 2);
      report.figure(name, Integer.parseInt(parts[0]), SpeedTest.of(parts[1]), rate);
    }));
    return results;
  }

  private void batches(Contender tern, int most) {
    List<List<Cell>> groups = new ArrayList<>();
    for (int batch : Text.ints("--batch", batches)) {
      groups.add(List.of(new Cell(tern, most, new SpeedTest(0, DECODE.nGen(), batch, 0))));
    }
    report.line("Decode of several streams at once, " + most + " threads:\n");
    report.batches(run("batch", 0.75, List.of(), groups));
  }

  private void breakdown(SpeedRunner runner, int most) {
    SpeedTest test = new SpeedTest(0, DECODE.nGen(), 1, depth);
    List<SpeedRunner.Profiled> runs = new ArrayList<>();
    Contender timed = contender(SpeedReport.TERN, (n, t) -> {
      SpeedRunner.Profiled run = runner.profile(n, t);
      runs.add(run);
      return t.rate(run.profile().nanos());
    });
    double median = run("breakdown", 0.85, List.of(), List.of(List.of(new Cell(timed, most, test)))).get(0).median();
    runs.stream().min(Comparator.comparingDouble(r -> Math.abs(test.rate(r.profile().nanos()) - median))).filter(r -> !Double.isNaN(median))
        .ifPresent(r -> report.line("Parts of a decode step, " + new Breakdown(most, test, r.profile(), r.allCores()).table()));
  }

  private void neighbour(List<Result> quiet, List<SpeedTest> all, int most) {
    SpeedTest decode = all.stream().filter(SpeedTest::decode).findFirst().orElse(null);
    if (decode == null) {
      return;
    }
    try (BusyNeighbour busy = new BusyNeighbour()) {
      List<Result> results = run("neighbour", 1, List.of(busy.pid()), List.of(contenders.stream().map(c -> new Cell(c, most, decode)).toList()));
      report.line("Decode (" + decode.name() + ") with " + most + " threads beside one process that keeps one core busy:\n");
      report.neighbour(results, quiet);
    }
  }
}
