package dev.tern.bench;

import dev.tern.Timings;
import java.util.List;
import java.util.function.ToDoubleFunction;

/**
 * How requests were served.
 *
 * @param load what was asked for
 * @param threads that computed
 * @param requests of each that was served, in no order
 * @param nanos wall time of all
 * @param steps forward passes
 * @param promptRows rows of prompts in them
 * @param decodedTokens tokens sampled in them
 */
public record RequestTimes(RequestLoad load, int threads, List<Timings> requests, long nanos, long steps, long promptRows, long decodedTokens) {
  public RequestTimes {
    requests = List.copyOf(requests);
  }

  private Samples of(ToDoubleFunction<Timings> seconds) {
    return new Samples(requests.stream().mapToDouble(seconds).toArray());
  }

  /** Seconds from a request's submission to its first token (TTFT), waiting included. */
  public Samples firstToken() {
    return of(t -> t.firstTokenNanos() * 1e-9);
  }

  /** Seconds a token after the first (TPOT): of each request, from its first token to its last, over the tokens after the first; null if there are none. */
  public Samples perToken() {
    return load.nGen() < 2 ? null : of(t -> t.decodeNanos() * 1e-9 / (load.nGen() - 1));
  }

  /** Seconds from submission to the last token. */
  public Samples latency() {
    return of(t -> t.totalNanos() * 1e-9);
  }

  public double seconds() {
    return nanos * 1e-9;
  }

  /** Tokens fed and generated a second, all streams together. */
  public double rate() {
    return (load.nPrompt() + load.nGen()) * requests.size() / seconds();
  }

  /** Tokens generated a second, all streams together. */
  public double generationRate() {
    return (double) load.nGen() * requests.size() / seconds();
  }
}
