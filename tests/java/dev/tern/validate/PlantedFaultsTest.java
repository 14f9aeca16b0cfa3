package dev.tern.validate;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.tern.Device;
import dev.tern.DeviceUnavailableException;
import dev.tern.validate.Health.DeviceProcess;
import dev.tern.validate.Health.EccErrors;
import dev.tern.validate.Health.NvLink;
import dev.tern.validate.Health.PcieLink;
import dev.tern.validate.Health.RowRemap;
import dev.tern.validate.Health.Throttle;
import dev.tern.validate.Subject.MemoryPattern;
import dev.tern.validate.Subject.Repeated;
import dev.tern.validate.Subject.Timed;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.BiConsumer;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/** Each fault that is planted in a device in order turns the right check, and no other. */
class PlantedFaultsTest {
  static final Level SHORT = new Level("short", 100, 3, 1, 0.001, 1 << 20, 1 << 20, 3, 100, 16);

  static final Validation.Listener SILENT = new Validation.Listener() {
    @Override
    public void began(Check check, int i, int n) {}

    @Override
    public void ended(Report.Result result) {}
  };

  static Report validate(FakeSubject subject, FakeHealth health, double minutes) {
    return DeviceValidation.run(new DeviceValidation.Request(Device.cuda(), SHORT, minutes, null, null, "test"), () -> subject, d -> health, SILENT);
  }

  /** Checks that a device in order does not pass, and why. */
  private static Map<String, Verdict> notPassed(Report report) {
    Map<String, Verdict> all = new TreeMap<>();
    for (Report.Result r : report.results()) {
      if (r.outcome().verdict() != Verdict.PASS) {
        all.put(r.check().id(), r.outcome().verdict());
      }
    }
    return all;
  }

  private static final Map<String, Verdict> NO_FLOOR = new TreeMap<>(Map.of("speed.copy_to", Verdict.UNKNOWN, "speed.copy_from", Verdict.UNKNOWN));

  @Test
  void aDeviceInOrderPasses() {
    Report report = validate(new FakeSubject(), new FakeHealth(), 0);
    assertEquals(Verdict.PASS, report.verdict(), report.summary());
    assertEquals(NO_FLOOR, notPassed(report));
    assertEquals("NVIDIA H100 80GB HBM3", report.deviceName());
    assertNull(report.stopped());
    assertFalse(report.results().stream().anyMatch(r -> r.check().id().contains("kernels_of_others")), "what the device lacks is left out");
    assertTrue(report.results().stream().anyMatch(r -> r.outcome().reason().startsWith("74 cases")), "all of a table are visited");
  }

