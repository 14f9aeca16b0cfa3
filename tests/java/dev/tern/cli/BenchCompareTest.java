package dev.tern.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.tern.bench.KernelReport;
import dev.tern.bench.KernelReportJson;
import dev.tern.bench.KernelReports;
import dev.tern.bench.KernelResult;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class BenchCompareTest {
  @TempDir
  Path directory;

  private String file(String name, KernelReport report) throws IOException {
    return Files.writeString(directory.resolve(name), KernelReportJson.write(report)).toString();
  }

  private static KernelReport of(double first, double second) {
    return KernelReports.report(KernelReports.result(9, KernelReports.around(first, 0.01 * first)), KernelReports.result(10, KernelReports.around(second, 0.01)));
  }

  @Test
  void aSlowerCaseFails() throws IOException {
    String before = file("a.json", of(1e-3, 1));
    String after = file("b.json", of(1.1e-3, 1));
    Cli.Result slower = Cli.run("bench", "compare", before, after);
    assertEquals(1, slower.status());
    assertTrue(slower.out().contains("1.100") && slower.out().contains("1 slower, 0 faster, 1 the same"), slower.out());
    assertTrue(Cli.run("bench", "compare", after, before).succeeded().out().contains("0 slower, 1 faster"));
    assertTrue(Cli.run("bench", "compare", before, after, "--threshold", "12").succeeded().out().contains("0 slower, 0 faster, 2 the same"));
  }

  /** A case of half a minute a call has few samples. */
  @Test
  void aSlowCaseThatBecomesSlowerFails() throws IOException {
    String before = file("a.json", KernelReports.report(KernelReports.result(9, 30, 30.1, 30.2)));
    String after = file("b.json", KernelReports.report(KernelReports.result(9, 90)));
    assertEquals(1, Cli.run("bench", "compare", before, after).status());
    assertTrue(Cli.run("bench", "compare", after, before).succeeded().out().contains("0 slower, 1 faster"));
  }

  @Test
  void aPipeIsNoReport() throws IOException, InterruptedException {
    Path pipe = directory.resolve("pipe.json");
    assertEquals(0, new ProcessBuilder("mkfifo", pipe.toString()).start().waitFor());
    String good = file("a.json", of(1e-3, 1));
    Cli.Result result = assertTimeoutPreemptively(Duration.ofSeconds(60), () -> Cli.run("bench", "compare", good, pipe.toString()));
    result.failedWith(2, 1);
    assertTrue(result.err().contains("pipe.json cannot be read: it is no regular file"), result.err());
  }

  @Test
  void doubtfulFiguresAreSaid() throws IOException {
    String quiet = file("a.json", of(1e-3, 1));
    String noisy = file("b.json", KernelReports.report(KernelReports.result(9, KernelReports.around(1e-3, 1e-3))));
    assertTrue(Cli.run("bench", "compare", noisy, quiet).succeeded().out().contains("1 of the 3 figures were doubtful"));
    assertFalse(Cli.run("bench", "compare", quiet, quiet).succeeded().out().contains("doubtful"));
  }

  @Test
  void aLostCaseIsSaid() throws IOException {
    String before = file("a.json", of(1e-3, 1));
    String after = file("b.json", KernelReports.report(KernelReports.result(9, KernelReports.around(1e-3, 1e-5))));
    Cli.Result lost = Cli.run("bench", "compare", before, after);
    assertEquals(1, lost.status());
    assertTrue(lost.out().contains("only before") && lost.out().contains("Measured before and not now: 1"), lost.out());
  }

  @Test
  void otherThreadsAreSaid() throws IOException {
    KernelReport two = of(1e-3, 1);
    Map<String, String> four = Map.of("threads", "4");
    KernelReport more = new KernelReport(two.version(), two.date(), two.machine(), two.device(), two.deviceName(), two.description(), four, two.ceilings(),
        null, two.notes(), two.results());
    KernelReport gpu = new KernelReport(two.version(), two.date(), two.machine(), "cuda:0", two.deviceName(), two.description(), four, two.ceilings(), null,
        two.notes(), two.results());
    String before = file("a.json", two);
    assertEquals("tern: the reports are of different numbers of threads: 2, and 4\n",
        Cli.run("bench", "compare", before, file("b.json", more)).succeeded().err());
    assertEquals("", Cli.run("bench", "compare", file("c.json", gpu), file("d.json", gpu)).succeeded().err());
    assertEquals("", Cli.run("bench", "compare", before, before).succeeded().err());
  }

  @Test
  void nothingToCompareIsNoComparison() throws IOException {
    String none = file("none.json", KernelReports.report(KernelResult.failed(KernelReports.result(9, 1).kernelCase(), "fell over")));
    Cli.run("bench", "compare", none, none).failedWith(2, 1);
    String some = file("some.json", of(1e-3, 1));
    assertEquals(1, Cli.run("bench", "compare", some, none).status());
    assertTrue(Cli.run("bench", "compare", "--help").succeeded().out().replaceAll("\\s+", " ").contains("or was measured before and is not now"));
  }

  @Test
  void badFilesAreRefused() throws IOException {
    String good = file("a.json", of(1, 1));
    String bad = Files.writeString(directory.resolve("bad.json"), "{\"schema\": 1}").toString();
    String binary = Files.write(directory.resolve("binary.json"), new byte[] {(byte) 0xff, 0, 1}).toString();
    for (String file : new String[] {bad, binary, directory.resolve("none.json").toString()}) {
      Cli.run("bench", "compare", good, file).failedWith(2, 1);
      Cli.run("bench", "compare", file, good).failedWith(2, 1);
    }
    assertEquals(2, Cli.run("bench", "compare", good).status());
    Cli.run("bench", "compare", good, good, "--threshold", "-1").failedWith(2, 1);
  }
}
