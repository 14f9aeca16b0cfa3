package dev.tern;

import dev.tern.schedule.TaskListener;
import java.util.Arrays;

/** Collects the log-probabilities of a task for a thread that waits for its end. */
final class Waiter implements TaskListener {
  private final float[] logprobs;
  private int n;
  private boolean ended;
  private TernException failure;

  Waiter(int n) {
    logprobs = new float[n];
  }

  @Override
  public synchronized boolean token(int id, float logprob) {
    logprobs[n++] = logprob;
    return true;
  }

  @Override
  public synchronized void ended(TernException failure) {
    ended = true;
    this.failure = failure;
    notifyAll();
  }

  /** Returns once the task has ended well, or throws what made it fail. */
  synchronized void await() throws InterruptedException {
    if (Thread.interrupted()) {
      throw new InterruptedException();
    }
    while (!ended) {
      wait();
    }
    if (failure != null) {
      throw failure;
    }
  }

  synchronized void awaitUninterruptibly() {
    while (!ended) {
      try {
        wait();
      } catch (InterruptedException e) {
        // the caller sets the flag
      }
    }
  }

  synchronized float[] logprobs() {
    return Arrays.copyOf(logprobs, n);
  }
}
