package dev.tern;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.tern.cache.CachePolicy;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The rolling cache, evicted slots overwritten by NaN, against dense attention with the policy's mask and distances in doubles. */
class RollingCacheTest {
  private static final int N = 330;
  private static final int[] CHUNKS = {1, 7, 16, 50, N};
  private static Model model;
  private static RefLlama reference;
  private static int[] tokens;

  @BeforeAll
  static void load() {
    model = TestModels.stories();
    reference = new RefLlama(TestModels.STORIES);
    Random random = Seed.random();
    tokens = new int[N];
    int[] real = TestModels.tokens("ref_bos_long");
    for (int i = 0; i < N; i++) { // real text, then noise
      tokens[i] = i < real.length / 2 ? real[i] : random.nextInt(512);
    }
  }

  @AfterAll
  static void close() {
    model.close();
  }

  @ParameterizedTest
  @CsvSource({"4, 60", "4, 61", "0, 64", "1, 63", "70, 50", "3, 0", "0, 0", "64, 64", "400, 10"})
  void equalsDenseAttentionWithThePolicysDistances(int sinks, int window) {
    double[][] expected = reference.logits(tokens, RefLlama.distances(N, sinks, window));
    for (int chunk : CHUNKS) {
      String what = sinks + " sinks, window " + window + ", chunk " + chunk + ", " + Seed.text();
      try (Engine engine = engine(CachePolicy.sinksAndWindow(sinks, window), chunk);
          Session session = engine.newSession()) {
        for (int from = 0; from < N; from += chunk) {
          int to = Math.min(N, from + chunk);
          double error = TestModels.relativeError(expected[to - 1], session.logits(Arrays.copyOfRange(tokens, from, to)));
          assertTrue(error <= 1e-5, what + ": row " + (to - 1) + " is off by " + error);
        }
        session.reset();
        float[] scores = session.score(tokens); // every row
        for (int i = 0; i + 1 < N; i++) {
          assertEquals(RefLlama.logprob(expected[i], tokens[i + 1]), scores[i], 1e-4, what + ": score of token " + (i + 1));
        }
      }
    }
  }

  private static Engine engine(CachePolicy policy, int chunk) {
    Engine engine =
        Engine.builder(model).cachePolicy(policy).kvType(KvType.F32).prefillChunk(chunk).scoreRows(chunk).build();
    engine.poisonEvicted();
    return engine;
  }

  /** A negative control: one key too few, or a distance of the stream and not of the cache, must show. */
  @Test
  void aWrongPolicyIsSeen() {
    double[][] wrongWindow = reference.logits(tokens, RefLlama.distances(N, 4, 59));
    int[][] absolute = RefLlama.distances(N, 4, 60);
    for (int i = 0; i < N; i++) {
      for (int j = 0; j < 4 && j <= i; j++) {
        absolute[i][j] = i - j;
      }
    }
    double[][] wrongDistance = reference.logits(tokens, absolute);
    try (Engine engine = engine(CachePolicy.sinksAndWindow(4, 60), 50);
        Session session = engine.newSession()) {
      float[] got = session.logits(tokens);
      assertTrue(TestModels.relativeError(wrongWindow[N - 1], got) > 1e-4);
      assertTrue(TestModels.relativeError(wrongDistance[N - 1], got) > 1e-4);
    }
  }

  @Test
  void aStreamOfManyWindowsTakesConstantMemory() {
    try (Engine engine = engine(CachePolicy.sinksAndWindow(4, 60), 128);
        Session session = engine.newSession()) {
      long bytes = Model.nativeBytes();
      int pages = 0;
      int n = 0;
      try (Generation generation = session.generate("", Sampling.greedy().temperature(1).ignoreEos(true).maxTokens(0))) {
        for (Token token : generation) {
          assertTrue(Float.isFinite(token.logprob()), "token " + n);
          pages = Math.max(pages, engine.stats().usedPages());
          if (++n == 3000) {
            break;
          }
        }
      }
      assertEquals(bytes, Model.nativeBytes());
      assertTrue(pages <= 3, pages + " pages");
    }
  }
}
