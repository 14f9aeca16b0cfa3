package dev.tern;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.tern.cache.CachePolicy;
import org.junit.jupiter.api.Test;

/** The model that comes with Tern. */
class EmbeddedModelTest {
  @Test
  void isTernaryAndTellsStories() {
    try (Model model = Model.embedded(); Engine engine = Engine.builder(model).build(); Session session = engine.newSession()) {
      assertEquals(7 * model.nLayers(), model.nTernaryWeights(), model.describe());
      assertEquals(KvType.F16, engine.kvType());
      GenerationResult result = session.generate("Once upon a time", Sampling.greedy().maxTokens(40)).result();
      assertTrue(result.text().split(" ").length > 10, result.text());
    }
  }

  @Test
  void goesOnFarBeyondItsContext() {
    try (Model model = Model.embedded();
        Engine engine = Engine.builder(model).cachePolicy(CachePolicy.sinksAndWindow(4, 123)).build();
        Session session = engine.newSession();
        Generation generation = session.generate("", Sampling.defaults().maxTokens(1000).ignoreEos(true))) {
      int n = 0;
      for (Token token : generation) {
        assertTrue(token.logprob() <= 0, "token " + n + ": " + token);
        n++;
      }
      assertEquals(1000, n);
    }
  }
}
