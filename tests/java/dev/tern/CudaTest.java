package dev.tern;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.abort;

import dev.tern.cache.CachePolicy;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * The device cuda as an application uses it: on a GPU, or, where the build has set TERN_CUDA_LIBRARY to it, on the emulated backend, with
 * fewer tokens. Skipped where there is neither.
 */
@Tag("gpu")
class CudaTest {
  private boolean emulated;
  private long bytesBefore;

  @BeforeEach
  void open() {
    try (Model model = Model.embedded(Device.cuda())) {
      emulated = model.describeDevice().contains("Emulated");
    } catch (DeviceUnavailableException e) {
      String library = System.getenv("TERN_CUDA_LIBRARY");
      assertTrue(library == null || !library.contains("simt"), "the emulated backend is always there: " + e.getMessage());
      abort("no GPU: " + e.getMessage());
    }
    bytesBefore = Model.nativeBytes();
  }

  @AfterEach
  void nothingIsLeft() {
    assertEquals(bytesBefore, Model.nativeBytes());
  }

  private static Engine engine(Model model, int window) {
    return Engine.builder(model).cachePolicy(CachePolicy.sinksAndWindow(4, window)).build();
  }

  private static List<Token> tokens(Device device, int window, String prompt, int n) {
    try (Model model = Model.embedded(device);
        Engine engine = engine(model, window);
        Session session = engine.newSession();
        Generation generation = session.generate(prompt, Sampling.greedy().maxTokens(n).ignoreEos(true))) {
      List<Token> tokens = new ArrayList<>();
      generation.forEach(tokens::add);
      return tokens;
    }
  }

  /** 500 tokens on a GPU; a window shorter than that, so that sinks and eviction take part. */
  @Test
  void greedyTextIsTheCpus() {
    int n = emulated ? 48 : 500;
    int window = emulated ? 24 : 250;
    List<Token> cpu = tokens(Device.cpu(), window, "Once upon a time", n);
    List<Token> cuda = tokens(Device.cuda(), window, "Once upon a time", n);
    assertEquals(n, cuda.size());
    for (int i = 0; i < n; i++) {
      if (cpu.get(i).id() != cuda.get(i).id()) {
        assertTie("Once upon a time", window, cpu.subList(0, i), cpu.get(i), cuda.get(i)); // from here on they tell different stories
        return;
      }
    }
  }

  /**
   * That two tokens are so nearly equal that the precision of the cache decides between them. A device's logit is within twice the error that
   * the CPU makes with a cache of halves, as everywhere in the tests; two of them, within four times.
   */
  private static void assertTie(String prompt, int window, List<Token> before, Token cpu, Token cuda) {
    float[] exact = logits(KvType.F32, window, prompt, before);
    float[] halves = logits(KvType.F16, window, prompt, before);
    double error = 0;
    for (int i = 0; i < exact.length; i++) {
      error = Math.max(error, Math.abs(halves[i] - exact[i]));
    }
    double gap = Math.abs(exact[cpu.id()] - exact[cuda.id()]);
    assertTrue(gap <= 4 * error, "token " + before.size() + ": " + cpu + " on the CPU, " + cuda + " on the GPU, whose logits differ by " + gap
        + ", error " + error);
  }

  private static float[] logits(KvType type, int window, String prompt, List<Token> before) {
    try (Model model = Model.embedded(Device.cpu());
        Engine engine = Engine.builder(model).kvType(type).cachePolicy(CachePolicy.sinksAndWindow(4, window)).build();
        Session session = engine.newSession()) {
      int[] start = model.tokenizer().encode(prompt, model.tokenizer().addsBos(), false);
      int[] tokens = Arrays.copyOf(start, start.length + before.size());
      for (int i = 0; i < before.size(); i++) {
        tokens[start.length + i] = before.get(i).id();
      }
      return session.logits(tokens);
    }
  }

  @Test
  void anotherTokenIsNoTie() { // a negative control: the comparison above sees a difference
    List<Token> tokens = tokens(Device.cpu(), 24, "Once upon a time", 40);
    Token last = tokens.get(39);
    assertTie("Once upon a time", 24, tokens.subList(0, 39), last, last);
    Token other = new Token(last.id() == 7 ? 8 : 7, "", 0);
    assertThrows(AssertionError.class, () -> assertTie("Once upon a time", 24, tokens.subList(0, 39), last, other));
  }