  static Stream<Arguments> faults() {
    List<Arguments> all = new ArrayList<>();
    health(all, "health.temperature", Verdict.FAIL, h -> h.temperature = Reading.of(88));
    health(all, "health.temperature", Verdict.WARN, h -> h.temperature = Reading.of(84));
    health(all, "health.throttle", Verdict.FAIL, h -> h.throttle = Reading.of(Set.of(Throttle.THERMAL_HARDWARE, Throttle.POWER_CAP)));
    health(all, "health.throttle", Verdict.FAIL, h -> h.throttle = Reading.of(Set.of(Throttle.POWER_BRAKE)));
    health(all, "health.throttle", Verdict.WARN, h -> h.throttle = Reading.of(Set.of(Throttle.APPLICATION_CLOCKS)));
    health(all, "health.core_clock", Verdict.FAIL, h -> h.coreClock = Reading.of(345));
    health(all, "health.memory_clock", Verdict.FAIL, h -> h.memoryClock = Reading.of(1593));
    health(all, "health.pcie", Verdict.FAIL, h -> h.pcie = Reading.of(new PcieLink(5, 8)));
    health(all, "health.pcie", Verdict.WARN, h -> h.pcie = Reading.of(new PcieLink(3, 16)));
    health(all, "health.nvlink", Verdict.FAIL, h -> h.nvLinks = Reading.of(List.of(new NvLink(0, true, 0), new NvLink(1, false, 0))));
    health(all, "health.nvlink", Verdict.WARN, h -> h.nvLinks = Reading.of(List.of(new NvLink(0, true, 7))));
    health(all, "health.ecc", Verdict.FAIL, h -> h.eccErrors = Reading.of(new EccErrors(0, 1)));
    health(all, "health.ecc", Verdict.WARN, h -> h.ecc = Reading.of(false));
    health(all, "health.row_remap", Verdict.FAIL, h -> h.rowRemap = Reading.of(new RowRemap(0, 1, true, false)));
    health(all, "health.row_remap", Verdict.FAIL, h -> h.rowRemap = Reading.of(new RowRemap(0, 1, false, true)));
    health(all, "health.row_remap", Verdict.WARN, h -> h.rowRemap = Reading.of(new RowRemap(0, 1, false, false)));
    health(all, "health.power_limit", Verdict.WARN, h -> h.powerLimit = Reading.of(350.0));
    health(all, "health.xid", Verdict.FAIL, h -> h.xids = Reading.of(List.of(79)));
    health(all, "health.alone", Verdict.WARN, h -> h.others = Reading.of(List.of(new DeviceProcess(7, "train", -1))));
    health(all, "health.temperature", Verdict.UNKNOWN, h -> h.temperature = Reading.unreadable("not supported"));
    health(all, "health.ecc", Verdict.UNKNOWN, h -> h.eccErrors = Reading.unreadable("not supported"));
    subject(all, "correct.products", Verdict.FAIL, s -> s.wrongGroups = Set.of("products"));
    subject(all, "correct.attention", Verdict.FAIL, s -> s.wrongGroups = Set.of("attention"));
    for (Repeated what : EnumSet.complementOf(EnumSet.of(Repeated.DENSE_LARGE))) { // that one is also the load
      subject(all, "repeat." + what.name().toLowerCase(Locale.ROOT), Verdict.FAIL, s -> s.wrong = Set.of(what));
    }
    for (MemoryPattern pattern : MemoryPattern.values()) {
      subject(all, "memory." + pattern.name().toLowerCase(Locale.ROOT), Verdict.FAIL, s -> s.wrong = Set.of(pattern));
    }
    subject(all, "copies", Verdict.FAIL, s -> s.wrongCopies = true);
    return all.stream();
  }

  private static void health(List<Arguments> all, String id, Verdict verdict, Consumer<FakeHealth> plant) {
    BiConsumer<FakeSubject, FakeHealth> both = (s, h) -> plant.accept(h);
    all.add(Arguments.of(id, verdict, both));
  }

  private static void subject(List<Arguments> all, String id, Verdict verdict, Consumer<FakeSubject> plant) {
    BiConsumer<FakeSubject, FakeHealth> both = (s, h) -> plant.accept(s);
    all.add(Arguments.of(id, verdict, both));
  }

  @ParameterizedTest(name = "{0} {1}")
  @MethodSource("faults")
  void aFaultTurnsItsCheckAlone(String id, Verdict verdict, BiConsumer<FakeSubject, FakeHealth> plant) {
    FakeSubject subject = new FakeSubject();
    FakeHealth health = new FakeHealth();
    plant.accept(subject, health);
    Report report = validate(subject, health, 0);
    Map<String, Verdict> expected = new TreeMap<>(NO_FLOOR);
    expected.put(id, verdict);
    assertEquals(expected, notPassed(report));
    assertEquals(verdict == Verdict.UNKNOWN ? Verdict.PASS : verdict, report.verdict(), "health that cannot be read decides nothing");
  }

  @Test
  void wrongBitsUnderLoadAreToldByTheChecksThatLookMeanwhile() {
    FakeSubject subject = new FakeSubject();
    subject.wrong = Set.of(Repeated.DENSE_LARGE);
    Map<String, Verdict> expected = new TreeMap<>(NO_FLOOR);
    for (String id : List.of("repeat.dense_large", "health.temperature", "health.throttle", "health.core_clock", "health.memory_clock")) {
      expected.put(id, Verdict.FAIL);
    }
    assertEquals(expected, notPassed(validate(subject, new FakeHealth(), 0)));
  }

