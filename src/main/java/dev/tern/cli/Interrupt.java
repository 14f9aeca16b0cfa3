package dev.tern.cli;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/**
 * Lets a command end in order on Ctrl-C: the JVM's exit waits, a few seconds at most, until the command has closed this. The exit
 * status is then the JVM's own: 130.
 */
final class Interrupt implements AutoCloseable {
  private static final long WAIT_SECONDS = 10;

  private final CountDownLatch done = new CountDownLatch(1);
  private final Thread hook;
  private volatile boolean raised;

  /** @param stop asks the command's work to end soon; runs on a thread of its own */
  Interrupt(Runnable stop) {
    hook = new Thread(() -> {
      raised = true;
      stop.run();
      try {
        done.await(WAIT_SECONDS, TimeUnit.SECONDS);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
    }, "tern-interrupt");
    Runtime.getRuntime().addShutdownHook(hook);
  }

  /** Runs work on this thread, which Ctrl-C interrupts: it ends with an exception after it has tidied up. */
  static void during(Runnable work) {
    Thread worker = Thread.currentThread();
    Interrupt interrupt = new Interrupt(worker::interrupt);
    try {
      work.run();
    } finally {
      interrupt.close();
    }
  }

  boolean raised() {
    return raised;
  }

  @Override
  public void close() {
    done.countDown();
    try {
      Runtime.getRuntime().removeShutdownHook(hook);
    } catch (IllegalStateException e) {
      // The JVM is shutting down already: the hook has run or is running, and is free to end now.
    }
  }
}
