package dev.tern;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;

class SamplingTest {
  private static void refused(String name, Executable call) {
    IllegalArgumentException e = assertThrows(IllegalArgumentException.class, call);
    assertTrue(e.getMessage().contains(name) && e.getMessage().contains("must be"), e.getMessage());
  }

  @Test
  void refusesWhatIsOutOfRange() {
    Sampling s = Sampling.greedy();
    for (float bad : new float[] {Float.NaN, -1, -Float.MIN_VALUE, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY, 1e30f}) {
      refused("temperature", () -> s.temperature(bad));
      refused("topP", () -> s.topP(bad));
      refused("minP", () -> s.minP(bad));
      refused("repeatPenalty", () -> s.repeatPenalty(bad));
    }
    refused("topP", () -> s.topP(0));
    refused("repeatPenalty", () -> s.repeatPenalty(0));
    for (int bad : new int[] {-1, Integer.MIN_VALUE}) {
      refused("topK", () -> s.topK(bad));
      refused("maxTokens", () -> s.maxTokens(bad));
    }
    refused("stop string", () -> s.stopStrings(List.of("")));
    refused("stop string", () -> s.stopStrings(List.of("x".repeat(2000))));
    refused("stopStrings", () -> s.stopStrings(Collections.nCopies(65, "x")));
    refused("stopTokens", () -> s.stopTokens(Collections.nCopies(65, 1)));
    assertThrows(NullPointerException.class, () -> s.stopStrings(null));
    s.topK(Integer.MAX_VALUE).maxTokens(Integer.MAX_VALUE).maxTokens(0).temperature(0).topP(1).minP(1);
  }

  @Test
  void withersChangeOneThing() {
    Sampling s = Sampling.greedy().temperature(0.5f).topK(3).topP(0.9f).minP(0.1f).repeatPenalty(1.1f).seed(9).maxTokens(7)
        .ignoreEos(true).stopTokens(List.of(5)).stopStrings(List.of("x"));
    assertEquals(new Sampling(0.5f, 3, 0.9f, 0.1f, 1.1f, 9, 7, true, List.of(5), List.of("x")), s);
  }
}
