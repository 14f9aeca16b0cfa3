package dev.tern.bench;

import dev.tern.Engine;
import dev.tern.Model;
import dev.tern.Session;
import dev.tern.cache.CachePolicy;
import dev.tern.format.Tokenizer;
import java.util.Arrays;

/**
 * How well a model compresses a text for the arithmetic that it takes: (text bits a token - NLL bits a token + b) / log2(operations a token), after
 * "Information Capacity" (Yuan et al., 2025, arXiv:2511.08066). Larger is better; figures are comparable for one text, one sample length
 * and one b.
 *
 * @param textBits bits of UTF-8 a scored token
 * @param nllBits minus log2 of the probability of a scored token, the mean
 * @param opsPerToken of a sample's tokens, the mean ({@link ModelWork})
 * @param bias b
 * @param scoredTokens all but the first of each sample
 * @param samples pieces of text that were scored, each from an empty cache
 * @param sampleTokens of a sample, its begin token included
 */
public record InformationCapacity(double textBits, double nllBits, double opsPerToken, double bias, long scoredTokens, int samples, int sampleTokens) {
  /** As the authors take it for texts that are not their own two. */
  public static final double USUAL_BIAS = -27;

  /** As the authors take it. */
  public static final int USUAL_SAMPLE = 1024;

  /** The capacity. */
  public double value() {
    return (textBits - nllBits + bias) / (Math.log(opsPerToken) / Math.log(2));
  }

  /** A text's tokens, cut into samples. */
  private record Text(int[] tokens, int bos, int length) {
    int perSample() {
      return length - (bos >= 0 ? 1 : 0);
    }

    int samples() {
      return tokens.length / perSample();
    }

    int[] sample(int i) {
      int[] piece = Arrays.copyOfRange(tokens, i * perSample(), (i + 1) * perSample());
      if (bos < 0) {
        return piece;
      }
      int[] begun = new int[length];
      begun[0] = bos;
      System.arraycopy(piece, 0, begun, 1, piece.length);
      return begun;
    }
  }

  /**
   * Scores a text. Of one that is longer than a sample, what is left behind the last whole sample is not scored; a shorter one is one sample.
   *
   * @param threads 0: one per core
   * @param sampleTokens of a sample, 2 or more
   * @param callTokens scored in one call, which changes no bit of the result
   * @throws IllegalArgumentException if the text has fewer than two tokens with its begin token
   */
  public static InformationCapacity measure(Model model, int threads, String text, int sampleTokens, double bias, int callTokens) {
    Tokenizer tokenizer = model.tokenizer();
    int[] tokens = tokenizer.encode(text, false, false);
    int bos = tokenizer.addsBos() ? tokenizer.bosId() : -1;
    int length = Math.min(sampleTokens, tokens.length + (bos >= 0 ? 1 : 0));
    if (length < 2) {
      throw new IllegalArgumentException("the text has too few tokens to score");
    }
    Text all = new Text(tokens, bos, length);
    double nats = 0;
    long bytes = 0;
    long scored = 0;
    try (Engine engine = Engine.builder(model).threads(threads).cachePolicy(CachePolicy.dense(length + 1))
        .scoreRows(Math.min(length, SpeedRunner.PREFILL_CHUNK)).build();
        Session session = engine.newSession()) {
      for (int i = 0; i < all.samples(); i++) {
        session.reset();
        int[] sample = all.sample(i);
        for (int from = 0; from < length; from += callTokens) {
          float[] logprobs = session.score(Arrays.copyOfRange(sample, from, Math.min(length, from + callTokens)));
          for (float logprob : logprobs) {
            nats -= logprob;
          }
          scored += logprobs.length;
        }
        for (int t = 1; t < length; t++) {
          bytes += tokenizer.bytes(sample[t]).length;
        }
      }
    }
    return new InformationCapacity(8.0 * bytes / scored, nats / Math.log(2) / scored, ModelWork.of(model).opsPerToken(length), bias, scored, all.samples(), length);
  }
}
