package dev.tern.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.tern.bench.KernelReport;
import dev.tern.bench.KernelReportJson;
import dev.tern.bench.KernelResult;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code tern bench kernel} on small shapes; what it measures is no matter here. */
class BenchKernelTest {
  @TempDir
  Path directory;

  private static Cli.Result bench(String... args) {
    String[] all = new String[args.length + 4];
    all[0] = "bench";
    all[1] = "kernel";
    all[2] = "--seconds";
    all[3] = "0.002";
    System.arraycopy(args, 0, all, 4, args.length);
    return Cli.run(all);
  }

  @Test
  void measuresAndWritesReports() throws IOException {
    Path json = directory.resolve("kernels.json");
    Path csv = directory.resolve("kernels.csv");
    Cli.Result result = bench("dense", "attention_decode", "--shapes", "2x33x64,1x70x4/2x16", "--dtype", "F16,BF16", "--warm", "--threads", "2", "--peer", "none", "--json",
        json.toString(), "--csv", csv.toString()).succeeded();
    assertTrue(result.out().contains("2x33x64") && result.out().contains("measured: read "), result.out());
    KernelReport report = KernelReportJson.read(Files.readString(json), "the report");
    List<String> keys = report.results().stream().map(r -> r.kernelCase().key()).toList();
    assertEquals(List.of("dense F16 2x33x64 warm", "dense BF16 2x33x64 warm", "attention_decode F16 1x70x4/2x16 warm", "attention_decode BF16 1x70x4/2x16 warm"),
        keys);
    KernelResult last = report.results().get(3); // the cpu keeps no keys in BF16
    assertTrue(last.unsupported().contains("BF16") && result.out().contains(last.unsupported()), result.out());
    assertEquals("2", report.options().get("threads"));
    List<String> lines = Files.readAllLines(csv);
    assertEquals(5, lines.size());
    long commas = lines.get(0).chars().filter(c -> c == ',').count();
    for (String line : lines) {
      assertEquals(commas, line.replaceAll("\"[^\"]*\"", "").chars().filter(c -> c == ',').count(), line);
    }
    Cli.Result same = Cli.run("bench", "compare", json.toString(), json.toString()).succeeded();
    assertTrue(same.out().contains("0 slower, 0 faster, 3 the same"), same.out());
  }

  @Test
  void refusesWhatIsNoCase() {
    bench("gemm").failedWith(2, 1);
    bench("dense", "--shapes", "1x2").failedWith(2, 1);
    bench("--shapes", "1x2x3").failedWith(2, 1);
    bench("dense", "--dtype", "F17").failedWith(2, 1);
    bench("dense", "--shapes", "1x2x3", "--dtype", "F17").failedWith(2, 1);
    bench("dense", "--shapes", "0x2x3").failedWith(2, 1);
    bench("--device", "abacus").failedWith(2, 1);
    bench("--peer", "nobody").failedWith(2, 1);
    Cli.run("bench", "kernel", "dense", "--seconds", "0").failedWith(2, 1);
  }
}
