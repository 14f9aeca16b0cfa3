package dev.tern.cli;

import dev.tern.ChatTemplate;
import dev.tern.Device;
import dev.tern.Engine;
import dev.tern.Model;
import dev.tern.ModelFormatException;
import dev.tern.TernException;
import dev.tern.UnsupportedModelException;
import dev.tern.cache.CachePolicy;
import dev.tern.cache.PageAllocator;
import dev.tern.cache.SequenceCache;
import dev.tern.format.ChatSettings;
import dev.tern.format.ModelFile;
import dev.tern.format.ModelSpec;
import dev.tern.format.TensorInfo;
import dev.tern.format.TensorType;
import dev.tern.format.Tokenizer;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code tern inspect}: what a model file holds, what it would take, and whether it runs; by its header alone, or by loading it. */
@Command(name = "inspect", description = {
    "Shows what a model holds: metadata, tensors, bits per weight, an estimate of the memory it would take, and whether Tern runs it. This is",
    "from the header: weights are not read unless --check is given, and a header that is in order does not say that they are.",
    "Exit status 1 if Tern refuses the model; a chat template that it refuses stops 'tern chat' only."})
final class Inspect implements Callable<Integer> {
  // As an engine is made by default.
  private static final int SINKS = 4;
  private static final int PREFILL_CHUNK = 128;
  private static final int SCORE_ROWS = 32;
  private static final int MAX_MESSAGE = 400;

  @Parameters(paramLabel = "MODEL", description = "GGUF file or Hugging Face directory")
  Path model;

  @Option(names = "--window", paramLabel = "TOKENS", defaultValue = "2048", description = "newest tokens in the cache, besides 4 sinks; default ${DEFAULT-VALUE}")
  int window;

  @Option(names = "--sequences", paramLabel = "N", defaultValue = "1", description = "streams at once; default ${DEFAULT-VALUE}")
  int sequences;

  @Option(names = "--all", description = "every tensor, not only totals")
  boolean all;

  @Option(names = "--check", description = "load it too, on the cpu: every weight is read, and memory is exact")
  boolean check;

  private final Streams io;

  Inspect(Streams io) {
    this.io = io;
  }

  private record Total(long tensors, long elements, long bytes) {
    Total plus(TensorInfo t) {
      return new Total(tensors + 1, elements + t.columns() * t.rows(), bytes + t.byteSize());
    }

    String bits() {
      return elements == 0 ? "" : String.format(Locale.ROOT, "%.2f bits a weight", 8.0 * bytes / elements);
    }
  }

  @Override
  public Integer call() {
    if (window < 1 || sequences < 1) {
      throw new IllegalArgumentException("--window and --sequences must be positive");
    }
    ModelFile opened;
    try {
      opened = ModelFile.open(model);
    } catch (ModelFormatException | UnsupportedModelException e) { // of a file that cannot be read there is nothing to tell
      return refused(e);
    }
    int status;
    try (ModelFile file = opened) {
      io.out().println(Text.plain(file.name(), 200) + ": " + Text.bytes(file.size()));
      io.out().println("");
      for (String key : file.metadata().keys()) {
        io.out().println("  " + Text.plain(key, 60) + " = " + Text.plain(file.metadata().describe(key), 100));
      }
      io.out().println("");
      tensors(file);
      io.out().println("");
      status = verdict(file);
    }
    return check && status == Tern.OK ? load() : status;
  }

  private void tensors(ModelFile file) {
    Map<TensorType, Total> byType = new TreeMap<>();
    Total sum = new Total(0, 0, 0);
    for (TensorInfo t : file.tensors().values()) {
      byType.merge(t.type(), new Total(0, 0, 0).plus(t), (a, b) -> a.plus(t));
      sum = sum.plus(t);
      if (all) {
        io.out().format("  %-40s %-8s %-20s %s%n", Text.plain(t.name(), 64), t.type(), Arrays.toString(t.dims()), Text.bytes(t.byteSize()));
      }
    }
    byType.forEach((type, total) -> line(type.toString(), total));
    line("all", sum);
  }

  private void line(String name, Total total) {
    io.out().format("  %-8s %5d tensors, %10s weights, %12s, %s%n", name, total.tensors, Text.count(total.elements),
        Text.bytes(total.bytes), total.bits());
  }

