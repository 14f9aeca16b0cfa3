package dev.tern.kernel;

import dev.tern.ClosedException;

/**
 * A native object that is used by several threads and closed by any of them. Uses are counted between {@link #enter} and
 * {@link #leave}; close waits for them, and after it entering throws. No raw address leaves this package.
 */
abstract class NativeHandle implements AutoCloseable {
  private final String what;
  private int uses;
  private boolean closed;
  private boolean destroyed;

  NativeHandle(String what) {
    this.what = what;
  }

  /** Frees the native object; called once, with no use in progress. */
  abstract void destroy();

  final synchronized void enter() {
    if (closed) {
      throw new ClosedException("the " + what + " is closed");
    }
    uses++;
  }

  final synchronized void leave() {
    uses--;
    if (uses == 0) {
      notifyAll();
    }
  }

  public final synchronized boolean isClosed() {
    return closed;
  }

  /** Waits until nothing uses the object, and frees it. Idempotent: a second close waits for the first. Keeps the interrupt flag. */
  @Override
  public final void close() {
    boolean interrupted = false;
    synchronized (this) {
      boolean first = !closed;
      closed = true;
      while (first ? uses > 0 : !destroyed) {
        try {
          wait();
        } catch (InterruptedException e) {
          interrupted = true;
        }
      }
      if (first) {
        destroy();
        destroyed = true;
        notifyAll();
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}
