package dev.tern.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.ObjectMapper;
import dev.tern.validate.Check;
import dev.tern.validate.Group;
import dev.tern.validate.Inventory;
import dev.tern.validate.Outcome;
import dev.tern.validate.Report;
import dev.tern.validate.Verdict;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ValidateTest {
  @TempDir
  Path directory;

  private static Report report(Verdict verdict) {
    Check check = new Check("correct.products", Group.CORRECTNESS, "products", false, round -> null);
    return new Report("cuda:0", "a GPU", "1.0", "quick", 0, "2026-01-02T03:04:05Z", 1, "{}", List.of(new Inventory("power", null, "not supported")),
        List.of(new Report.Result(check, new Outcome(verdict, "a reason", List.of()), 1, 1)), null);
  }

  @ParameterizedTest
  @CsvSource({"PASS,false,0", "PASS,true,0", "WARN,false,0", "WARN,true,3", "FAIL,false,4", "FAIL,true,4", "UNKNOWN,false,5", "UNKNOWN,true,5"})
  void theLastLineIsTheVerdictAndTheStatusFollowsIt(Verdict verdict, boolean strict, int status) throws IOException {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    Validate command = new Validate(Streams.of(InputStream.nullInputStream(), out, new ByteArrayOutputStream(), ""));
    command.strict = strict;
    command.json = directory.resolve("report.json");
    command.junit = directory.resolve("report.xml");
    assertEquals(status, command.end(report(verdict), command.files()));
    List<String> lines = out.toString(StandardCharsets.UTF_8).lines().toList();
    assertTrue(lines.get(lines.size() - 1).startsWith(verdict + ": a GPU (cuda:0), 1 checks: "), lines.toString());
    assertTrue(lines.get(0).matches("power +cannot be read: not supported"), lines.get(0));
    assertTrue(lines.stream().anyMatch(l -> l.matches(verdict + " +correct.products +a reason")), lines.toString());
    assertTrue(lines.contains("What a PASS does not say:"), lines.toString());
    assertEquals(verdict.name(), new ObjectMapper().readTree(Files.readString(command.json)).path("verdict").asText());
    assertTrue(Files.readString(command.junit).contains("<testcase classname=\"tern.validate.correctness\" name=\"correct.products\""));
  }

  @Test
  void aBadBaselineEndsBeforeAnythingIsChecked() throws IOException {
    Path bad = Files.writeString(directory.resolve("bad.json"), "{}");
    assertTrue(Cli.run("validate", "--baseline", bad.toString()).failedWith(1, 1).contains("bad.json is no report of tern validate"));
    assertTrue(Cli.run("validate", "--baseline", directory.resolve("none").toString()).failedWith(1, 1).contains("no such file"));
  }

  @ParameterizedTest
  @CsvSource({"PASS,false,1", "WARN,false,1", "WARN,true,3", "FAIL,false,4", "UNKNOWN,false,5"})
  void aReportThatCannotBeWrittenInTheEndTakesNothingFromTheVerdict(Verdict verdict, boolean strict, int status) throws IOException {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    ByteArrayOutputStream err = new ByteArrayOutputStream();
    Validate command = new Validate(Streams.of(InputStream.nullInputStream(), out, err, ""));
    Path folder = Files.createDirectory(directory.resolve("gone"));
    command.strict = strict;
    command.json = folder.resolve("report.json");
    command.junit = directory.resolve("report.xml");
    ReportFiles<Report> files = command.files();
    assertEquals(0, folder.toFile().list().length, "trying left something");
    Files.delete(folder);
    assertEquals(status, command.end(report(verdict), files));
    assertTrue(out.toString(StandardCharsets.UTF_8).lines().reduce("", (a, b) -> b).startsWith(verdict + ": "));
    assertTrue(err.toString(StandardCharsets.UTF_8).contains("report.json cannot be written"), err.toString(StandardCharsets.UTF_8));
    assertTrue(Files.readString(command.junit).contains("testsuites"), "the other one is written all the same");
  }

  @Test
  void aFileThatCannotBeWrittenIsRefusedAtOnce() {
    String missing = directory.resolve("missing").resolve("report").toString();
    for (String option : List.of("--json", "--junit")) {
      for (String file : List.of(missing, directory.toString())) {
        String error = Cli.run("validate", option, file).failedWith(2, 1); // one line: no check was begun
        assertTrue(error.contains(option + " " + file), error);
      }
    }
  }

  @Test
  void aReaderWhoGoesAwayDoesNotMakeTheDeviceABetterOne() {
    OutputStream closed = new OutputStream() {
      @Override
      public void write(int b) throws IOException {
        throw new IOException("Broken pipe");
      }
    };
    Validate command = new Validate(Streams.of(InputStream.nullInputStream(), closed, new ByteArrayOutputStream(), ""));
    assertEquals(Validate.FAULTY, command.end(report(Verdict.FAIL), command.files()));
  }

  @Test
  void aBadTableOfFloorsEndsBeforeAnythingIsChecked() throws IOException {
    Path bad = Files.writeString(directory.resolve("bad.json"), "{}");
    assertTrue(Cli.run("validate", "--floors", bad.toString()).failedWith(1, 1).contains("bad.json is no table of floors"));
  }

  @Test
  void aDeviceThatIsNotThereFails() {
    Cli.Result result = Cli.run("validate", "--device", "cuda:99");
    assertEquals(Validate.FAULTY, result.status(), result.err());
    assertTrue(result.out().contains("device.opens"), result.out());
    assertTrue(result.out().lines().reduce("", (a, b) -> b).startsWith("FAIL: "), result.out());
  }
}
