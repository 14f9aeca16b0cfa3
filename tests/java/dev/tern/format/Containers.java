package dev.tern.format;

import dev.tern.Engine;
import dev.tern.Generation;
import dev.tern.Model;
import dev.tern.Sampling;
import dev.tern.Session;
import dev.tern.cache.CachePolicy;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.WritableByteChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * A model of random weights in every container that is read. As a program: {@code Containers SHAPE CONTAINER PATH} writes one, {@code
 * Containers - load PATH} loads it, generates a few tokens, and prints a line of figures; bench/containers.sh runs both for all.
 */
public final class Containers {
  /** What a model may come in: a GGUF file of a type, several of them, or a directory of safetensors. */
  public enum Container {
    TQ1_0, TQ2_0, I2_S, Q2_0, IQ1_BN, IQ2_BN, F16, SPLIT, PACKED_BITLINEAR, PACKED_AUTOBITLINEAR, BF16_MASTERS;

    boolean directory() {
      return compareTo(PACKED_BITLINEAR) >= 0;
    }
  }

  private Containers() {}

  /**
   * Writes the model, the same in all of them but for the masters' scale.
   *
   * @param directory an empty one
   * @return what to open
   */
  public static Path write(ModelShape shape, Container container, Path directory) throws IOException {
    RandomModel model = new RandomModel(shape).embeddingType(container.directory() ? TensorType.BF16 : TensorType.Q8_0);
    Path file = directory.resolve("model.gguf");
    switch (container) {
      case SPLIT -> {
        model.write(file);
        Path first;
        try (GgufFile whole = GgufFile.open(file)) {
          first = split(whole, directory, 3);
        }
        Files.delete(file);
        return first;
      }
      case PACKED_BITLINEAR, PACKED_AUTOBITLINEAR, BF16_MASTERS -> {
        model.write(file);
        try (GgufFile whole = GgufFile.open(file)) {
          HfDirectory.Weights weights = container == Container.PACKED_BITLINEAR ? HfDirectory.Weights.DIVIDED
              : container == Container.PACKED_AUTOBITLINEAR ? HfDirectory.Weights.MULTIPLIED : HfDirectory.Weights.MASTER;
          new HfDirectory(whole, weights, true).write(directory, 2);
        }
        Files.delete(file);
        return directory;
      }
      default -> {
        model.type(TensorType.valueOf(container.name())).write(file);
        return file;
      }
    }
  }

  private static Path split(GgufFile whole, Path directory, int n) {
    List<TensorInfo> all = new ArrayList<>(whole.tensors().values());
    for (int i = 0; i < n; i++) {
      GgufWriter out = new GgufWriter();
      if (i == 0) {
        whole.metadata().keys().forEach(key -> out.copy(key, whole.metadata().entry(key)));
      }
      out.number("split.no", GgufType.UINT16, i).number("split.count", GgufType.UINT16, n).number("split.tensors.count", GgufType.INT32, all.size());
      for (TensorInfo t : all.subList(all.size() * i / n, all.size() * (i + 1) / n)) {
        out.tensor(t.name(), t.type(), t.dims(), sink -> {
          WritableByteChannel to = Channels.newChannel(sink);
          for (long at = 0; at < t.byteSize(); at += 1 << 20) {
            ByteBuffer piece = ByteBuffer.allocate((int) Math.min(1 << 20, t.byteSize() - at));
            whole.readTensor(t, at, piece);
            to.write(piece.flip());
          }
        });
      }
      out.write(directory.resolve(String.format("model-%05d-of-%05d.gguf", i + 1, n)));
    }
    return directory.resolve(String.format("model-%05d-of-%05d.gguf", 1, n));
  }

  private static long peakKiB() throws IOException {
    return Files.readAllLines(Path.of("/proc/self/status")).stream()
        .filter(line -> line.startsWith("VmHWM:"))
        .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", "")))
        .findFirst()
        .orElseThrow();
  }

  private static double cpuSeconds() {
    return ProcessHandle.current().info().totalCpuDuration().orElse(Duration.ZERO).toNanos() * 1e-9;
  }

  private static String load(Path path) throws IOException {
    long begin = System.nanoTime();
    double beginCpu = cpuSeconds();
    try (Model model = Model.load(path)) {
      double seconds = (System.nanoTime() - begin) * 1e-9;
      double cpu = cpuSeconds() - beginCpu;
      long peak = peakKiB() * 1024;
      StringBuilder text = new StringBuilder();
      try (Engine engine = Engine.builder(model).cachePolicy(CachePolicy.sinksAndWindow(4, 251)).build();
          Session session = engine.newSession();
          Generation generation = session.generate("the", Sampling.greedy().maxTokens(8).ignoreEos(true))) {
        generation.forEach(token -> text.append(' ').append(token.id()));
      }
      return String.format(Locale.ROOT, "%.2f | %.2f | %.1f | %.1f | %.3f | %d + %d |%s", seconds, cpu, model.weightBytes() * 1e-6, peak * 1e-6,
          (double) peak / model.weightBytes(), model.nTernaryWeights(), model.nDenseWeights(), text);
    }
  }

  public static void main(String[] args) throws IOException {
    if (args[1].equals("load")) {
      System.out.println(load(Path.of(args[2])));
    } else {
      System.out.println(write(ModelShape.of(args[0]), Container.valueOf(args[1]), Path.of(args[2])));
    }
  }
}
