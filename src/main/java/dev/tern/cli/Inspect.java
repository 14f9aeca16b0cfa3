package dev.tern.cli;

import dev.tern.TernException;
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
  private static final int PAGE = 64;

  @Parameters(paramLabel = "MODEL", description = "GGUF file or Hugging Face directory")
  Path model;

  @Option(names = "--window", paramLabel = "TOKENS", defaultValue = "2048", description = "tokens in the cache; default ${DEFAULT-VALUE}")
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
    try (ModelFile file = ModelFile.open(model)) {
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
      io.out().println("refused: " + Text.plain(e.getMessage(), 400));
      return Tern.FAILED;
    }
    long weights = 0;
    for (WeightRef w : spec.weights()) {
      // Trits in two bits and a scale a row; norms as floats; the rest as it is.
      weights += w.nRows() == 1 ? 4L * w.nCols() : w.type().ternary() && w.mayBeTernary() ? (long) w.nRows() * (w.nCols() / 4 + 4) : w.byteSize();
    }
    long pages = (window + PAGE - 1L) / PAGE + 1;
    long kv = 2L * spec.nLayers() * pages * PAGE * spec.nKvHeads() * spec.headDim() * 2 * sequences;
    io.out().format("  runs: architecture %s, %d layers of %d, %d heads (%d for keys) of %d, %d tokens of vocabulary%n", spec.arch(),
        spec.nLayers(), spec.hiddenDim(), spec.nHeads(), spec.nKvHeads(), spec.headDim(), spec.vocabSize());
    io.out().format("  memory: about %s of weights, %s of keys and values in F16 for %d %s of %d tokens%n", Text.bytes(weights),
        Text.bytes(kv), sequences, sequences == 1 ? "stream" : "streams", window);
    return Tern.OK;
  }
}
