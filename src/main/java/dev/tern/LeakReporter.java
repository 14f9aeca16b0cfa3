package dev.tern;

import java.lang.ref.Cleaner;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Reports an object that became unreachable without being closed. It frees nothing: when that happens would be chance. */
final class LeakReporter implements Runnable {
  private static final Logger LOG = LoggerFactory.getLogger(LeakReporter.class);
  private static final Cleaner CLEANER = Cleaner.create();

  private final String what;
  private Cleaner.Cleanable registration;
  private volatile boolean closed;

  private LeakReporter(String what) {
    this.what = what;
  }

  /** Watches an object; what names it and must not refer to it. */
  static LeakReporter watch(Object owner, String what) {
    LeakReporter reporter = new LeakReporter(what);
    reporter.registration = CLEANER.register(owner, reporter);
    return reporter;
  }

  /** The object was closed: nothing to report. */
  void closed() {
    closed = true;
    registration.clean();
  }

  @Override
  public void run() {
    if (!closed) {
      LOG.warn("{} was never closed; its native memory is lost until the process ends", what);
    }
  }
}
