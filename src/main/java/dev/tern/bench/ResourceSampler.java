package dev.tern.bench;

import dev.tern.validate.Reading;
import java.util.function.LongSupplier;
import java.util.function.Supplier;

/**
 * Watches memory and energy while something else runs: a thread that looks every {@value #INTERVAL_MILLIS} ms, and at the begin and the end. Once
 * closed, it tells what it saw.
 */
public final class ResourceSampler implements RequestRunner.Observer {
  static final int INTERVAL_MILLIS = 20;
  /** Energy counters run over in minutes; reading them a few times a second costs nothing. */
  private static final int LOOKS_AN_ENERGY_READING = 10;

  private final LongSupplier residentBytes;
  private final Supplier<Reading<Long>> deviceBytes;
  private final EnergyMeter energy;
  private final TimeAverage resident = new TimeAverage();
  private final TimeAverage device = new TimeAverage();
  private final Thread thread;
  private final long begin;
  private final Reading<Double> joulesBefore;
  private Reading<Long> deviceReading;
  private Reading<Double> joulesAfter;
  private long end;
  private volatile boolean closing;

  /** The average over time of a value that is looked at now and then, straight lines between. */
  static final class TimeAverage {
    private long first;
    private long last;
    private double lastValue;
    private double area;
    private boolean any;

    void add(long nanos, double value) {
      if (any) {
        area += (nanos - last) * (value + lastValue) / 2;
      } else {
        first = nanos;
        any = true;
      }
      last = nanos;
      lastValue = value;
    }

    /** NaN if nothing was looked at. */
    double value() {
      return !any ? Double.NaN : last > first ? area / (last - first) : lastValue;
    }
  }

  /**
   * Begins to watch.
   *
   * @param residentBytes of this process
   * @param deviceBytes in use on a device with memory of its own; absent without one
   * @param energy asked by the watching thread alone until this is closed
   */
  public ResourceSampler(LongSupplier residentBytes, Supplier<Reading<Long>> deviceBytes, EnergyMeter energy) {
    this.residentBytes = residentBytes;
    this.deviceBytes = deviceBytes;
    this.energy = energy;
    joulesBefore = energy.joules();
    begin = System.nanoTime();
    look();
    thread = new Thread(this::watch, "tern-bench-resources");
    thread.setDaemon(true);
    thread.start();
  }

  private void watch() {
    for (int i = 1; !closing; i++) {
      try {
        Thread.sleep(INTERVAL_MILLIS);
      } catch (InterruptedException e) {
        return;
      }
      look();
      if (i % LOOKS_AN_ENERGY_READING == 0) {
        energy.joules();
      }
    }
  }

  private void look() {
    resident.add(System.nanoTime(), residentBytes.getAsLong());
    deviceReading = deviceBytes.get();
    if (deviceReading.isKnown()) {
      device.add(System.nanoTime(), deviceReading.value());
    }
  }

  @Override
  public void close() {
    closing = true;
    boolean interrupted = Thread.interrupted();
    thread.interrupt();
    while (thread.isAlive()) {
      try {
        thread.join();
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    if (end == 0) {
      look();
      end = System.nanoTime();
      joulesAfter = energy.joules();
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  /** Resident memory of this process, averaged over time. */
  public double averageResidentBytes() {
    return resident.value();
  }

  /** Memory in use on the device, averaged over time; or why it is not told; absent without one. */
  public Reading<Double> averageDeviceBytes() {
    return deviceReading.isKnown() ? Reading.of(device.value()) : deviceReading.map(Long::doubleValue);
  }

  /** Joules used from begin to end, or why they are not told. */
  public Reading<Double> joules() {
    return joulesBefore.isKnown() && joulesAfter.isKnown() ? Reading.of(joulesAfter.value() - joulesBefore.value())
        : joulesBefore.isKnown() ? joulesAfter : joulesBefore;
  }

  public double seconds() {
    return (end - begin) * 1e-9;
  }
}
