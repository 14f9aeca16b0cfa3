package dev.tern.validate;

import dev.tern.Device;
import dev.tern.DeviceUnavailableException;
import java.nio.file.Path;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;

/** Validates one device from beginning to end. */
public final class DeviceValidation {
  /**
   * What is asked for.
   *
   * @param minutes of a soak, 0 for none
   * @param baseline null for none
   * @param version of Tern, for the report
   */
  public record Request(Device device, Level level, double minutes, Path baseline, String version) {}

  /** Opens a device to be validated. */
  @FunctionalInterface
  public interface Opener {
    /** @throws DeviceUnavailableException if it cannot be used */
    Subject open();
  }

  private DeviceValidation() {}

  /**
   * Makes all checks.
   *
   * @param source of the device's readings
   * @throws dev.tern.BaselineException if the baseline is none, before anything is checked
   */
  public static Report run(Request request, Opener opener, HealthSource source, Validation.Listener listener) {
    Instant began = Instant.now();
    long begin = System.nanoTime();
    Subject opened = null;
    String refused = null;
    try {
      opened = opener.open();
    } catch (DeviceUnavailableException e) {
      refused = e.getMessage();
    }
    String place = opened instanceof NativeSubject here ? here.pciBusId() : null;
    try (Subject subject = opened; Health health = source.open(request.device(), place)) {
      String name = health.name().isKnown() || subject == null ? health.name().value() : subject.name();
      Baseline baseline = request.baseline() == null ? null : Baseline.read(request.baseline(), name);
      List<Inventory> inventory = Inventory.of(health);
      Outcome open = refused == null ? Outcome.pass("it can be used") : Outcome.fail(refused);
      List<Check> checks = new ArrayList<>();
      checks.add(Check.once("device.opens", Group.DEVICE, "the device can be opened and has kernels in this build", round -> open));
      if (subject != null) {
        checks.addAll(of(subject, health, Floors.of(name, request.device().isCuda()), baseline, request.level(), began.toEpochMilli()));
      }
      Validation validation = new Validation(checks, subject == null ? 0 : request.minutes(), listener);
      String described = subject == null ? null : subject.describe();
      List<Report.Result> results = validation.run();
      return new Report(request.device().name(), name, request.version(), request.level().id(), request.minutes(),
          began.truncatedTo(ChronoUnit.SECONDS).toString(), (System.nanoTime() - begin) * 1e-9, described, inventory, results,
          refused != null ? "the device cannot be used" : validation.stopped());
    }
  }

  /** All checks of a device that is open, in their order. */
  static List<Check> of(Subject subject, Health health, Floors floors, Baseline baseline, Level level, long seed) {
    HealthPlan plan = new HealthPlan(health, subject, level);
    List<Check> checks = new ArrayList<>(plan.before());
    checks.addAll(CorrectnessChecks.of(subject, level));
    checks.addAll(CorruptionChecks.of(subject, level, seed));
    checks.addAll(new SpeedChecks(subject, floors, baseline, level, () -> HealthChecks.alone(health)).all());
    checks.addAll(plan.after());
    return checks;
  }
}
