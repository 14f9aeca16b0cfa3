package dev.tern.validate;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.tern.BaselineException;
import dev.tern.validate.Floors.Floor;
import dev.tern.validate.Subject.Timed;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class SpeedChecksTest {
  @TempDir
  Path directory;

  private static final Outcome ALONE = Outcome.pass("no other process");
  private static final Floor RATE = new Floor(100, 80, "a test");
  private static final Floor LATENCY = new Floor(10, 20, "a test");

  private static SpeedChecks checks(Outcome alone) {
    return new SpeedChecks(new FakeSubject(), Floors.of("NVIDIA H100 80GB HBM3", true), null, PlantedFaultsTest.SHORT, () -> alone);
  }

  @Test
  void aRateBelowItsFloorIsWorseTheLowerItIs() {
    SpeedChecks quiet = checks(ALONE);
    assertEquals(Verdict.PASS, quiet.judge("GB/s", 100, 0.01, 0, RATE).verdict());
    assertEquals(Verdict.WARN, quiet.judge("GB/s", 99, 0.01, 0, RATE).verdict());
    assertEquals(Verdict.FAIL, quiet.judge("GB/s", 79, 0.01, 0, RATE).verdict());
    assertEquals(Verdict.FAIL, quiet.judge("GB/s", Double.NaN, 0.01, 0, RATE).verdict());
    assertEquals(Verdict.PASS, quiet.judge("us", 10, 0.01, 0, LATENCY).verdict());
    assertEquals(Verdict.WARN, quiet.judge("us", 11, 0.01, 0, LATENCY).verdict());
    assertEquals(Verdict.FAIL, quiet.judge("us", 21, 0.01, 0, LATENCY).verdict());
  }

  @Test
  void whatIsSlowOnABusyMachineIsUnknown() {
    SpeedChecks quiet = checks(ALONE);
    assertEquals(Verdict.UNKNOWN, quiet.judge("GB/s", 50, 0.01, 0.3, RATE).verdict());
    assertEquals(Verdict.UNKNOWN, quiet.judge("GB/s", 50, 0.4, 0, RATE).verdict());
    assertEquals(Verdict.PASS, quiet.judge("GB/s", 100, 0.4, 0.3, RATE).verdict(), "it reached its floor all the same");
    assertEquals(Verdict.UNKNOWN, checks(Outcome.warn("also used by train (7)")).judge("GB/s", 50, 0.01, 0, RATE).verdict());
    assertEquals(Verdict.UNKNOWN, quiet.judge("GB/s", 50, 0.01, 0, null).verdict());
  }

  @Test
  void everyDeviceOfTheTableHasAFloorAndASource() {
    for (String name : new String[] {"NVIDIA H100 80GB HBM3", "NVIDIA H100 PCIe", "NVIDIA H200", "NVIDIA A100-SXM4-80GB", "NVIDIA L40S",
        "NVIDIA GeForce RTX 4090", "NVIDIA GeForce RTX 5090"}) {
      Floor read = Floors.of(name, true).of(Timed.READ);
      assertTrue(read.warn() > read.fail() && read.fail() > 100, name);
      assertTrue(read.source().contains("NVIDIA"), name);
    }
    assertEquals(0.8 * 3350, Floors.of("NVIDIA H100 80GB HBM3", true).of(Timed.READ).warn(), 1e-9);
    assertEquals(0.8 * 2000, Floors.of("NVIDIA H100 PCIe", true).of(Timed.READ).warn(), 1e-9);
    assertNull(Floors.of("Some other GPU", true).of(Timed.READ));
    assertNull(Floors.of(null, false).of(Timed.LAUNCH), "of a processor there is no table");
    assertNotNull(Floors.of(null, false).ofCall());
  }

  private Path report(FakeSubject subject, String name) throws IOException {
    Report report = PlantedFaultsTest.validate(subject, new FakeHealth(), 0);
    return Files.writeString(directory.resolve(name), JsonReport.of(report));
  }

  @Test
  void aFormerReportIsTheFloor() throws IOException {
    Baseline baseline = Baseline.read(report(new FakeSubject(), "golden.json"), "NVIDIA H100 80GB HBM3");
    assertEquals(1000 * Baseline.WARN, baseline.of("speed.dense", false).warn(), 1e-9);
    assertEquals(40 / Baseline.FAIL, baseline.of("speed.step", true).fail(), 1e-9);
    assertNull(baseline.of("speed.other", false));
    FakeSubject slow = new FakeSubject();
    slow.slower.put(Timed.DENSE, 1.2);
    slow.slower.put(Timed.STEP, 1.5);
    SpeedChecks checks = new SpeedChecks(slow, Floors.of(null, true), baseline, PlantedFaultsTest.SHORT, () -> ALONE);
    for (Check check : checks.all()) {
      Outcome outcome = check.body().run(0);
      String id = check.id();
      boolean planted = id.equals("speed.dense") || id.equals("speed.step");
      // On a machine that is busy with other things the slow ones are unknown, as they should be.
      assertTrue(planted ? outcome.verdict() != Verdict.PASS : outcome.verdict() == Verdict.PASS, id + ": " + outcome);
      assertEquals(planted, outcome.reason().contains("should be"), id);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "{", "[]", "{}", "7", "{\"format\": \"tern-validation\"}", "{\"format\": \"tern-validation\", \"version\": 99}",
      "{\"format\": \"tern-validation\", \"version\": 1, \"device\": {\"name\": \"another\"}}",
      "{\"format\": \"tern-validation\", \"version\": 1, \"device\": {\"name\": \"here\"}, \"checks\": []}",
      "{\"format\": \"tern-validation\", \"version\": 1, \"device\": {\"name\": \"here\"}, \"checks\": [{\"id\": \"speed.read\", \"group\": \"speed\","
          + " \"figures\": [{\"value\": 0}]}]}"})
  void whatIsNoReportIsRefused(String text) throws IOException {
    Path file = Files.writeString(directory.resolve("bad.json"), text);
    BaselineException e = assertThrows(BaselineException.class, () -> Baseline.read(file, "here"));
    assertTrue(e.getMessage().contains("bad.json"), e.getMessage());
    assertThrows(BaselineException.class, () -> Baseline.read(directory.resolve("missing.json"), "here"));
    assertThrows(BaselineException.class, () -> Baseline.read(directory, "here"));
  }
}
