package dev.tern.schedule;

import dev.tern.Sampling;
import dev.tern.TernException;
import dev.tern.cache.SequenceCache;

/** A stream of tokens: its cache table, its newest tokens, and its state. Owned by the scheduler; what is public may be read anywhere. */
public final class Sequence {
  static final int NONE = -1;

  final SequenceCache cache;
  private final int[] recent = new int[Sampling.PENALTY_WINDOW];
  private int nRecent;
  private volatile int pending = NONE;
  private volatile long length;
  private volatile TernException failure;

  public Sequence(SequenceCache cache) {
    this.cache = cache;
  }

  /** Tokens in the stream, the pending one included. */
  public long length() {
    return length;
  }

  /** Whether the stream's last token is not in the cache yet: the next task feeds it first. */
  public boolean hasPending() {
    return pending != NONE;
  }

  /** Why the stream cannot go on, or null. */
  public TernException failure() {
    return failure;
  }

  int pending() {
    return pending;
  }

  /** The step that fed rows of this stream is done; token is generated or scored but not fed, or NONE. */
  void advance(int token, SequenceCache.Evictions evictions) {
    cache.commit(evictions);
    setPending(token);
  }

  void setPending(int token) {
    pending = token;
    length = cache.length() + (token == NONE ? 0 : 1);
  }

  /** Gives back all pages; failure says why the stream cannot go on, or is null to empty it. */
  void release(TernException failure) {
    cache.release();
    nRecent = 0;
    setPending(NONE);
    this.failure = failure;
  }

  /** A token is fed. */
  void remember(int token) {
    recent[nRecent % recent.length] = token;
    nRecent = nRecent + 1 == 2 * recent.length ? recent.length : nRecent + 1;
  }

  /** How many of the newest fed tokens are remembered, and the tokens, in no order. */
  int nRecent() {
    return Math.min(nRecent, recent.length);
  }

  int recent(int i) {
    return recent[i];
  }
}
