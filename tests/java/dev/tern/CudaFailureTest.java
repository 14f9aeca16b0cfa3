package dev.tern;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.tern.cache.CachePolicy;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/**
 * What an application sees of a GPU that is too small, too old, absent, or lost. Only the emulated backend can be made so, by its environment:
 * each in a process of its own, which reports on standard output what it saw.
 */
class CudaFailureTest {
  private static String see(String what, String variable, String value) throws Exception {
    String library = System.getenv("TERN_CUDA_LIBRARY");
    assumeTrue(library != null && library.contains("simt"), "the emulated backend is not here");
    List<String> command = List.of(ProcessHandle.current().info().command().orElseThrow(), "--enable-native-access=ALL-UNNAMED",
        "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", System.getProperty("java.class.path"), Child.class.getName(), what);
    ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
    builder.environment().put(variable, value);
    Process process = builder.start();
    try {
      process.getOutputStream().close();
      String text = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
      assertTrue(process.waitFor(60, TimeUnit.SECONDS), text);
      assertEquals(0, process.exitValue(), text);
      return text;
    } finally {
      process.destroyForcibly();
    }
  }

  private static void assertHas(String text, String... parts) {
    for (String part : parts) {
      assertTrue(text.contains(part), part + " is not in: " + text);
    }
  }

  @Test
  void aLostDeviceFailsAllItsSessionsAndTheCpuGoesOn() throws Exception {
    String text = see("lost", "SIMT_FAIL", "attention_decode_kernel:700:90"); // an illegal address, in the middle of decoding
    assertHas(text, "session 0: DeviceLostException", "session 1: DeviceLostException", "session 2: DeviceLostException", "illegal",
        "later: DeviceLostException", "another engine: DeviceLostException", "cpu: 5 tokens");
  }

  @Test
  void tooLittleMemorySaysWhatIsNeededWhatIsFreeAndWhatToLower() throws Exception {
    String text = see("memory", "SIMT_MEMORY", "100000000");
    assertHas(text, "engine: CapacityException", "lower", "needs", "MB of the GPU's 100.0 MB are free", "smaller: 3 tokens");
  }

  @Test
  void anOldGpuIsToldWhatWasBuilt() throws Exception {
    assertHas(see("open", "SIMT_SM", "75"), "open: DeviceUnavailableException", "compute capability 7.5; this build has kernels for ");
  }

  @Test
  void aMissingDriverIsAReason() throws Exception {
    assertHas(see("open", "SIMT_NO_DEVICE", "1"), "open: DeviceUnavailableException", "there is no NVIDIA driver (cudaErrorInsufficientDriver)");
  }

  /** Runs in the other process. */
  static final class Child {
    private static final Sampling SHORT = Sampling.greedy().maxTokens(3).ignoreEos(true);

    private interface Action {
      Object run() throws IOException;
    }

    private static void report(String name, Action action) throws IOException {
      try {
        System.out.println(name + ": " + action.run());
      } catch (TernException e) {
        System.out.println(name + ": " + e.getClass().getSimpleName() + ": " + e.getMessage());
      }
    }

    private static String generate(Session session, Sampling sampling) {
      return session.generate("Once upon a time", sampling).result().usage().generatedTokens() + " tokens";
    }

    private static void lost() throws IOException {
      CachePolicy policy = CachePolicy.sinksAndWindow(4, 40);
      try (Model model = Model.embedded(Device.cuda());
          Engine engine = Engine.builder(model).cachePolicy(policy).maxSequences(4).build();
          Engine other = Engine.builder(model).cachePolicy(policy).build()) {
        List<Session> sessions = new ArrayList<>();
        List<Generation> generations = new ArrayList<>();
        for (int i = 0; i < 3; i++) {
          sessions.add(engine.newSession());
          generations.add(sessions.get(i).generate("Once upon a time", Sampling.greedy().maxTokens(0).ignoreEos(true)));
        }
        for (int i = 0; i < 3; i++) {
          Generation generation = generations.get(i);
          report("session " + i, () -> {
            while (generation.hasNext()) {
              generation.next();
            }
            return "ended";
          });
        }
        report("later", () -> generate(engine.newSession(), SHORT));
        report("another engine", () -> generate(other.newSession(), SHORT));
      }
      try (Model model = Model.embedded(Device.cpu()); Engine engine = Engine.builder(model).build()) {
        report("cpu", () -> generate(engine.newSession(), SHORT.maxTokens(5)));
      }
    }

    private static void memory() throws IOException {
      try (Model model = Model.embedded(Device.cuda())) {
        report("engine", () -> Engine.builder(model).cachePolicy(CachePolicy.dense(1_000_000)).build());
        try (Engine engine = Engine.builder(model).cachePolicy(CachePolicy.dense(100)).build()) {
          report("smaller", () -> generate(engine.newSession(), SHORT));
        }
      }
    }

    public static void main(String[] args) throws IOException {
      switch (args[0]) {
        case "lost" -> lost();
        case "memory" -> memory();
        default -> report("open", () -> Model.embedded(Device.cuda()));
      }
      System.exit(0);
    }
  }
}
