package dev.tern.cache;

/**
 * Which tokens of a stream stay in the cache. Two of them: {@link Dense} keeps all, up to a limit; {@link SinksAndWindow} keeps the
 * first few for ever and the last few rolling (Xiao et al., Efficient Streaming Language Models with Attention Sinks, 2023).
 */
public sealed interface CachePolicy {
  /** Most tokens that sinks and window, or a dense cache, may have. */
  int MAX_TOKENS = 1 << 24;

  /**
   * Keeps every token; the stream ends when maxTokens are in the cache.
   *
   * @throws IllegalArgumentException if maxTokens is not in 1 to {@value #MAX_TOKENS}
   */
  static CachePolicy dense(int maxTokens) {
    return new Dense(maxTokens);
  }

  /**
   * Keeps the first nSinks tokens and the last window tokens before the newest: a token sees nSinks + window + 1 keys, itself
   * included. Endless.
   *
   * @throws IllegalArgumentException if either is negative, or both together are over {@value #MAX_TOKENS}
   */
  static CachePolicy sinksAndWindow(int nSinks, int window) {
    return new SinksAndWindow(nSinks, window);
  }

  /** Plain causal attention over all tokens. */
  record Dense(int maxTokens) implements CachePolicy {
    public Dense {
      if (maxTokens < 1 || maxTokens > MAX_TOKENS) {
        throw new IllegalArgumentException("a dense cache of " + maxTokens + " tokens: it must be 1 to " + MAX_TOKENS);
      }
    }
  }

  /**
   * The token at position i sees keys j with j &lt; min(nSinks, i + 1), or i - window &lt;= j &lt;= i. A window key stands at
   * distance i - j, a sink at min(i, nSinks + window) - j.
   */
  record SinksAndWindow(int nSinks, int window) implements CachePolicy {
    public SinksAndWindow {
      if (nSinks < 0 || window < 0 || (long) nSinks + window > MAX_TOKENS) {
        throw new IllegalArgumentException(
            nSinks + " sinks and a window of " + window + ": neither may be negative, together at most " + MAX_TOKENS);
      }
    }
  }
}