  @Test
  void repeatedDecodesHaveEqualBits() {
    int n = emulated ? 3 : 1000;
    List<Token> first = tokens(Device.cuda(), 64, "The cat", 6);
    try (Model model = Model.embedded(Device.cuda()); Engine engine = engine(model, 64); Session session = engine.newSession()) {
      for (int i = 0; i < n; i++) {
        session.reset();
        try (Generation generation = session.generate("The cat", Sampling.greedy().maxTokens(6).ignoreEos(true))) {
          int at = 0;
          for (Token token : generation) {
            assertEquals(first.get(at).id(), token.id());
            assertEquals(first.get(at).logprob(), token.logprob(), 0, "run " + i + ", token " + at);
            at++;
          }
        }
      }
    }
  }

  @Test
  void sessionsShareAnEngineAndDoNotChangeEachOther() {
    List<Token> alone = tokens(Device.cuda(), 64, "One day", 8);
    try (Model model = Model.embedded(Device.cuda());
        Engine engine = Engine.builder(model).cachePolicy(CachePolicy.sinksAndWindow(4, 64)).maxSequences(3).build();
        Session a = engine.newSession();
        Session b = engine.newSession();
        Session c = engine.newSession()) {
      Sampling sampling = Sampling.greedy().maxTokens(8).ignoreEos(true);
      try (Generation one = a.generate("One day", sampling);
          Generation two = b.generate("Lily and Tom went to the park", sampling);
          Generation three = c.generate("A", sampling)) {
        two.result();
        three.result();
        List<Token> together = new ArrayList<>();
        one.forEach(together::add);
        assertEquals(alone.stream().map(Token::id).toList(), together.stream().map(Token::id).toList());
      }
    }
  }

  /** Chunks that would leave one row of a prompt, and chunks that others' prompts make, give the same bits. */
  @Test
  void aPromptHasTheSameBitsHoweverItIsCut() {
    String prompt = "Lily and Tom went to the park to play with a big red ball";
    Sampling sampling = Sampling.greedy().maxTokens(3).ignoreEos(true);
    List<Token> expected = null;
    try (Model model = Model.embedded(Device.cuda())) {
      int length = model.tokenizer().encode(prompt, model.tokenizer().addsBos(), false).length;
      for (int chunk : new int[] {128, length - 1, 3, 4}) {
        try (Engine engine = Engine.builder(model).cachePolicy(CachePolicy.sinksAndWindow(4, 64)).maxSequences(3).prefillChunk(chunk).build();
            Session session = engine.newSession();
            Session other = engine.newSession();
            Generation beside = other.generate("Once there was a cat who", sampling);
            Generation generation = session.generate(prompt, sampling)) {
          List<Token> tokens = new ArrayList<>();
          generation.forEach(tokens::add);
          beside.result();
          expected = expected == null ? tokens : expected;
          assertEquals(expected, tokens, "prefillChunk " + chunk + " of " + length + " tokens");
        }
      }
    }
  }

  @Test
  void everyCacheTypeOfAGpuRunsAndF32IsRefused() {
    try (Model model = Model.embedded(Device.cuda())) {
      for (KvType type : new KvType[] {KvType.F16, KvType.BF16, KvType.I8}) {
        try (Engine engine = Engine.builder(model).kvType(type).cachePolicy(CachePolicy.dense(128)).build();
            Session session = engine.newSession()) {
          assertEquals(4, session.generate("Once", Sampling.greedy().maxTokens(4).ignoreEos(true)).result().usage().generatedTokens(), type.name());
        }
      }
      IllegalArgumentException e =
          assertThrows(IllegalArgumentException.class, () -> Engine.builder(model).kvType(KvType.F32).build());
      assertTrue(e.getMessage().contains("F16, BF16 or I8"), e.getMessage());
    }
  }

  @Test
  void aGpuThatIsNotThereIsSaid() {
    DeviceUnavailableException e = assertThrows(DeviceUnavailableException.class, () -> Model.embedded(Device.cuda(99)));
    assertTrue(e.getMessage().contains("cuda:99"), e.getMessage());
  }
}
