package dev.tern.cli;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.tern.Device;
import dev.tern.Engine;
import dev.tern.Generation;
import dev.tern.Model;
import dev.tern.Sampling;
import dev.tern.Session;
import dev.tern.cache.CachePolicy;
import dev.tern.kernel.MemoryBandwidth;
import dev.tern.kernel.NativeDevice;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.SplittableRandom;
import java.util.concurrent.Callable;
import java.util.function.LongSupplier;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code tern bench model}: prefill and decode speed, and decode's share of what the memory's bandwidth would allow. */
@Command(name = "model", description = {
    "Measures tokens per second: ppN feeds a prompt of N tokens to an empty cache, tgN then generates N tokens.",
    "t/s is the median of the repetitions. The floor of decode is reading the weights once a token at the read bandwidth measured here."})
final class BenchModel implements Callable<Integer> {
  private static final long MIN_BANDWIDTH_BYTES = 1 << 20;
  private static final long MAX_BANDWIDTH_BYTES = 1 << 30;
  private static final long BANDWIDTH_TRAFFIC = 4L << 30;

  @Mixin
  ModelOptions model;

  @Option(names = "-p", paramLabel = "N,...", defaultValue = "128,512", description = "lengths of prompts; default ${DEFAULT-VALUE}")
  String prompts;

  @Option(names = "-n", paramLabel = "N,...", defaultValue = "64", description = "numbers of tokens to generate; default ${DEFAULT-VALUE}")
  String generated;

  @Option(names = "--threads", paramLabel = "N,...", defaultValue = "0", description = "numbers of threads; 0, the default: one per core")
  String threads;

  @Option(names = {"-r", "--repetitions"}, paramLabel = "N", defaultValue = "5", description = "of each, after one to warm up; default ${DEFAULT-VALUE}")
  int repetitions;

  @Option(names = "--json", description = "JSON instead of a table")
  boolean json;

  private final Streams io;

  BenchModel(Streams io) {
    this.io = io;
  }

  /** One line of the table; seconds are sorted, bandwidth in bytes per second. */
  private record Row(int nThreads, String test, int nTokens, double[] seconds, double bandwidth) {
    double rate(double s) {
      return nTokens / s;
    }

    double median() {
      int n = seconds.length;
      return n % 2 == 1 ? rate(seconds[n / 2]) : (rate(seconds[n / 2 - 1]) + rate(seconds[n / 2])) / 2;
    }

    double min() {
      return rate(seconds[seconds.length - 1]);
    }

    double max() {
      return rate(seconds[0]);
    }

    boolean decode() {
      return test.startsWith("tg");
    }
  }

  @Override
  public Integer call() {
    int[] p = positive("-p", prompts, 0);
    int[] n = positive("-n", generated, 0);
    int[] t = positive("--threads", threads, 0);
    if (repetitions < 1) {
      throw new IllegalArgumentException("-r is " + repetitions + ", it must be 1 or more");
    }
    try (Model m = model.load(io)) {
      List<Row> rows = new ArrayList<>();
      for (int nThreads : t) {
        measure(m, nThreads, p, n, rows);
      }
      if (json) {
        io.out().println(toJson(m, rows).toPrettyString());
      } else {
        table(m, rows);
      }
    }
    return Tern.OK;
  }

  private static int[] positive(String option, String list, int min) {
    int[] values = Text.ints(option, list);
    for (int value : values) {
      if (value < min) {
        throw new IllegalArgumentException(option + ": " + value + " is less than " + min);
      }
    }
    return values;
  }

  private void measure(Model m, int nThreads, int[] p, int[] n, List<Row> rows) {
    int longest = Math.max(Arrays.stream(p).max().orElse(0), Arrays.stream(n).max().orElse(0));
    try (Engine engine = Engine.builder(m).threads(nThreads).cachePolicy(CachePolicy.dense(longest + 1)).build();
        Session session = engine.newSession()) {
      double bandwidth = bandwidth(m.device(), engine.threads(), m.decodeBytes());
      SplittableRandom random = new SplittableRandom(1);
      for (int length : p) {
        if (length > 0) {
          int[] prompt = random.ints(length, 0, m.vocabSize()).toArray();
          rows.add(row(engine, "pp" + length, length, bandwidth, () -> prefill(session, prompt)));
        }
      }
      for (int length : n) {
        if (length > 0) {
          int first = Math.max(0, m.tokenizer().bosId());
          rows.add(row(engine, "tg" + length, length, bandwidth, () -> decode(session, first, length)));
        }
      }
    }
  }

