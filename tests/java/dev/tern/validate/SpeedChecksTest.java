package dev.tern.validate;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.tern.BaselineException;
import dev.tern.validate.Baseline.Kind;
import dev.tern.validate.Floors.Floor;
import dev.tern.validate.Subject.Timed;
import java.io.IOException;
import java.io.RandomAccessFile;
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
    return new SpeedChecks(new FakeSubject(), Floors.of("NVIDIA H100 80GB HBM3", true, null), null, PlantedFaultsTest.SHORT, () -> alone);
  }

  @Test
  void aRateBelowItsFloorIsWorseTheLowerItIs() {
    SpeedChecks quiet = checks(ALONE);
    assertEquals(Verdict.PASS, quiet.judge("GB/s", 100, 0.01, 0, SpeedChecks.FOREIGN, RATE).verdict());
    assertEquals(Verdict.WARN, quiet.judge("GB/s", 99, 0.01, 0, SpeedChecks.FOREIGN, RATE).verdict());
    assertEquals(Verdict.FAIL, quiet.judge("GB/s", 79, 0.01, 0, SpeedChecks.FOREIGN, RATE).verdict());
    assertEquals(Verdict.FAIL, quiet.judge("GB/s", Double.NaN, 0.01, 0, SpeedChecks.FOREIGN, RATE).verdict());
    assertEquals(Verdict.PASS, quiet.judge("us", 10, 0.01, 0, SpeedChecks.FOREIGN, LATENCY).verdict());
    assertEquals(Verdict.WARN, quiet.judge("us", 11, 0.01, 0, SpeedChecks.FOREIGN, LATENCY).verdict());
    assertEquals(Verdict.FAIL, quiet.judge("us", 21, 0.01, 0, SpeedChecks.FOREIGN, LATENCY).verdict());
  }

  @Test
  void whatIsSlowOnABusyMachineIsUnknown() {
    SpeedChecks quiet = checks(ALONE);
    assertEquals(Verdict.UNKNOWN, quiet.judge("GB/s", 50, 0.01, 0.3, SpeedChecks.FOREIGN, RATE).verdict());
    assertEquals(Verdict.UNKNOWN, quiet.judge("GB/s", 50, 0.4, 0, SpeedChecks.FOREIGN, RATE).verdict());
    assertEquals(Verdict.PASS, quiet.judge("GB/s", 100, 0.4, 0.3, SpeedChecks.FOREIGN, RATE).verdict(), "it reached its floor all the same");
    assertEquals(Verdict.UNKNOWN, checks(Outcome.warn("also used by train (7)")).judge("GB/s", 50, 0.01, 0, SpeedChecks.FOREIGN, RATE).verdict());
    assertEquals(Verdict.UNKNOWN, quiet.judge("GB/s", 50, 0.01, 0, SpeedChecks.FOREIGN, null).verdict());
  }

  @Test
  void aGpuThatIsSlowIsSlowOnABusyHostToo() {
    double tolerated = SpeedChecks.FOREIGN_OF_GPU;
    assertEquals(Verdict.FAIL, checks(ALONE).judge("GB/s", 50, 0.01, 0.3, tolerated, RATE).verdict());
    assertEquals(Verdict.UNKNOWN, checks(ALONE).judge("GB/s", 50, 0.01, 0.6, tolerated, RATE).verdict());
    assertTrue(Timed.STEP.onHost() && Timed.COPY_TO.onHost() && !Timed.DENSE.onHost() && !Timed.READ.onHost());
  }

  @Test
  void whatHasOnlyALimitForWarningsNeverFails() {
    assertEquals(Verdict.WARN, checks(ALONE).judge("GB/s", 1, 0.01, 0, SpeedChecks.FOREIGN, Floor.warning(100, "a test")).verdict());
    assertEquals(Verdict.PASS, checks(ALONE).judge("GB/s", 100, 0.01, 0, SpeedChecks.FOREIGN, Floor.warning(100, "a test")).verdict());
  }

  private Path report(FakeSubject subject, String name) throws IOException {
    Report report = PlantedFaultsTest.validate(subject, new FakeHealth(), 0);
    return Files.writeString(directory.resolve(name), JsonReport.of(report));
  }

  @Test
  void aFormerReportIsTheFloor() throws IOException {
    Baseline baseline = Baseline.read(report(new FakeSubject(), "golden.json"), new Kind("NVIDIA H100 80GB HBM3", "fake", 0));
    assertEquals(4.2e5 * Baseline.WARN, baseline.of("speed.dense", false).warn(), 1e-6);
    assertEquals(40 / Baseline.FAIL, baseline.of("speed.step", true).fail(), 1e-9);
    assertNull(baseline.of("speed.other", false));
    FakeSubject slow = new FakeSubject();
    slow.slower.put(Timed.DENSE, 1.2);
    slow.slower.put(Timed.STEP, 1.5);
    SpeedChecks checks = new SpeedChecks(slow, Floors.of(null, true, null), baseline, PlantedFaultsTest.SHORT, () -> ALONE);
    for (Check check : checks.all()) {
      Outcome outcome = check.body().run(0);
      String id = check.id();
      boolean planted = id.equals("speed.dense") || id.equals("speed.step");
      // On a machine that is busy with other things the slow ones are unknown, as they should be.
      assertTrue(planted ? outcome.verdict() != Verdict.PASS : outcome.verdict() == Verdict.PASS, id + ": " + outcome);
      assertEquals(planted, outcome.reason().contains("should be"), id);
    }
  }

  private static final Kind HERE = new Kind("here", "cpu", 2);

  private static String reportOf(String name, String backend, int threads, String speed) {
    return "{\"format\": \"tern-validation\", \"version\": 1, \"device\": {\"name\": " + name + ", \"backend\": {\"backend\": \"" + backend + "\", \"threads\": "
        + threads + "}}, \"checks\": [{\"id\": \"speed.read\", \"group\": \"speed\", \"figures\": [{\"value\": " + speed + "}]}]}";
  }

  private Path file(String text) throws IOException {
    return Files.writeString(directory.resolve("bad.json"), text);
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "{", "[]", "{}", "7", "{\"format\": \"tern-validation\"}", "{\"format\": \"tern-validation\", \"version\": 99}",
      "{\"format\": \"tern-validation\", \"version\": 1.5}", "{\"format\": \"tern-validation\", \"version\": 1, \"device\": {\"name\": \"another\"}}",
      "{\"format\": \"tern-validation\", \"version\": 1, \"device\": {\"name\": \"here\", \"backend\": {\"backend\": \"cpu\", \"threads\": 2}}, \"checks\": []}",
      "{\"format\": 1, \"format\": 2}", "{} {}"})
  void whatIsNoReportIsRefused(String text) throws IOException {
    Path file = file(text);
    BaselineException e = assertThrows(BaselineException.class, () -> Baseline.read(file, HERE));
    assertTrue(e.getMessage().contains("bad.json"), e.getMessage());
    assertThrows(BaselineException.class, () -> Baseline.read(directory.resolve("missing.json"), HERE));
    assertThrows(BaselineException.class, () -> Baseline.read(directory, HERE));
    assertThrows(BaselineException.class, () -> Baseline.read(Path.of("/dev/zero"), HERE));
  }

  @ParameterizedTest
  @ValueSource(strings = {"0", "-1", "1e999", "\"fast\"", "null", "true", "{}"})
  void aSpeedThatIsNoPositiveNumberIsRefused(String speed) throws IOException {
    assertNotNull(Baseline.read(file(reportOf("\"here\"", "cpu", 2, "12.5")), HERE).of("speed.read", false));
    Path file = file(reportOf("\"here\"", "cpu", 2, speed));
    assertTrue(assertThrows(BaselineException.class, () -> Baseline.read(file, HERE)).getMessage().contains("speed.read"));
  }

  @Test
  void aReportOfOtherThreadsOrAnotherDeviceIsRefused() throws IOException {
    Path two = file(reportOf("\"here\"", "cpu", 2, "12.5"));
    assertTrue(assertThrows(BaselineException.class, () -> Baseline.read(two, new Kind("here", "cpu", 4))).getMessage().contains("2 threads, and here are 4"));
    assertThrows(BaselineException.class, () -> Baseline.read(two, new Kind("here", "cuda", 0)));
    assertTrue(assertThrows(BaselineException.class, () -> Baseline.read(two, new Kind(null, "cpu", 2))).getMessage().contains("could not be read"));
    Path nameless = file(reportOf("null", "cpu", 2, "12.5"));
    assertThrows(BaselineException.class, () -> Baseline.read(nameless, HERE));
    assertNotNull(Baseline.read(nameless, new Kind(null, "cpu", 2)), "of the same backend and threads on a machine that does not tell its name either");
    assertEquals(new Kind("x", "cpu", 3), Kind.of("x", "{\"backend\": \"cpu\", \"threads\": 3}"));
    assertEquals(new Kind("x", "", 0), Kind.of("x", null));
  }

  @Test
  void theReportOfARealDeviceIsABaseline() {
    Path report = Path.of("docs/validation/h100-standard.json");
    Kind h100 = Kind.of("NVIDIA H100 80GB HBM3", "{\"backend\": \"cuda\", \"n_sms\": 132}");
    for (Timed what : Timed.values()) {
      assertNotNull(Baseline.read(report, h100).of(what.id(), what.unit().equals("us")), what.id());
    }
    assertThrows(BaselineException.class, () -> Baseline.read(report, Kind.of("NVIDIA H200", "{\"backend\": \"cuda\"}")));
  }

  @Test
  void anEndlessFileIsNotRead() throws IOException {
    Path file = directory.resolve("large.json");
    try (RandomAccessFile large = new RandomAccessFile(file.toFile(), "rw")) {
      large.setLength(dev.tern.bench.JsonFile.MAX_BYTES + 1L); // a hole: no disk is used
    }
    assertTrue(assertThrows(BaselineException.class, () -> Baseline.read(file, HERE)).getMessage().contains("has more than"));
  }
}
