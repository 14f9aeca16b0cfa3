package dev.tern;

import java.util.ArrayDeque;

/**
 * Tokens on their way from the scheduler to a reader. Bounded by its writer, who asks {@link #hasRoom} before it generates another, so
 * that putting never waits and nothing is dropped.
 */
final class TokenQueue {
  private final int capacity;
  private final ArrayDeque<Token> tokens = new ArrayDeque<>();
  private Runnable onChange = () -> {};
  private boolean discarding;
  private boolean ended;
  private TernException failure;

  TokenQueue(int capacity) {
    this.capacity = capacity;
  }

  synchronized boolean hasRoom() {
    return discarding || tokens.size() < capacity;
  }

  void put(Token token) {
    Runnable listener;
    synchronized (this) {
      if (!discarding) {
        tokens.add(token);
      }
      listener = changed();
    }
    listener.run();
  }

  /** No token follows; failure is null or what the reader gets after the tokens before it. */
  void end(TernException failure) {
    Runnable listener;
    synchronized (this) {
      ended = true;
      this.failure = failure;
      listener = changed();
    }
    listener.run();
  }

  private Runnable changed() {
    notifyAll();
    return onChange;
  }

  /** Nobody reads: tokens are dropped from now on, and there is always room. */
  synchronized void discard() {
    discarding = true;
    tokens.clear();
  }

  /** Runs what is given after every change from now on; on the thread that changes, so it must not wait. */
  synchronized void onChange(Runnable listener) {
    onChange = listener;
  }

  /** The next token, or null if there is none now. */
  synchronized Token poll() {
    return tokens.poll();
  }

  /** Waits for a token or the end; false at the end. An interrupt counts also if there is no need to wait. */
  synchronized boolean await() throws InterruptedException {
    if (Thread.interrupted()) {
      throw new InterruptedException();
    }
    while (tokens.isEmpty() && !ended) {
      wait();
    }
    return !tokens.isEmpty();
  }

  /** Whether all has been read and no more comes. */
  synchronized boolean isExhausted() {
    return ended && tokens.isEmpty();
  }

  /** Why it ended, or null. */
  synchronized TernException failure() {
    return failure;
  }

  /** Waits for the end, whatever is left to read. Keeps the interrupt flag. */
  void awaitEnd() {
    boolean interrupted = false;
    synchronized (this) {
      while (!ended) {
        try {
          wait();
        } catch (InterruptedException e) {
          interrupted = true;
        }
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}
