package dev.tern;

import java.util.Arrays;

/**
 * What came of a generation. Of an endless one, with {@link Sampling#maxTokens()} 0, text and ids are the last part only: at least
 * the last 4096 tokens, so that a stream of any length takes constant memory.
 *
 * @param text the joined texts of the tokens
 * @param ids the tokens, the stop token included
 */
public record GenerationResult(String text, int[] ids, FinishReason finishReason, Usage usage, Timings timings) {
  public GenerationResult {
    ids = ids.clone();
  }

  @Override
  public int[] ids() {
    return ids.clone();
  }

  @Override
  public boolean equals(Object o) {
    return o instanceof GenerationResult r && text.equals(r.text) && Arrays.equals(ids, r.ids) && finishReason == r.finishReason
        && usage.equals(r.usage) && timings.equals(r.timings);
  }

  @Override
  public int hashCode() {
    return Arrays.hashCode(ids);
  }

  @Override
  public String toString() {
    return "GenerationResult[" + finishReason + ", " + usage + ", " + timings + ", text=" + text + "]";
  }
}
