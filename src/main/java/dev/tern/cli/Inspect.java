package dev.tern.cli;

import dev.tern.ModelFormatException;
import dev.tern.TernException;
import dev.tern.UnsupportedModelException;
import dev.tern.cache.CachePolicy;
import dev.tern.cache.PageAllocator;
import dev.tern.cache.SequenceCache;
import dev.tern.format.ModelFile;
import dev.tern.format.ModelSpec;
import dev.tern.format.TensorInfo;
import dev.tern.format.TensorType;
import dev.tern.format.Tokenizer;
import dev.tern.format.WeightRef;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code tern inspect}: what a model file holds, what it would take, and whether it runs. Reads no weights. */
@Command(name = "inspect", description = {
    "Shows what a model holds without loading it: metadata, tensors, bits per weight, the memory it would take, and whether Tern runs it.",
    "Exit status 1 if it does not."})
final class Inspect implements Callable<Integer> {
  // As an engine is made by default.
  private static final int SINKS = 4;
  private static final int PREFILL_CHUNK = 128;
  private static final int SCORE_ROWS = 32;

  @Parameters(paramLabel = "MODEL", description = "GGUF file or Hugging Face directory")
  Path model;

  @Option(names = "--window", paramLabel = "TOKENS", defaultValue = "2048", description = "newest tokens in the cache, besides 4 sinks; default ${DEFAULT-VALUE}")
  int window;

  @Option(names = "--sequences", paramLabel = "N", defaultValue = "1", description = "streams at once; default ${DEFAULT-VALUE}")
  int sequences;

  @Option(names = "--all", description = "every tensor, not only totals")
  boolean all;

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
    try (ModelFile file = opened) {
      io.out().println(Text.plain(file.name(), 200) + ": " + Text.bytes(file.size()));
      io.out().println("");
      for (String key : file.metadata().keys()) {
        io.out().println("  " + Text.plain(key, 60) + " = " + Text.plain(file.metadata().describe(key), 100));
      }
      io.out().println("");
      tensors(file);
      io.out().println("");
      return verdict(file);
    }
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
    try {
      spec = ModelSpec.from(file);
      Tokenizer.from(file);
    } catch (TernException e) {
      return refused(e);
    }
    long weights = 0;
    for (WeightRef w : spec.weights()) {
      // Trits in two bits and a scale a row; norms as floats; the rest as it is.
      weights += w.nRows() == 1 ? 4L * w.nCols() : w.type().ternary() && w.mayBeTernary() ? (long) w.nRows() * (w.nCols() / 4 + 4) : w.byteSize();
    }
    CachePolicy policy = CachePolicy.sinksAndWindow(SINKS, window);
    long decoding = SequenceCache.maxPages(policy, 1);
    long pages = decoding * sequences + SequenceCache.maxPages(policy, PREFILL_CHUNK) - decoding;
    long kvDim = (long) spec.nKvHeads() * spec.headDim();
    long kv = 2 * 2 * spec.nLayers() * pages * PageAllocator.PAGE_LEN * kvDim;
    long rows = sequences + PREFILL_CHUNK;
    long perRow = spec.hiddenDim() + 4L * spec.nHeads() * spec.headDim() + 2 * kvDim + 3L * spec.ffnDim();
    long buffers = 4 * (rows * perRow + (sequences + SCORE_ROWS) * ((long) spec.hiddenDim() + spec.vocabSize()));
    io.out().format("  runs: architecture %s with %s, %d layers of %d, %d heads (%d for keys) of %d, %d tokens of vocabulary%n", spec.arch(),
        spec.gate() == ModelSpec.Gate.RELU2 ? "squared ReLU" : "SiLU", spec.nLayers(), spec.hiddenDim(), spec.nHeads(), spec.nKvHeads(),
        spec.headDim(), spec.vocabSize());
    io.out().format("  memory: %s of weights, %s of keys and values in F16 for %d %s of %d tokens, from %s of buffers; %s in all%n",
        Text.bytes(weights), Text.bytes(kv), sequences, sequences == 1 ? "stream" : "streams", SINKS + window, Text.bytes(buffers),
        Text.bytes(weights + kv + buffers));
    return Tern.OK;
  }

  private int refused(TernException e) {
    io.out().println("refused: " + Text.plain(e.getMessage(), 400));
    return Tern.FAILED;
  }
}
