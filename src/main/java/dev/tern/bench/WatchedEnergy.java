package dev.tern.bench;

import dev.tern.validate.Reading;

/**
 * A meter that is asked every few seconds by a thread of its own, so that no counter runs over unseen, however long what is measured takes. For
 * any threads.
 */
public final class WatchedEnergy implements EnergyMeter {
  private static final long PERIOD_MILLIS = 20_000; // a counter of 65 kJ runs over in 65 s at a kilowatt

  private final EnergyMeter meter;
  private final Thread watch;

  /** @param meter asked by nobody else from now on, closed with this one */
  public WatchedEnergy(EnergyMeter meter) {
    this(meter, PERIOD_MILLIS);
  }

  WatchedEnergy(EnergyMeter meter, long periodMillis) {
    this.meter = meter;
    watch = new Thread(() -> {
      try {
        while (joules().isKnown()) {
          Thread.sleep(periodMillis);
        }
      } catch (InterruptedException e) {
        // closed
      }
    }, "tern-energy");
    watch.setDaemon(true);
    watch.start();
  }

  @Override
  public synchronized Reading<Double> joules() {
    return meter.joules();
  }

  @Override
  public String source() {
    return meter.source();
  }

  @Override
  public void close() {
    watch.interrupt();
    boolean interrupted = false;
    while (watch.isAlive()) {
      try {
        watch.join();
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
    meter.close();
  }
}
