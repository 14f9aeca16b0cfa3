package dev.tern.cli;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.tern.bench.KernelReportJson;
import dev.tern.bench.KernelReports;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ReportCommandTest {
  @TempDir
  Path directory;

  private Path file(String name, String text) throws IOException {
    return Files.writeString(directory.resolve(name), text);
  }

  @Test
  void savedReportsBecomePages() throws IOException {
    Path page = directory.resolve("page.html");
    Path kernels = file("kernels.json", KernelReportJson.write(KernelReports.report(KernelReports.result(9, 1e-3))));
    Cli.run("report", kernels.toString(), page.toString()).succeeded();
    assertTrue(Files.readString(page).contains("<h1>Kernels of an abacus</h1>"));
    Cli.run("report", "docs/validation/h100-standard.json", page.toString()).succeeded();
    assertTrue(Files.readString(page).contains("<h1>Validation of NVIDIA H100 80GB HBM3</h1>"));
  }

  @Test
  void whatIsNoReportIsRefusedAndNothingIsWritten() throws IOException {
    Path page = directory.resolve("page.html");
    Path other = file("other.json", "{\"a\": 1}");
    assertTrue(Cli.run("report", other.toString(), page.toString()).failedWith(2, 1).contains("other.json is no report"));
    assertTrue(Cli.run("report", file("bad.json", "{").toString(), page.toString()).failedWith(2, 1).contains("is not JSON"));
    assertTrue(Cli.run("report", directory.resolve("none.json").toString(), page.toString()).failedWith(2, 1).contains("no such file"));
    Path binary = Files.write(directory.resolve("binary.json"), new byte[] {(byte) 0xff, 0, 1});
    assertTrue(Cli.run("report", binary.toString(), page.toString()).failedWith(2, 1).contains("not UTF-8"));
    assertFalse(Files.exists(page));
  }

  @Test
  void aPageThatCannotBeWrittenIsRefusedBeforeAnythingIsMeasured() {
    String nowhere = directory.resolve("no").resolve("page.html").toString();
    assertTrue(Cli.run("bench", "kernel", "--html", nowhere).failedWith(2, 1).contains("is no folder"));
    assertTrue(Cli.run("validate", "--html", nowhere).failedWith(2, 1).contains("is no folder"));
    assertTrue(Cli.run("report", "docs/validation/h100-standard.json", nowhere).failedWith(2, 1).contains("is no folder"));
  }
}
