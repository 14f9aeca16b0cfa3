package dev.tern.schedule;

import dev.tern.CancelledException;
import dev.tern.ClosedException;
import dev.tern.TernException;

/** Counters that one thread writes and any reads. */
public final class SchedulerStats {
  private volatile long steps;
  private volatile long stepNanos;
  private volatile long promptRows;
  private volatile long decodedTokens;
  private volatile long cancelled;
  private volatile long failed;
  private volatile int running;
  private volatile int usedPages;

  void step(long nanos, int nPromptRows) {
    steps++;
    stepNanos += nanos;
    promptRows += nPromptRows;
  }

  void decoded() {
    decodedTokens++;
  }

  void began() {
    running++;
  }

  void ended(TernException failure) {
    running--;
    if (failure instanceof CancelledException || failure instanceof ClosedException) {
      cancelled++;
    } else if (failure != null) {
      failed++;
    }
  }

  void terminated() {
    running = 0;
  }

  void usedPages(int n) {
    usedPages = n;
  }

  public long steps() {
    return steps;
  }

  public long stepNanos() {
    return stepNanos;
  }

  public long promptRows() {
    return promptRows;
  }

  public long decodedTokens() {
    return decodedTokens;
  }

  public long cancelled() {
    return cancelled;
  }

  public long failed() {
    return failed;
  }

  public int running() {
    return running;
  }

  public int usedPages() {
    return usedPages;
  }
}
