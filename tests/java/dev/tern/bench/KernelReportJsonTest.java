package dev.tern.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class KernelReportJsonTest {
  @TempDir
  Path directory;

  private static KernelReport full() {
    KernelResult plain = KernelReports.result(1000, KernelReports.around(1e-5, 1e-7));
    PeerResult timed = new PeerResult("cuBLASLt", "13.0", new KernelTimes(new double[] {1e-5, 2e-5}, 3, 0.25, 0.03), "in BF16");
    PeerResult silent = new PeerResult("cuDNN", "9", null, "no such op");
    KernelResult withPeers = new KernelResult(KernelCase.of(KernelOp.DENSE, "F16", "1x2x3", false).orElseThrow(), "halves", plain.work(), plain.times(), null,
        List.of(timed, silent));
    KernelResult unsupported = KernelResult.unsupported(KernelCase.of(KernelOp.ROPE_APPEND, "BF16", "1x8/2x64", true).orElseThrow(), "not here");
    KernelResult named = new KernelResult(KernelCase.of(KernelOp.TERNARY, "TQ2_0", "1x2x3", true).orElseThrow().withKernel("scalar"), "scalar", plain.work(),
        plain.times(), null, List.of());
    KernelReport r = KernelReports.report(plain, withPeers, unsupported, named);
    return new KernelReport(r.version(), r.date(), r.machine(), "cuda:0", "NVIDIA H200", r.description(), r.options(), r.ceilings(),
        Datasheet.of("NVIDIA H200").orElseThrow(), r.notes(), r.results());
  }

  @Test
  void readsWhatItWrites() {
    for (KernelReport report : List.of(full(), KernelReports.report())) {
      assertEquals(report, KernelReportJson.read(KernelReportJson.write(report), "a test"));
    }
  }

  @Test
  void holdsWhatIsDocumented() throws JsonProcessingException {
    JsonNode root = new ObjectMapper().readTree(KernelReportJson.write(full()));
    assertEquals("tern-bench-kernel", root.path("schema").asText());
    assertEquals(1, root.path("schema_version").asInt());
    JsonNode result = root.path("results").get(0);
    assertEquals(1e-5, result.path("median_s").asDouble(), 1e-12);
    assertEquals(20, result.path("samples_s").size());
    assertEquals((4000 + 8) / 1e-5, result.path("bytes_per_s").asDouble(), 1);
    assertEquals((4000 + 8) / 1e-5 / 10e9, result.path("of_bandwidth").asDouble(), 1e-9);
    assertEquals(2000 / 1e-5 / 100e9, result.path("of_peak").asDouble(), 1e-9);
    assertEquals(result.path("of_bandwidth"), result.path("of_roofline"));
    assertTrue(result.path("foreign").isNull());
    assertEquals("in BF16", root.path("results").get(1).path("peers").get(0).path("note").asText());
    assertEquals("scalar", root.path("results").get(3).path("asked_kernel").asText());
    assertTrue(result.path("asked_kernel").isMissingNode());
    assertEquals("not here", root.path("results").get(2).path("unsupported").asText());
  }

  @Test
  void refusesWhatIsNoReport() {
    String good = KernelReportJson.write(full());
    String[] bad = {"", "{", "[]", "3", "{}", "{\"schema\": \"tern-bench-kernel\"}", "{\"schema\": \"tern-bench-kernel\", \"schema_version\": 1}",
        good.replace("\"schema_version\" : 1", "\"schema_version\" : 2"), good.replace("\"op\" : \"sample\"", "\"op\" : \"pray\""),
        good.replace("\"peak\" : \"f32\"", "\"peak\" : \"f31\""), good.replace("\"samples_s\"", "\"samples\""), good.replace("\"rows\" : 1,", "\"rows\" : \"one\","),
        good.replace("\"calls_per_sample\"", "\"calls\""), good.replaceAll("\"samples_s\" : \\[[^\\]]*\\]", "\"samples_s\" : []"),
        good.replaceAll("\"samples_s\" : \\[[^\\]]*\\]", "\"samples_s\" : [-1]"), good.replaceAll("\"samples_s\" : \\[[^\\]]*\\]", "\"samples_s\" : [null]"), good.replace("\"rows\" : 1,", "\"rows\" : 1, \"rows\" : 1,"), good + "{}"};
    for (String text : bad) {
      assertThrows(ReportFormatException.class, () -> KernelReportJson.read(text, "a test"), text);
    }
  }

  /** With the field's name. */
  @Test
  void refusesWhatCannotBe() {
    String good = KernelReportJson.write(full());
    String[][] bad = {{"rows", "0"}, {"rows", "-1"}, {"rows", "1.5"}, {"rows", "3000000000"}, {"rows", "1e3"}, {"out", "-1"}, {"out", "7"}, {"in", "-3"},
        {"heads", "2"}, {"ops", "-1"}, {"ops", "1e999"}, {"ops", "99999999999999999999"}, {"bytes_read", "-5"}, {"bytes_written", "null"},
        {"calls_per_sample", "0"}, {"wanted_spread", "-0.1"}, {"wanted_spread", "\"NaN\""}, {"read_bytes_per_s", "-1"}, {"read_bytes_per_s", "1e999"},
        {"cache_bytes", "-1"}, {"cache", "\"tepid\""}, {"foreign", "2"}, {"foreign", "\"0.5\""},
        {"bytes_written", "9223372036854775807"}, {"samples_s", "7, \"x\" : [1"}, {"samples_s", "{\"a\" : 1}, \"x\" : [1"}, {"samples_s", "[true"},
        {"samples_s", "[\"0.5\""}, {"samples_s", "[1e999"}, {"samples_s", "[{\"a\" : 1}"}, {"peers", "{}"}, {"notes", "\"none\""},
        {"results", "{\"a\" : {}}, \"x\" : [{"}};
    for (String[] change : bad) {
      String text = good.replaceFirst("\"" + change[0] + "\" : [^,\n]+", "\"" + change[0] + "\" : " + change[1]);
      assertNotEquals(good, text, change[0]);
      ReportFormatException e = assertThrows(ReportFormatException.class, () -> KernelReportJson.read(text, "a test"), change[0] + " " + change[1]);
      assertTrue(e.getMessage().startsWith("a test: ") && e.getMessage().contains(change[0]), e.getMessage());
    }
    assertThrows(ReportFormatException.class, () -> KernelReportJson.read(good.replaceFirst("\"in\" : 1000", "\"in\" : 0"), "a test"));
    assertThrows(ReportFormatException.class, () -> KernelReportJson.read(good.replaceFirst("\"median_s\" : [^,]+", "\"median_s\" : NaN"), "a test"));
  }

  /** A page names it in a command. */
  @Test
  void theDeviceIsOne() {
    String good = KernelReportJson.write(full());
    for (String device : new String[] {"cpu", "cuda", "cuda:0", "cuda:15"}) {
      assertEquals(device, KernelReportJson.read(good.replace("\"name\" : \"cuda:0\"", "\"name\" : \"" + device + "\""), "a test").device());
    }
    for (String device : new String[] {"\"\"", "\"cpu; rm -rf ~\"", "\"cuda:\"", "\"cuda:0 \"", "\"cuda:0\\n\"", "\"CPU\"", "\"cuda:99999\"", "null", "1"}) {
      String text = good.replace("\"name\" : \"cuda:0\"", "\"name\" : " + device);
      assertNotEquals(good, text);
      ReportFormatException e = assertThrows(ReportFormatException.class, () -> KernelReportJson.read(text, "a test"), device);
      assertTrue(e.getMessage().contains("cpu, cuda or cuda:N"), e.getMessage());
    }
  }

  private static KernelReport peers(int results, int peers, boolean others) {
    KernelResult plain = KernelReports.result(9, 1);
    return KernelReports.report(IntStream.range(0, results).mapToObj(r -> new KernelResult(plain.kernelCase(), "", plain.work(), plain.times(), null,
        IntStream.range(0, peers).mapToObj(p -> new PeerResult("peer " + (others ? r * peers + p : p), "1", plain.times(), "")).toList()))
        .toArray(KernelResult[]::new));
  }

  @Test
  void resultsAndPeersAreBounded() {
    for (KernelReport good : List.of(peers(10_000, 0, false), peers(312, 32, false), peers(2, 32, true))) {
      assertEquals(good, KernelReportJson.read(KernelReportJson.write(good), "a test"));
    }
    for (KernelReport bad : List.of(peers(10_001, 0, false), peers(1, 33, false), peers(5, 13, true), peers(313, 32, false))) {
      String text = KernelReportJson.write(bad);
      assertThrows(ReportFormatException.class, () -> KernelReportJson.read(text, "a test"));
    }
  }

  @Test
  void filesAreBounded() throws IOException {
    Path file = Files.writeString(directory.resolve("report.json"), KernelReportJson.write(full()));
    assertEquals(full(), KernelReportJson.read(file));
    int size = (int) Files.size(file);
    assertEquals("tern-bench-kernel", JsonFile.read(file, size).path("schema").asText());
    assertTrue(assertThrows(ReportFormatException.class, () -> JsonFile.read(file, size - 1)).getMessage().contains("more than " + (size - 1) + " bytes"));
    assertThrows(ReportFormatException.class, () -> JsonFile.read(Path.of("/dev/zero"), 1000)); // without an end
    assertThrows(ReportFormatException.class, () -> JsonFile.read(directory.resolve("none.json")));
    assertTrue(assertThrows(ReportFormatException.class, () -> JsonFile.read(directory)).getMessage().contains("is a folder"));
    Path deep = Files.writeString(directory.resolve("deep.json"), "{\"a\":" + "[".repeat(10_000) + "]".repeat(10_000) + "}");
    assertThrows(ReportFormatException.class, () -> JsonFile.read(deep));
    Path many = Files.writeString(directory.resolve("many.json"), "{\"a\":[" + "1,".repeat(4 << 20) + "1]}");
    assertThrows(ReportFormatException.class, () -> JsonFile.read(many));
    Path binary = Files.write(directory.resolve("binary.json"), new byte[] {'{', (byte) 0xff, '}'});
    assertThrows(ReportFormatException.class, () -> JsonFile.read(binary));
  }
}
