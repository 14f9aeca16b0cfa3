package dev.tern;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.tern.cache.CachePolicy;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** A real model against llama2.c: texts byte for byte, logits within float32, and log-probabilities of what was scored. */
class StoriesTest {
  private static Model model;

  @BeforeAll
  static void load() {
    model = TestModels.stories();
  }

  @AfterAll
  static void close() {
    model.close();
  }

  /** llama2.c prints the prompt's pieces too, as many as steps in all, and stops at BOS, which this model ends its stories with. */
  private static String greedy(Engine engine, String prompt, int steps) {
    try (Session session = engine.newSession()) {
      int nPrompt = model.tokenizer().encode(prompt, false, false).length;
      Sampling sampling = Sampling.greedy().ignoreEos(true).stopTokens(List.of(TestModels.BOS)).maxTokens(steps - nPrompt);
      return prompt + session.generate(prompt, sampling).result().text() + "\n";
    }
  }

  @ParameterizedTest
  @CsvSource({"out_t0_n200.txt, '', 200", "out_t0_n256.txt, '', 256", "out_dog_t0_n128.txt, 'One day, a big dog', 128"})
  void greedyTextsAreTheSameByteForByte(String file, String prompt, int steps) {
    try (Engine engine = Engine.builder(model).build()) {
      assertEquals(TestModels.text(file), greedy(engine, prompt, steps));
    }
    try (Engine dense = Engine.builder(model).cachePolicy(CachePolicy.dense(512)).threads(1).prefillChunk(3).build()) {
      assertEquals(TestModels.text(file), greedy(dense, prompt, steps));
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"ref_bos", "ref_bos_long", "ref_dog"})
  void logitsAreThoseOfLlama2c(String name) {
    int[] tokens = TestModels.tokens(name);
    float[][] expected = TestModels.logits(name);
    try (Engine engine = Engine.builder(model).cachePolicy(CachePolicy.dense(512)).build();
        Session session = engine.newSession()) {
      for (int i = 0; i < expected.length; i++) {
        double error = TestModels.relativeError(TestModels.widen(expected[i]), session.logits(tokens[i]));
        assertTrue(error <= 1e-4, name + " row " + i + ": " + error);
      }
    }
  }

  @Test
  void theObviousModelAgreesWithLlama2c() {
    int[] tokens = Arrays.copyOf(TestModels.tokens("ref_dog"), 60);
    float[][] expected = TestModels.logits("ref_dog");
    double[][] got = new RefLlama(TestModels.STORIES).logits(tokens, RefLlama.distances(60, 0, 60));
    for (int i = 0; i < 60; i++) {
      double error = TestModels.relativeError(got[i], expected[i]);
      assertTrue(error <= 1e-5, "row " + i + ": " + error);
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 7, 16, 50, 256})
  void logitsAndScoresHaveTheSameBitsHoweverAPromptIsChunked(int chunk) {
    int[] tokens = Arrays.copyOf(TestModels.tokens("ref_bos"), 200);
    float[] logits;
    float[] scores;
    try (Engine one = Engine.builder(model).prefillChunk(1).cachePolicy(CachePolicy.sinksAndWindow(4, 60)).build();
        Session a = one.newSession()) {
      scores = a.score(tokens);
      a.reset();
      logits = a.logits(tokens);
    }
    try (Engine engine =
            Engine.builder(model).prefillChunk(chunk).scoreRows(chunk).cachePolicy(CachePolicy.sinksAndWindow(4, 60)).build();
        Session b = engine.newSession()) {
      assertArrayEquals(scores, b.score(tokens));
      b.reset();
      assertArrayEquals(logits, b.logits(tokens));
      assertEquals(199, scores.length);
    }
  }

  @Test
  void generatedTokensCarryTheScoresThatScoringGives() {
    try (Engine engine = Engine.builder(model).maxSequences(2).build();
        Session session = engine.newSession();
        Session judge = engine.newSession()) {
      int[] prompt = {1, 385, 328, 432, 261, 370, 400, 428};
      int[] all = Arrays.copyOf(prompt, prompt.length + 40);
      float[] logprobs = new float[40];
      int n = 0;
      for (Token token : session.generate(prompt, Sampling.defaults().seed(7).maxTokens(40).ignoreEos(true))) {
        all[prompt.length + n] = token.id();
        logprobs[n++] = token.logprob();
      }
      float[] scores = judge.score(all);
      assertArrayEquals(logprobs, Arrays.copyOfRange(scores, prompt.length - 1, scores.length));
    }
  }
}
