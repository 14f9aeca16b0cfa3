package dev.tern.validate;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.tern.FloorsException;
import dev.tern.validate.Floors.Floor;
import dev.tern.validate.Subject.Timed;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class FloorsTest {
  private static final String H100 = "NVIDIA H100 80GB HBM3";

  @TempDir
  Path directory;

  private static Floors floors(String name) {
    return Floors.of(name, true, null);
  }

  private static void assertFloor(double warn, double fail, Floor floor) {
    assertEquals(warn, floor.warn(), 1e-6 * warn);
    assertEquals(fail, floor.fail(), 1e-6 * warn);
  }

  @Test
  void ratesAreThoseOfTheReport() throws IOException {
    JsonNode report = new ObjectMapper().readTree(Files.readString(Path.of("docs/validation/h100-standard.json")));
    assertEquals(H100, report.path("device").path("name").asText());
    int n = 0;
    for (JsonNode check : report.path("checks")) {
      for (Timed what : List.of(Timed.DENSE, Timed.TERNARY, Timed.TERNARY_DECODE, Timed.PREFILL, Timed.DECODE)) {
        if (check.path("id").asText().equals(what.id())) {
          double reached = check.path("figures").path(0).path("value").asDouble();
          assertEquals(0.75 * reached, floors(H100).of(what).warn(), 1e-5 * reached);
          assertEquals(0.50 * reached, floors(H100).of(what).fail(), 1e-5 * reached);
          assertEquals(what.unit(), check.path("figures").path(0).path("unit").asText());
          assertTrue(floors(H100).of(what).source().contains("docs/validation/h100-standard.json"));
          n++;
        }
      }
    }
    assertEquals(5, n);
  }

  /** Both reports of H100s, which were sound: one by the table, the other by another device. */
  @Test
  void soundDevicesPass() throws IOException {
    SpeedChecks checks = new SpeedChecks(new FakeSubject(), floors(H100), null, PlantedFaultsTest.SHORT, () -> Outcome.pass("alone"));
    Pattern line = Pattern.compile("\\w+ +speed\\.(\\w+) +([0-9.e+]+) (\\S+?),.*");
    for (String file : List.of("h100-quick.txt", "h100-standard.txt")) {
      int n = 0;
      for (String text : Files.readAllLines(Path.of("docs/validation", file))) {
        Matcher m = line.matcher(text);
        if (m.matches() && !m.group(1).equals("call")) {
          Timed what = Timed.valueOf(m.group(1).toUpperCase(java.util.Locale.ROOT));
          Floor floor = floors(H100).of(what);
          Verdict verdict = checks.judge(m.group(3), Double.parseDouble(m.group(2)), 0, 0, SpeedChecks.FOREIGN, floor).verdict();
          assertEquals(floor == null ? Verdict.UNKNOWN : Verdict.PASS, verdict, file + ": " + text);
          n++;
        }
      }
      assertTrue(n >= 10, file + " has " + n);
    }
  }

  @ParameterizedTest
  @CsvSource({"NVIDIA H100 80GB HBM3,3350,989.4,1978.9,66.9", "NVIDIA H100 PCIe,2000,756,1513,51", "NVIDIA H200,4800,989.4,1978.9,66.9",
      "NVIDIA A100-SXM4-80GB,2039,312,624,19.5", "NVIDIA A100-SXM4-40GB,1555,312,624,19.5", "NVIDIA A100 80GB PCIe,1935,312,624,19.5",
      "NVIDIA A100-PCIE-40GB,1555,312,624,19.5", "NVIDIA L40S,864,362.05,733,91.6", "NVIDIA GeForce RTX 4090,1008,165.2,660.6,82.6",
      "NVIDIA GeForce RTX 5090,1792,209.5,838,104.8"})
  void everyDeviceHasItsOwn(String name, double bandwidth, double half, double int8, double f32) {
    Floors floors = floors(name);
    for (Timed what : List.of(Timed.READ, Timed.COPY)) {
      assertFloor(0.8 * bandwidth, 0.6 * bandwidth, floors.of(what));
    }
    assertFloor(60, 600, floors.of(Timed.LAUNCH));
    assertFloor(150, 1500, floors.of(Timed.STEP));
    boolean measured = name.equals(H100) || name.equals("NVIDIA H200");
    Map<Timed, double[]> peaks = Map.of(Timed.PEAK_HALF, new double[] {0.7, 0.5, half}, Timed.PEAK_INT8, new double[] {0.7, 0.5, int8}, Timed.PEAK_F32, new double[] {0.45, 0.32, f32});
    peaks.forEach((what, p) -> {
      Floor floor = floors.of(what);
      assertEquals(measured, floor.fails(), name + " " + what);
      if (measured) {
        assertFloor(p[0] * p[2] * 1e3, p[1] * p[2] * 1e3, floor);
      } else {
        assertEquals(p[0] * p[2] * 1e3, floor.warn(), 1e-6 * p[2] * 1e3);
      }
    });
    for (Timed what : List.of(Timed.DENSE, Timed.TERNARY, Timed.PREFILL, Timed.DECODE)) {
      Floor floor = floors.of(what);
      double rate = what == Timed.DECODE ? bandwidth : 1e3 * (what == Timed.TERNARY ? int8 : half);
      assertEquals(measured, floor.fails(), name + " " + what);
      assertTrue(floor.warn() < 0.6 * rate, "floors of kernels are below the device's own");
      if (!measured) {
        assertEquals((what == Timed.DECODE ? 0.20 : 0.15) * rate, floor.warn(), 1e-6 * rate);
        assertTrue(floor.source().startsWith("a share of the data sheet, none of its kind was measured"), floor.source());
      }
      assertTrue(floor.source().contains(measured ? "reached" : "NVIDIA"), floor.source());
    }
    assertEquals(measured, floors.of(Timed.TERNARY_DECODE) != null);
    assertNull(floors.of(Timed.COPY_TO), "the host's memory and its processor decide");
    if (name.equals("NVIDIA H200")) {
      assertEquals(floors(H100).of(Timed.DECODE).warn(), floors.of(Timed.DECODE).warn());
      assertTrue(floors.of(Timed.DECODE).source().contains("of the same multiprocessors"), floors.of(Timed.DECODE).source());
    }
  }

  @ParameterizedTest
  @CsvSource({"NVIDIA H100 80GB HBM3 MIG 1g.10gb", "NVIDIA GeForce RTX 4090 Laptop GPU", "Some other GPU", "NULL"})
  void ofOtherDevicesOnlyLatenciesAreKnown(String name) {
    Floors floors = floors(name.equals("NULL") ? null : name);
    for (Timed what : Timed.values()) {
      assertEquals(what == Timed.LAUNCH || what == Timed.STEP, floors.of(what) != null, what.id());
    }
    assertNotNull(floors.ofCall());
    SpeedChecks checks = new SpeedChecks(new FakeSubject(), floors, null, PlantedFaultsTest.SHORT, () -> Outcome.pass("alone"));
    Outcome dense = checks.all().stream().filter(c -> c.id().equals("speed.dense")).findFirst().orElseThrow().body().run(0);
    assertEquals(Verdict.UNKNOWN, dense.verdict());
    assertTrue(dense.reason().contains("no floor is known"), dense.reason());
  }

  @Test
  void aProcessorHasNoFloorButThatOfACall() {
    Floors floors = Floors.of("Some processor", false, null);
    for (Timed what : Timed.values()) {
      assertNull(floors.of(what), what.id());
    }
    assertFloor(1, 100, floors.ofCall());
  }

  @Test
  void slowerThanTheTableWarnsAndThenFails() {
    FakeSubject sound = new FakeSubject();
    SpeedChecks checks = new SpeedChecks(sound, floors(H100), null, PlantedFaultsTest.SHORT, () -> Outcome.pass("alone"));
    for (Timed what : Timed.values()) {
      Floor floor = floors(H100).of(what);
      if (floor == null || what == Timed.LAUNCH || what == Timed.STEP || what == Timed.PEAK_F32) {
        continue;
      }
      double rate = (what.unit().equals("GB/s") ? sound.speed(what).nBytes() : sound.speed(what).nOps()) / sound.speed(what).seconds() * 1e-9;
      assertEquals(Verdict.PASS, checks.judge(what.unit(), rate, 0.01, 0, SpeedChecks.FOREIGN, floor).verdict(), what.id());
      assertEquals(Verdict.WARN, checks.judge(what.unit(), rate / 1.45, 0.01, 0, SpeedChecks.FOREIGN, floor).verdict(), what.id());
      assertEquals(Verdict.FAIL, checks.judge(what.unit(), rate / 2.1, 0.01, 0, SpeedChecks.FOREIGN, floor).verdict(), what.id());
    }
  }

  private Path table(String text) throws IOException {
    return Files.writeString(directory.resolve("floors.json"), text);
  }

  /** A table of one device with one entry. */
  private static String entry(String check, String entry) {
    return "{\"format\": \"tern-floors\", \"version\": 1, \"devices\": [{\"name\": \"here\", \"source\": \"mine\", \"floors\": {\"" + check + "\": " + entry + "}}]}";
  }

  @Test
  void theExampleOfTheDocumentationIsATable() throws IOException {
    String docs = Files.readString(Path.of("docs/validation.md"));
    int begin = docs.indexOf("    {\"format\": \"tern-floors\"");
    Path example = table(docs.substring(begin, docs.indexOf("\n\n", begin)));
    Floors mine = Floors.of("NVIDIA H100 80GB HBM3", true, example);
    assertFloor(400_000, 300_000, mine.of(Timed.DENSE));
    assertFloor(20, 40, mine.of(Timed.STEP));
    assertEquals("our rack, 2026-11", mine.of(Timed.DENSE).source());
    assertEquals(floors(H100).of(Timed.DECODE), mine.of(Timed.DECODE), "what it does not name is Tern's own");
    Floors other = Floors.of("NVIDIA L40S", true, example);
    assertFloor(0.75 * 150_000, 0.5 * 150_000, other.of(Timed.DENSE));
    assertFalse(other.of(Timed.COPY_TO).fails());
    assertEquals(5, other.of(Timed.COPY_TO).warn());
  }

  @Test
  void aTableWithoutTheDeviceIsRefused() throws IOException {
    Path file = table(entry("speed.dense", "{\"unit\": \"Gop/s\", \"warn\": 2}"));
    assertEquals(2, Floors.of("here", false, file).of(Timed.DENSE).warn());
    assertTrue(assertThrows(FloorsException.class, () -> Floors.of("there", true, file)).getMessage().contains("has floors for here, none for there"));
    assertTrue(assertThrows(FloorsException.class, () -> Floors.of(null, true, file)).getMessage().contains("name cannot be read"));
  }

  @ParameterizedTest
  @CsvSource(delimiter = '|', quoteCharacter = '`', value = {
      "speed.dense | {\"unit\": \"Gop/s\", \"warn\": 0} | a positive number is needed",
      "speed.dense | {\"unit\": \"Gop/s\", \"warn\": -1} | a positive number is needed",
      "speed.dense | {\"unit\": \"Gop/s\", \"warn\": 1e999} | a positive number is needed",
      "speed.dense | {\"unit\": \"Gop/s\", \"warn\": \"1\"} | a positive number is needed",
      "speed.dense | {\"unit\": \"Gop/s\"} | a positive number is needed",
      "speed.dense | {\"unit\": \"Gop/s\", \"fail\": 1} | has warn",
      "speed.dense | {\"unit\": \"Gop/s\", \"warn\": 1, \"fail\": 2} | before it warns",
      "speed.step | {\"unit\": \"us\", \"warn\": 2, \"fail\": 1} | before it warns",
      "speed.dense | {\"unit\": \"GB/s\", \"warn\": 1} | it is measured in Gop/s",
      "speed.dense | {\"warn\": 1} | has no text \"unit\"",
      "speed.dense | {\"unit\": \"Gop/s\", \"warn\": 1, \"fial\": 1} | unknown \"fial\"",
      "speed.dense | {\"unit\": \"Gop/s\", \"reached\": 1, \"warn\": 1} | unknown \"warn\"",
      "speed.dense | {\"unit\": \"Gop/s\", \"reached\": 0} | a positive number is needed",
      "speed.dense | 5 | has no text \"unit\"",
      "speed.dance | {\"unit\": \"Gop/s\", \"warn\": 1} | no speed that is measured"})
  void aBadEntryIsRefused(String check, String entry, String reason) throws IOException {
    Path file = table(entry(check, entry));
    String message = assertThrows(FloorsException.class, () -> Floors.of("here", true, file)).getMessage();
    assertTrue(message.contains("floors.json") && message.contains(reason), message);
  }

  @Test
  void whatIsNoTableIsRefused() throws IOException {
    String device = "{\"name\": \"here\", \"source\": \"mine\", \"floors\": {\"speed.dense\": {\"unit\": \"Gop/s\", \"warn\": 2}}}";
    String head = "{\"format\": \"tern-floors\", \"version\": 1, \"devices\": ";
    Map<String, String> all = Map.ofEntries(Map.entry("", "is no JSON object"), Map.entry("{", "is not JSON"), Map.entry("[]", "is no JSON object"),
        Map.entry("7", "is no JSON object"), Map.entry("{}", "its \"format\" is not"), Map.entry("{\"format\": \"tern-floors\", \"version\": 2}", "has version 2"),
        Map.entry("{\"format\": \"tern-floors\", \"version\": 1}", "has no list"), Map.entry(head + "[]}", "has no list"), Map.entry(head + "[1]}", "has no text \"name\""),
        Map.entry(head + "[{\"name\": \" \", \"source\": \"mine\"}]}", "has no text \"name\""), Map.entry(head + "[{\"name\": \"here\"}]}", "has no text \"source\""),
        Map.entry(head + "[{\"name\": \"here\", \"source\": \"mine\"}]}", "has no \"floors\""), Map.entry(head + "[" + device + "," + device + "]}", "has here twice"),
        Map.entry(head + "[" + device + "], \"more\": 1}", "unknown \"more\""),
        Map.entry(head + "[{\"name\": \"x\", \"source\": \"mine\", \"as\": \"here\"}," + device + "]}", "does not stand before it"),
        Map.entry(head + "[{\"name\": \"x\", \"source\": \"mine\", \"as\": \"x\"}]}", "does not stand before it"),
        Map.entry(head + "[{\"name\": \"here\", \"name\": \"x\"}]}", "is not JSON"), Map.entry(head + "[" + device + "]} {}", "is not JSON"),
        Map.entry("[".repeat(100_000), "is not JSON"));
    for (Map.Entry<String, String> one : all.entrySet()) {
      Path file = table(one.getKey());
      String message = assertThrows(FloorsException.class, () -> Floors.of("here", true, file), one.getKey()).getMessage();
      assertTrue(message.contains("floors.json") && message.contains(one.getValue()), message);
    }
    assertTrue(assertThrows(FloorsException.class, () -> Floors.of("here", true, directory)).getMessage().contains("is a folder"));
    assertThrows(FloorsException.class, () -> Floors.of("here", true, directory.resolve("none")));
  }
}
