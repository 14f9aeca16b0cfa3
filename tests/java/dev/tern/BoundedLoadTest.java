package dev.tern;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.tern.format.Containers;
import dev.tern.format.ModelFile;
import dev.tern.format.ModelShape;
import dev.tern.format.RandomModel;
import dev.tern.format.TensorType;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Loading takes the memory that the weights take, and at no time more than a tenth above it, beside what the JVM has before. */
class BoundedLoadTest {
  /** Matrices of the sizes of BitNet b1.58 2B4T, some layers of it. */
  private static final ModelShape SHAPE =
      new ModelShape("bounded", "bitnet-b1.58", 5, 2560, 20, 5, 128, 6912, 16384, 4096, 500_000, true);

  /** More layers, as the embedding is BF16 there: when the kernels are timed, which takes 64 MiB for a moment, more than that is yet to come. */
  private static final ModelShape OF_DIRECTORIES =
      new ModelShape("bounded", "bitnet-b1.58", 7, 2560, 20, 5, 128, 6912, 16384, 4096, 500_000, true);

  @TempDir Path directory;

  /** In a JVM of its own: what loading adds to the resident memory at its peak, in bytes, and the weights' bytes. */
  public static final class Child {
    private Child() {}

    public static void main(String[] args) throws IOException {
      Model.embedded().close(); // what every first load takes: classes, the native library
      ModelFile.open(Path.of(args[0])).close(); // no weights
      long before = status("VmRSS:");
      try (Model model = Model.load(Path.of(args[0]))) {
        System.out.println(status("VmHWM:") - before + " " + model.weightBytes() + " " + model.nTernaryWeights());
      }
    }

    private static long status(String field) throws IOException {
      return Files.readAllLines(Path.of("/proc/self/status")).stream()
          .filter(line -> line.startsWith(field))
          .mapToLong(line -> 1024 * Long.parseLong(line.replaceAll("\\D", "")))
          .findFirst()
          .orElseThrow();
    }
  }

  @ParameterizedTest
  @EnumSource(value = TensorType.class, names = {"TQ2_0", "IQ1_BN"})
  void atMostATenthMore(TensorType type) throws Exception {
    Path file = directory.resolve("model.gguf");
    new RandomModel(SHAPE).type(type).write(file);
    loads(file, 35);
  }

  /** What is unpacked or translated is never whole in memory: neither packed trits nor masters of eight times their size. */
  @ParameterizedTest
  @EnumSource(value = Containers.Container.class, names = {"PACKED_BITLINEAR", "BF16_MASTERS"})
  void atMostATenthMoreOfADirectory(Containers.Container container) throws Exception {
    loads(Containers.write(OF_DIRECTORIES, container, Files.createDirectory(directory.resolve("hf"))), 49);
  }

  private void loads(Path model, int nTernary) throws Exception {
    assumeTrue(System.getenv("ASAN_OPTIONS") == null, "AddressSanitizer has memory of its own");
    Path out = directory.resolve("out.txt");
    List<String> command = new ArrayList<>(List.of(
        ProcessHandle.current().info().command().orElseThrow(), "--enable-native-access=ALL-UNNAMED", "-XX:+UseSerialGC", "-Xmn4m",
        "-XX:TieredStopAtLevel=1", "-cp", System.getProperty("java.class.path"), Child.class.getName(), model.toString()));
    Process process = new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(out.toFile()).start();
    try {
      assertTrue(process.waitFor(120, TimeUnit.SECONDS), "still loading after two minutes");
    } finally {
      process.destroyForcibly();
    }
    String[] words = Files.readString(out).strip().split(" ");
    assertEquals(3, words.length, String.join(" ", words));
    assertEquals(nTernary, Integer.parseInt(words[2]));
    double ratio = Double.parseDouble(words[0]) / Double.parseDouble(words[1]);
    assertTrue(ratio <= 1.1, words[0] + " bytes at the peak for " + words[1] + " of weights: " + ratio);
  }
}
