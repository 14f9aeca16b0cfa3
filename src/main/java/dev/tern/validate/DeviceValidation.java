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
   * @param floors a user's table, null for none
   * @param version of Tern, for the report
   */
  public record Request(Device device, Level level, double minutes, Path baseline, Path floors, String version) {}

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
   * @throws dev.tern.FloorsException if the table of floors is none, or none for the device, before anything is checked
   */
  public static Report run(Request request, Opener opener, HealthSource source, Validation.Listener listener) {
    Instant began = Instant.now();
    long begin = System.nanoTime();
    try (Health health = source.open(request.device())) {
      Subject opened = null;
      String refused = null;
      try {
        opened = opener.open();
      } catch (DeviceUnavailableException e) {
        refused = e.getMessage();
      }
      try (Subject subject = opened) {
        String name = nameOf(subject, health);
        String described = subject == null ? null : subject.describe();
        Outcome open = refused == null ? Outcome.pass("it can be used") : Outcome.fail(refused);
        List<Check> checks = new ArrayList<>();
        checks.add(Check.once("device.opens", Group.DEVICE, "the device can be opened and has kernels in this build", round -> open));
        List<Inventory> inventory = Inventory.of(health, described);
        if (subject != null) { // else it fails, whatever it would be held to
          Floors floors = Floors.of(name, request.device().isCuda(), request.floors());
          Baseline baseline = request.baseline() == null ? null : Baseline.read(request.baseline(), Baseline.Kind.of(name, described));
          checks.addAll(of(subject, health, floors, baseline, request.level(), began.toEpochMilli()));
        }
        Validation validation = new Validation(checks, subject == null ? 0 : request.minutes(), listener);
        List<Report.Result> results = validation.run();
        return new Report(request.device().name(), name, request.version(), request.level().id(), request.minutes(),
            began.truncatedTo(ChronoUnit.SECONDS).toString(), (System.nanoTime() - begin) * 1e-9, described, inventory, results,
            refused != null ? "the device cannot be used" : validation.stopped());
      }
    }
  }

  /** As the device itself has it, which tells a part of a GPU (MIG) from a whole one; else of its readings; null if neither is told. */
  private static String nameOf(Subject subject, Health health) {
    return subject != null && subject.name() != null ? subject.name() : health.name().value();
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