  private Row row(Engine engine, String test, int length, double bandwidth, LongSupplier run) {
    run.getAsLong();
    double[] seconds = new double[repetitions];
    for (int i = 0; i < repetitions; i++) {
      seconds[i] = run.getAsLong() * 1e-9;
    }
    Arrays.sort(seconds);
    return new Row(engine.threads(), test, length, seconds, bandwidth);
  }

  private static long prefill(Session session, int[] prompt) {
    session.reset();
    long start = System.nanoTime();
    session.logits(prompt);
    return System.nanoTime() - start;
  }

  private static long decode(Session session, int first, int length) {
    session.reset();
    long start = System.nanoTime();
    try (Generation generation = session.generate(new int[] {first}, Sampling.greedy().maxTokens(length).ignoreEos(true))) {
      generation.result();
    }
    return System.nanoTime() - start;
  }

  private static double bandwidth(Device which, int nThreads, long decodeBytes) {
    long block = Math.min(MAX_BANDWIDTH_BYTES, Math.max(MIN_BANDWIDTH_BYTES, decodeBytes));
    try (NativeDevice device = new NativeDevice(which, nThreads)) {
      return MemoryBandwidth.read(device, block, (int) Math.max(2, BANDWIDTH_TRAFFIC / block));
    }
  }

  private void table(Model m, List<Row> rows) {
    List<String[]> lines = new ArrayList<>();
    lines.add(new String[] {"model", "size", "params", "backend", "threads", "test", "t/s", "min..max", "read GB/s", "of floor"});
    for (Row row : rows) {
      lines.add(new String[] {
        m.name(), Text.bytes(m.weightBytes()), Text.count(m.nParameters()), m.device().isCuda() ? "CUDA" : "CPU", Integer.toString(row.nThreads), row.test,
        number(row.median()), number(row.min()) + ".." + number(row.max()), number(row.bandwidth * 1e-9),
        row.decode() ? String.format(Locale.ROOT, "%.1f %%", 100 * share(m, row)) : ""
      });
    }
    int columns = lines.get(0).length;
    int[] width = new int[columns];
    for (String[] line : lines) {
      for (int c = 0; c < columns; c++) {
        width[c] = Math.max(width[c], line[c].length());
      }
    }
    for (int i = 0; i < lines.size(); i++) {
      StringBuilder text = new StringBuilder("|");
      for (int c = 0; c < columns; c++) {
        String cell = lines.get(i)[c];
        String pad = " ".repeat(width[c] - cell.length());
        text.append(' ').append(c == 0 ? cell + pad : pad + cell).append(" |");
      }
      io.out().println(text.toString());
      if (i == 0) {
        StringBuilder rule = new StringBuilder("|");
        for (int c = 0; c < columns; c++) {
          rule.append(c == 0 ? " " + "-".repeat(width[c]) + " |" : " " + "-".repeat(width[c]) + ":|");
        }
        io.out().println(rule.toString());
      }
    }
  }

  private static String number(double value) {
    return String.format(Locale.ROOT, value < 100 ? "%.2f" : "%.1f", value);
  }

  /** Bytes that decoding reads a second, over those that the memory could deliver. */
  private static double share(Model m, Row row) {
    return m.decodeBytes() * row.median() / row.bandwidth;
  }

  private ArrayNode toJson(Model m, List<Row> rows) {
    ArrayNode array = new ObjectMapper().createArrayNode();
    for (Row row : rows) {
      ObjectNode node = array.addObject();
      node.put("model", m.name()).put("model_size", m.weightBytes()).put("model_n_params", m.nParameters()).put("backend", "CPU");
      node.put("n_threads", row.nThreads).put("test", row.test);
      node.put("n_prompt", row.decode() ? 0 : row.nTokens).put("n_gen", row.decode() ? row.nTokens : 0);
      node.put("median_ts", row.median()).put("min_ts", row.min()).put("max_ts", row.max());
      ArrayNode samples = node.putArray("samples_ns");
      for (double s : row.seconds) {
        samples.add(Math.round(s * 1e9));
      }
      node.put("decode_bytes", m.decodeBytes()).put("read_bytes_per_second", row.bandwidth);
      if (row.decode()) {
        node.put("share_of_floor", share(m, row));
      }
    }
    return array;
  }
}
