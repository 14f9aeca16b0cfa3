package dev.tern.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.tern.bench.KernelReportJson;
import dev.tern.bench.KernelReports;
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
    String before = Files.readString(other);
    assertTrue(Cli.run("report", other.toString(), other.toString()).failedWith(2, 1).contains("would replace the report"));
    assertEquals(before, Files.readString(other));
    assertTrue(Cli.run("bench", "kernel", "--json", page.toString(), "--html", page.toString()).failedWith(2, 1).contains("--html and --json are both"));
  }

  /** Nobody reads the table, or one file cannot be written any more: the other files are there. */
  @Test
  void noFileIsLostForAnotherOrForAReaderWhoGoes() throws IOException {
    Path folder = Files.createDirectory(directory.resolve("gone"));
    Path kept = directory.resolve("kept");
    ByteArrayOutputStream err = new ByteArrayOutputStream();
    ReportFiles<String> files = new ReportFiles<String>().add("--json", folder.resolve("a"), r -> r + 1).add("--csv", null, r -> r).add("--html", kept, r -> r + 2);
    Files.delete(folder);
    assertFalse(files.write("x", Streams.of(InputStream.nullInputStream(), OutputStream.nullOutputStream(), err, "")));
    assertEquals("x2", Files.readString(kept));
    assertTrue(err.toString(StandardCharsets.UTF_8).contains("cannot be written"));
    OutputStream closed = new OutputStream() {
      @Override
      public void write(int b) throws IOException {
        throw new IOException("Broken pipe");
      }
    };
    BenchKernel command = new BenchKernel(Streams.of(InputStream.nullInputStream(), closed, err, ""), (device, threads) -> List.of());
    command.ops = List.of("norm_quantize");
    command.shapes = "1x64";
    command.device = "cpu";
    command.seconds = 0.01;
    command.spread = 0.5;
    command.json = directory.resolve("k.json");
    assertThrows(Output.ClosedOutputException.class, command::call);
    assertTrue(Files.readString(command.json).contains("tern-bench-kernel"));
  }

  @Test
  void aPageThatCannotBeWrittenIsRefusedBeforeAnythingIsMeasured() {
    String nowhere = directory.resolve("no").resolve("page.html").toString();
    assertTrue(Cli.run("bench", "kernel", "--html", nowhere).failedWith(2, 1).contains("is no folder"));
    assertTrue(Cli.run("validate", "--html", nowhere).failedWith(2, 1).contains("is no folder"));
    assertTrue(Cli.run("report", "docs/validation/h100-standard.json", nowhere).failedWith(2, 1).contains("is no folder"));
  }
}