  @ParameterizedTest
  @EnumSource(value = Timed.class, mode = EnumSource.Mode.EXCLUDE, names = {"COPY_TO", "COPY_FROM", "PEAK_F32"})
  void aSlowKernelIsToldByTheTableAlone(Timed what) {
    FakeSubject subject = new FakeSubject();
    subject.slower.put(what, what == Timed.LAUNCH || what == Timed.STEP ? 60 : 2.4);
    Map<String, Verdict> found = notPassed(validate(subject, new FakeHealth(), 0));
    // On a machine that is busy with other things it is unknown, as it should be.
    Verdict told = found.remove(what.id());
    assertTrue(told == Verdict.FAIL || told == Verdict.UNKNOWN, what + " is " + told);
    assertEquals(NO_FLOOR, found);
  }

  @Test
  void errorsAndThrottlingDuringTheValidationAreNoticed() {
    FakeHealth health = new FakeHealth();
    FakeSubject subject = new FakeSubject();
    HealthPlan plan = new HealthPlan(health, subject, SHORT);
    health.eccErrors = Reading.of(new EccErrors(4, 0));
    health.throttles = Reading.of(2L);
    Map<String, Verdict> found = new TreeMap<>();
    for (Check check : plan.after()) {
      found.put(check.id(), check.body().run(0).verdict());
    }
    assertEquals(Verdict.WARN, found.get("health.ecc"));
    assertEquals(Verdict.FAIL, found.get("health.thermal_throttles"));
    assertEquals(Verdict.PASS, found.get("health.temperature"));
  }

  @Test
  void aLostDeviceStopsTheRest() {
    FakeSubject subject = new FakeSubject();
    subject.lostAt = Repeated.PREFILL;
    Report report = validate(subject, new FakeHealth(), 1);
    assertEquals(Verdict.FAIL, report.verdict());
    assertTrue(report.stopped().contains("repeat.prefill"), report.stopped());
    Map<String, Verdict> found = notPassed(report);
    assertEquals(Verdict.FAIL, found.get("repeat.prefill"));
    assertEquals(Verdict.UNKNOWN, found.get("repeat.decode"), "not made");
    assertEquals(Verdict.UNKNOWN, found.get("health.ecc"));
    assertNull(found.get("repeat.dense"));
  }

  @Test
  void aDeviceThatCannotBeOpenedFails() {
    Report report = DeviceValidation.run(new DeviceValidation.Request(Device.cuda(), SHORT, 5, null, null, "test"), () -> {
      throw new DeviceUnavailableException("there is no NVIDIA driver");
    }, d -> new FakeHealth(), SILENT);
    assertEquals(Verdict.FAIL, report.verdict());
    assertEquals(1, report.results().size());
    assertTrue(report.results().get(0).outcome().reason().contains("no NVIDIA driver"));
  }

  @Test
  void aSoakGoesOnWithOtherSeedsAndKeepsTheWorst() {
    FakeSubject subject = new FakeSubject();
    FakeHealth health = new FakeHealth();
    List<Check> checks = new ArrayList<>();
    checks.addAll(CorruptionChecks.of(subject, SHORT, 100));
    List<Report.Result> results = new Validation(checks, 0.002, SILENT).run();
    assertTrue(results.stream().allMatch(r -> r.rounds() > 1), "several rounds of each");
    assertTrue(subject.seeds.stream().distinct().count() > 1);
    Check once = new Check("x", Group.CORRUPTION, "fails in its second round", true, round -> round == 1 ? Outcome.fail("now") : Outcome.pass("fine"));
    Report.Result kept = new Validation(List.of(once), 0.001, SILENT).run().get(0);
    assertTrue(kept.rounds() > 2);
    assertEquals("now", kept.outcome().reason());
    assertEquals(Verdict.PASS, HealthChecks.alone(health).verdict());
  }
}
