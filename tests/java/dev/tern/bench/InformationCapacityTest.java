package dev.tern.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.tern.Engine;
import dev.tern.Model;
import dev.tern.Session;
import dev.tern.cache.CachePolicy;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

class InformationCapacityTest {
  private static final String TEXT = "Once upon a time there was a little girl, who had a caf\u00e9 and no friends. ".repeat(12);
  private static Model model;

  @BeforeAll
  static void load() {
    model = Model.embedded();
  }

  @AfterAll
  static void close() {
    model.close();
  }

  private static InformationCapacity measure(int sample, int callTokens) {
    return InformationCapacity.measure(model, 1, TEXT, sample, -27, callTokens);
  }

  @Test
  void piecesHaveTheBitsOfTheWhole() {
    InformationCapacity whole = measure(100, 1000);
    for (int pieces : new int[] {1, 7, 64, 99, 100}) {
      assertEquals(whole, measure(100, pieces), "in calls of " + pieces);
    }
  }

  /** The text as one sample: all of its bytes are scored, by one call of a session. */
  @Test
  void termsAreThoseOfTheText() {
    InformationCapacity all = measure(10_000, 50);
    int[] tokens = model.tokenizer().encode(TEXT, true, false);
    double nats = 0;
    try (Engine engine = Engine.builder(model).cachePolicy(CachePolicy.dense(tokens.length + 1)).build(); Session session = engine.newSession()) {
      for (float logprob : session.score(tokens)) {
        nats -= logprob;
      }
    }
    int scored = tokens.length - 1;
    int prefix = model.tokenizer().addsSpacePrefix() ? 1 : 0;
    assertEquals(scored, all.scoredTokens());
    assertEquals(1, all.samples());
    assertEquals(8.0 * (TEXT.getBytes(StandardCharsets.UTF_8).length + prefix) / scored, all.textBits(), 1e-9);
    assertEquals(nats / scored / Math.log(2), all.nllBits(), 1e-12 * nats);
    ModelWork work = ModelWork.of(model);
    assertEquals(work.layerOps() + work.headOps() + work.attentionOps() * (tokens.length + 1) / 2.0, all.opsPerToken(), 1e-3);
    assertEquals((all.textBits() - all.nllBits() - 27) / (Math.log(all.opsPerToken()) / Math.log(2)), all.value(), 1e-12);
  }

  /** Each sample begins with the begin token, and what is left behind the last whole one is not scored. */
  @Test
  void samplesAreWhole() {
    int tokens = model.tokenizer().encode(TEXT, false, false).length;
    InformationCapacity cut = measure(100, 50);
    assertEquals(tokens / 99, cut.samples());
    assertEquals(99L * (tokens / 99), cut.scoredTokens());
    assertEquals(100, cut.sampleTokens());
  }

  @Test
  void nothingToScoreIsRefused() {
    assertThrows(IllegalArgumentException.class, () -> InformationCapacity.measure(model, 1, "", 100, -27, 10));
  }
}
