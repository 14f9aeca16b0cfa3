package dev.tern.validate;

import dev.tern.kernel.DeviceChecks.Result;
import dev.tern.validate.Health.EccErrors;
import dev.tern.validate.Subject.Repeated;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;

/** When a device's health is looked at: before the other checks, under load, and after them. */
final class HealthPlan {
  private static final int READINGS_UNDER_LOAD = 8;
  /** A second's or less. */
  private static final int LOAD_REPEATS = 100;

  private final Health health;
  private final Subject subject;
  private final long everyMillis;
  private final Reading<EccErrors> eccBefore;
  private final Reading<Long> throttlesBefore;

  HealthPlan(Health health, Subject subject, Level level) {
    this.health = health;
    this.subject = subject;
    everyMillis = level.loadMillis() / READINGS_UNDER_LOAD;
    eccBefore = health.eccErrors();
    throttlesBefore = health.thermalThrottles();
  }

  List<Check> before() {
    return List.of(
        Check.once("health.alone", Group.HEALTH, "no other process computes on the device", round -> HealthChecks.alone(health)),
        Check.once("health.row_remap", Group.HEALTH, "no row of its memory waits for a spare or found none", round -> HealthChecks.rowRemap(health)),
        Check.once("health.power_limit", Group.HEALTH, "its power limit is that of the factory", round -> HealthChecks.powerLimit(health)));
  }

  /** After the checks that keep the device busy. */
  List<Check> after() {
    List<Check> checks = new ArrayList<>();
    checks.add(Check.soak("health.temperature", Group.HEALTH, "cooler than where it slows down, while it is kept busy",
        round -> underLoad(() -> HealthChecks.temperature(health))));
    checks.add(Check.soak("health.throttle", Group.HEALTH, "no fault makes it run slower, while it is kept busy",
        round -> underLoad(() -> HealthChecks.throttle(health))));
    checks.add(Check.soak("health.core_clock", Group.HEALTH, "half of its highest core clock or more, while it is kept busy",
        round -> bestUnderLoad(() -> HealthChecks.coreClock(health))));
    checks.add(Check.soak("health.memory_clock", Group.HEALTH, "its memory's highest clock, while it is kept busy",
        round -> bestUnderLoad(() -> HealthChecks.memoryClock(health))));
    checks.add(Check.soak("health.thermal_throttles", Group.HEALTH, "heat never slowed it down",
        round -> HealthChecks.thermalThrottles(health, throttlesBefore)));
    checks.add(Check.soak("health.pcie", Group.HEALTH, "the link to the host has all of its lanes and its highest generation", round -> {
      subject.copies(64L << 20, round);
      return HealthChecks.pcie(health);
    }));
    checks.add(Check.soak("health.nvlink", Group.HEALTH, "all links to other GPUs are up, without errors", round -> HealthChecks.nvLinks(health)));
    checks.add(Check.soak("health.ecc", Group.HEALTH, "errors of its memory were none, or were corrected",
        round -> HealthChecks.ecc(health, eccBefore)));
    checks.add(Check.soak("health.xid", Group.HEALTH, "the driver told of no error", round -> HealthChecks.xids(health)));
    return checks;
  }

  /** The worst of several looks while the device computes. */
  private Outcome underLoad(Look look) {
    return sampled(look, true);
  }

  /** The best of several: clocks rise only after a while. */
  private Outcome bestUnderLoad(Look look) {
    return sampled(look, false);
  }

  @FunctionalInterface
  private interface Look {
    Outcome now();
  }

  private Outcome sampled(Look look, boolean worst) {
    Outcome first = look.now();
    if (first == Outcome.ABSENT || first.verdict() == Verdict.UNKNOWN) {
      return first; // nothing that load would change
    }
    AtomicBoolean stop = new AtomicBoolean();
    AtomicReference<Outcome> broken = new AtomicReference<>();
    Thread load = new Thread(() -> {
      try {
        while (!stop.get()) {
          Result computed = subject.repeat(Repeated.DENSE_LARGE, LOAD_REPEATS, 1);
          if (computed.failed()) {
            broken.set(Outcome.fail("under load it computed wrong: " + computed.text()));
            stop.set(true);
          }
        }
      } catch (RuntimeException | Error e) {
        broken.set(Outcome.unknown("it could not be kept busy: " + e));
        stop.set(true);
      }
    }, "tern-validate-load");
    load.setDaemon(true);
    load.start();
    Outcome result = null;
    try {
      for (int i = 0; i < READINGS_UNDER_LOAD && !stop.get(); i++) {
        Thread.sleep(everyMillis);
        Outcome now = look.now();
        boolean better = result != null && now.verdict().compareTo(result.verdict()) < 0;
        result = result == null || better != worst && now.verdict() != result.verdict() ? now : result;
      }
      stop.set(true);
      load.join();
    } catch (InterruptedException e) {
      stop.set(true);
      Thread.currentThread().interrupt();
    }
    if (broken.get() != null) {
      return broken.get();
    }
    return result == null ? first : result;
  }
}
