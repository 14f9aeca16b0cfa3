package dev.tern.schedule;

import dev.tern.NativeFaultException;
import java.util.concurrent.locks.LockSupport;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The daemon thread that turns a {@link Scheduler}; it parks when there is nothing to do. */
public final class Runner implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(Runner.class);

  private final Scheduler scheduler;
  private final Thread thread;
  private volatile boolean stopped;

  public Runner(Scheduler scheduler, String name) {
    this.scheduler = scheduler;
    thread = new SchedulerThread(this::run, name);
  }

  public void start() {
    thread.start();
  }

  private void run() {
    try {
      while (!stopped) {
        if (scheduler.doWork() == 0) {
          LockSupport.park(this);
          Thread.interrupted(); // a set flag would make park return at once, for ever
        }
      }
    } catch (Throwable e) { // not even an Error may leave readers waiting
      scheduler.terminate(new NativeFaultException("the scheduler failed: " + e, e)); // first: logging may fail too
      LOG.error("the scheduler failed", e);
    }
  }

  /** There may be something to do. Any thread. */
  public void wake() {
    LockSupport.unpark(thread);
  }

  /** @throws IllegalStateException on a runner's thread: it would wait for itself, and all its streams with it */
  public static void checkMayWait() {
    if (Thread.currentThread() instanceof SchedulerThread) {
      throw new IllegalStateException("a scheduler's thread must not wait: cancel instead of closing, or use another executor");
    }
  }

  private static final class SchedulerThread extends Thread {
    SchedulerThread(Runnable run, String name) {
      super(run, name);
      setDaemon(true);
    }
  }

  /**
   * Stops after the step in progress, and waits for that. Keeps the interrupt flag.
   *
   * @throws IllegalStateException on a runner's thread
   */
  @Override
  public void close() {
    checkMayWait();
    stopped = true;
    wake();
    boolean interrupted = false;
    while (thread.isAlive()) {
      try {
        thread.join();
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}
