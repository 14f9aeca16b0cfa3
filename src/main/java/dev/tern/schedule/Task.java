package dev.tern.schedule;

import dev.tern.CancelledException;
import dev.tern.Sampling;
import dev.tern.TernException;

/** One piece of work on a stream: tokens to feed, and what is wanted of them. The scheduler owns it from submission on. */
public final class Task {
  enum Kind {
    GENERATE,
    SCORE,
    LOGITS
  }

  final Kind kind;
  final Sequence sequence;
  final Sampling sampling;
  final TaskListener listener;
  final float[] logits;
  private final int[] tokens;
  private int[] feed;
  private int nFed;
  boolean started;
  boolean ended;
  private volatile TernException cancelled;
  private volatile boolean paused;

  private Task(Kind kind, Sequence sequence, int[] tokens, Sampling sampling, float[] logits, TaskListener listener) {
    this.kind = kind;
    this.sequence = sequence;
    this.tokens = tokens;
    this.sampling = sampling;
    this.logits = logits;
    this.listener = listener;
  }

  /** Feeds tokens, then generates until the listener has enough. */
  public static Task generate(Sequence sequence, int[] tokens, Sampling sampling, TaskListener listener) {
    return new Task(Kind.GENERATE, sequence, tokens, sampling, null, listener);
  }

  /** Tells the log-probability of each token that another precedes; the last is not fed, but stays pending. */
  public static Task score(Sequence sequence, int[] tokens, TaskListener listener) {
    return new Task(Kind.SCORE, sequence, tokens, Sampling.greedy(), null, listener);
  }

  /** Feeds tokens and copies the logits after the last. */
  public static Task logits(Sequence sequence, int[] tokens, float[] logits, TaskListener listener) {
    return new Task(Kind.LOGITS, sequence, tokens, Sampling.greedy(), logits, listener);
  }

  /** Ends the task before the next step. Any thread; the scheduler must be woken. */
  public void cancel(TernException why) {
    cancelled = why;
  }

  /** {@link #cancel(TernException)} because somebody wished so. */
  public void cancel() {
    cancel(new CancelledException("cancelled"));
  }

  /** Whether it has ended, or will before the next step, because of {@link #cancel}. */
  public boolean isCancelled() {
    return cancelled != null;
  }

  TernException cancelled() {
    return cancelled;
  }

  /** Whether the scheduler waits until the listener has room, and must be woken then. Any thread. */
  public boolean waitsForRoom() {
    return paused;
  }

  /** Whether to leave the task out of this step, because its reader is behind. */
  boolean isPaused() {
    if (!decoding() || listener.hasRoom()) {
      paused = false;
      return false;
    }
    paused = true; // before looking again: a reader that makes room from here on sees it
    paused = !listener.hasRoom();
    return paused;
  }

  /** Takes its place on the stream: what is pending there is fed first. */
  void begin() {
    if (sequence.hasPending()) {
      feed = new int[tokens.length + 1];
      feed[0] = sequence.pending();
      System.arraycopy(tokens, 0, feed, 1, tokens.length);
    } else {
      feed = tokens;
    }
  }

  /** Tokens to feed in all, before any is generated. */
  int nPrompt() {
    return kind == Kind.SCORE ? feed.length - 1 : feed.length;
  }

  /** Whether the prompt is fed, so that rows are generated tokens. */
  boolean decoding() {
    return nFed == nPrompt();
  }

  /** Rows that the task could use now. */
  int wanted() {
    return decoding() ? 1 : nPrompt() - nFed;
  }

  /** The i-th token to feed from here. */
  int tokenAt(int i) {
    return decoding() ? sequence.pending() : feed[nFed + i];
  }

  /** The token that follows {@link #tokenAt}: of scored text. */
  int targetAt(int i) {
    return feed[nFed + i + 1];
  }

  void fed(int n) {
    nFed = Math.min(nPrompt(), nFed + n);
  }
}