  private int verdict(ModelFile file) {
    ModelSpec spec;
    Tokenizer tokenizer;
    ChatSettings chat;
    try {
      spec = ModelSpec.from(file);
      tokenizer = Tokenizer.from(file);
      chat = ChatSettings.from(file.metadata());
    } catch (TernException e) {
      return refused(e);
    }
    io.out().format("  %s: architecture %s with %s, %d layers of %d, %d heads (%d for keys) of %d, %d tokens of vocabulary%n",
        check ? "header" : "runs, by its header", spec.arch(), spec.gate() == ModelSpec.Gate.RELU2 ? "squared ReLU" : "SiLU", spec.nLayers(),
        spec.hiddenDim(), spec.nHeads(), spec.nKvHeads(), spec.headDim(), spec.vocabSize());
    templates(chat, tokenizer);
    if (!check) {
      estimate(spec);
    }
    return Tern.OK;
  }

  /** A template that cannot be read stops {@code tern chat}, and nothing else. */
  private void templates(ChatSettings chat, Tokenizer tokenizer) {
    chat.templates().forEach((name, source) -> {
      String result = "can be read";
      try {
        ChatTemplate.of(source, tokenizer);
      } catch (TernException e) {
        result = "refused ('tern chat' needs --template): " + Text.plain(e.getMessage(), MAX_MESSAGE);
      }
      io.out().println("  chat template '" + Text.plain(name, 60) + "' " + result);
    });
  }

  private void estimate(ModelSpec spec) {
    WeightEstimate weights = WeightEstimate.of(spec);
    CachePolicy policy = policy();
    long decoding = SequenceCache.maxPages(policy, 1);
    long pages = decoding * sequences + SequenceCache.maxPages(policy, PREFILL_CHUNK) - decoding;
    long kvDim = (long) spec.nKvHeads() * spec.headDim();
    long kv = 2 * 2 * spec.nLayers() * pages * PageAllocator.PAGE_LEN * kvDim;
    long rows = sequences + PREFILL_CHUNK;
    long perRow = spec.hiddenDim() + 4L * spec.nHeads() * spec.headDim() + 2 * kvDim + 3L * spec.ffnDim();
    long buffers = 4 * (rows * perRow + (sequences + SCORE_ROWS) * ((long) spec.hiddenDim() + spec.vocabSize()));
    boolean exact = weights.nTernary() + weights.nEither() == 0;
    memory((exact ? "" : "at most ") + Text.bytes(weights.most()) + " of weights", kv, "F16", "from ", buffers,
        "about " + Text.bytes(weights.most() + kv + buffers));
    if (weights.nEither() > 0) {
      long kvIfDense = weights.allF32() ? 2 * kv : kv;
      String types = String.join(", ", weights.either().stream().map(TensorType::toString).toList());
      io.out().format("  that is if all %d matrices of %s are ternary, with one scale a row: only their values tell. Where none is: %s of weights, "
          + "about %s in all%n", weights.nEither(), types, Text.bytes(weights.ifDense()), Text.bytes(weights.ifDense() + kvIfDense + buffers));
    }
    io.out().println("  All this is from the header: no weight was read. NaN, infinity and codes without a meaning, for which loading refuses a model,");
    io.out().println("  were not looked for. 'tern inspect --check' loads it: exact memory, and whether it is refused.");
  }

  private void memory(String weights, long kv, String kvType, String from, long buffers, String all) {
    io.out().format("  memory: %s, %s of keys and values in %s for %d %s of %d tokens, %s%s of buffers; %s in all%n", weights, Text.bytes(kv), kvType,
        sequences, sequences == 1 ? "stream" : "streams", SINKS + window, from, Text.bytes(buffers), all);
  }

  private CachePolicy policy() {
    return CachePolicy.sinksAndWindow(SINKS, window);
  }

  /** Loads the model and makes an engine for it: what they say is what it takes, whatever decides how a weight is kept. */
  private int load() {
    try (Model m = ModelOptions.load(model, Device.cpu(), io);
        Engine e = Engine.builder(m).cachePolicy(policy()).maxSequences(sequences).build()) {
      io.out().format("  runs: every weight was read; %d matrices are ternary, %d dense%n", m.nTernaryWeights(), m.nDenseWeights());
      memory(Text.bytes(m.weightBytes()) + " of weights", e.kvBytes(), e.kvType().toString(), "", e.scratchBytes(),
          Text.bytes(m.weightBytes() + e.kvBytes() + e.scratchBytes()));
      return Tern.OK;
    } catch (TernException e) {
      return refused(e);
    }
  }

  private int refused(TernException e) {
    io.out().println("refused: " + Text.plain(e.getMessage(), MAX_MESSAGE));
    return Tern.FAILED;
  }
}
