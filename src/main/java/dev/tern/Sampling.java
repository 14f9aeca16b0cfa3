package dev.tern;

import java.util.List;
import java.util.Objects;

/**
 * How tokens are chosen and when a generation ends. Immutable; every wither returns a changed copy and refuses a value outside of its
 * range with an {@link IllegalArgumentException} that says what is allowed.
 *
 * <p>Applied in this order: repetition penalty, temperature, top-k, top-p, min-p, a draw. Draws are a pure function of the seed and of
 * the token's place in its stream: equal seed, stream and settings give equal tokens, whatever else the engine runs.
 *
 * @param temperature 0 takes the most probable token; logits are divided by it otherwise
 * @param topK keep the k most probable tokens; 0: all
 * @param topP keep the most probable tokens that together have this probability, above 0, at most 1; 1: all
 * @param minP keep tokens at least this probable, relative to the most probable, 0 to 1; 0: all
 * @param repeatPenalty for the stream's last {@value #PENALTY_WINDOW} tokens: positive logits are divided by it, negative multiplied;
 *     above 0; 1: off
 * @param seed of the draws
 * @param maxTokens end after so many tokens; 0: endless
 * @param ignoreEos do not end at the model's end token
 * @param stopTokens further tokens that end the generation
 * @param stopStrings texts that end the generation; the text from its first match on is not delivered
 */
public record Sampling(
    float temperature, int topK, float topP, float minP, float repeatPenalty, long seed, int maxTokens, boolean ignoreEos,
    List<Integer> stopTokens, List<String> stopStrings) {

  /** Tokens that the repetition penalty looks back on. */
  public static final int PENALTY_WINDOW = 64;

  private static final int MAX_STOPS = 64;
  private static final int MAX_STOP_LENGTH = 1024;
  private static final Sampling GREEDY = new Sampling(0, 0, 1, 0, 1, 0, 256, false, List.of(), List.of());
  private static final Sampling DEFAULTS = GREEDY.temperature(0.8f).topP(0.95f);

  public Sampling {
    check(temperature >= 0 && temperature <= 100, "temperature", temperature, "0 (greedy) to 100");
    check(topK >= 0, "topK", topK, "0 (off) or more");
    check(topP > 0 && topP <= 1, "topP", topP, "above 0 and at most 1 (off)");
    check(minP >= 0 && minP <= 1, "minP", minP, "0 (off) to 1");
    check(repeatPenalty > 0 && repeatPenalty <= 100, "repeatPenalty", repeatPenalty, "above 0 and at most 100; 1 is off");
    check(maxTokens >= 0, "maxTokens", maxTokens, "0 (endless) or more");
    stopTokens = List.copyOf(Objects.requireNonNull(stopTokens, "stopTokens"));
    stopStrings = List.copyOf(Objects.requireNonNull(stopStrings, "stopStrings"));
    check(stopTokens.size() <= MAX_STOPS, "number of stopTokens", stopTokens.size(), "at most " + MAX_STOPS);
    check(stopStrings.size() <= MAX_STOPS, "number of stopStrings", stopStrings.size(), "at most " + MAX_STOPS);
    for (String s : stopStrings) {
      check(!s.isEmpty() && s.length() <= MAX_STOP_LENGTH, "length of a stop string", s.length(), "1 to " + MAX_STOP_LENGTH);
    }
  }

  private static void check(boolean ok, String name, Object value, String limit) {
    if (!ok) {
      throw new IllegalArgumentException(name + " is " + value + ", it must be " + limit);
    }
  }

  /** The most probable token each time, at most 256 of them. */
  public static Sampling greedy() {
    return GREEDY;
  }

  /** Temperature 0.8, top-p 0.95, seed 0, at most 256 tokens. */
  public static Sampling defaults() {
    return DEFAULTS;
  }

  public Sampling temperature(float value) {
    return new Sampling(value, topK, topP, minP, repeatPenalty, seed, maxTokens, ignoreEos, stopTokens, stopStrings);
  }

  public Sampling topK(int value) {
    return new Sampling(temperature, value, topP, minP, repeatPenalty, seed, maxTokens, ignoreEos, stopTokens, stopStrings);
  }

  public Sampling topP(float value) {
    return new Sampling(temperature, topK, value, minP, repeatPenalty, seed, maxTokens, ignoreEos, stopTokens, stopStrings);
  }

  public Sampling minP(float value) {
    return new Sampling(temperature, topK, topP, value, repeatPenalty, seed, maxTokens, ignoreEos, stopTokens, stopStrings);
  }

  public Sampling repeatPenalty(float value) {
    return new Sampling(temperature, topK, topP, minP, value, seed, maxTokens, ignoreEos, stopTokens, stopStrings);
  }

  public Sampling seed(long value) {
    return new Sampling(temperature, topK, topP, minP, repeatPenalty, value, maxTokens, ignoreEos, stopTokens, stopStrings);
  }

  public Sampling maxTokens(int value) {
    return new Sampling(temperature, topK, topP, minP, repeatPenalty, seed, value, ignoreEos, stopTokens, stopStrings);
  }

  public Sampling ignoreEos(boolean value) {
    return new Sampling(temperature, topK, topP, minP, repeatPenalty, seed, maxTokens, value, stopTokens, stopStrings);
  }

  public Sampling stopTokens(List<Integer> value) {
    return new Sampling(temperature, topK, topP, minP, repeatPenalty, seed, maxTokens, ignoreEos, value, stopStrings);
  }

  public Sampling stopStrings(List<String> value) {
    return new Sampling(temperature, topK, topP, minP, repeatPenalty, seed, maxTokens, ignoreEos, stopTokens, value);
  }
}
