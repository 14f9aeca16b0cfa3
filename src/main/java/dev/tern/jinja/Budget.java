package dev.tern.jinja;

import dev.tern.CancelledException;
import dev.tern.ChatTemplateException;
import dev.tern.ChatTemplateException.Reason;

/**
 * What one rendering may use. Every evaluation takes a step, everything made takes its size, and every nesting counts, so that no
 * template runs long, takes much memory or overflows the stack. Memory is counted as if nothing were ever given back.
 */
final class Budget {
  /** Deep enough for any template; a level takes a few hundred bytes of stack. */
  static final int MAX_DEPTH = 200;

  private static final long STEPS = 1_000_000;
  /** So many steps, a power of two, pass between two looks at whether the thread is interrupted. */
  private static final long WATCH = 4096;

  private static final long BYTES = 32 << 20;
  /** Values given are copied a few times while they are rendered, so that long conversations may take more. */
  private static final int PER_GIVEN_CHAR = 64;

  private long steps;
  private long bytes;
  private int depth;

  /** @param givenChars characters in the values that the template is given */
  Budget(long givenChars) {
    steps = STEPS + PER_GIVEN_CHAR * givenChars;
    bytes = BYTES + PER_GIVEN_CHAR * givenChars;
  }

  void step() {
    steps(1);
  }

  void steps(long n) {
    if (n < 0 || n > steps) {
      throw exceeded("takes too many steps");
    }
    if (n > (steps & WATCH - 1) && Thread.currentThread().isInterrupted()) {
      throw new CancelledException("the rendering thread was interrupted");
    }
    steps -= n;
  }

  /** So many characters are about to be made. Looking at them is work too. */
  void chars(long n) {
    bytes(n > Long.MAX_VALUE / 2 ? n : 2 * n);
    steps(n / 16);
  }

  /** So many elements of a list are about to be made. */
  void elements(long n) {
    bytes(Math.min(n, Long.MAX_VALUE / 32) * 24);
    steps(n);
  }

  void bytes(long n) {
    if (n < 0 || n > bytes) {
      throw exceeded("takes too much memory");
    }
    bytes -= n;
  }

  void enter() {
    if (++depth > MAX_DEPTH) {
      depth--;
      throw exceeded("nests deeper than " + MAX_DEPTH + " levels");
    }
  }

  void leave() {
    depth--;
  }

  static ChatTemplateException exceeded(String how) {
    return new ChatTemplateException(Reason.LIMIT, "the chat template " + how);
  }
}
