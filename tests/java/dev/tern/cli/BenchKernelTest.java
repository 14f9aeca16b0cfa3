package dev.tern.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.tern.Device;
import dev.tern.bench.KernelCase;
import dev.tern.bench.KernelOp;
import dev.tern.bench.KernelPeer;
import dev.tern.bench.KernelReport;
import dev.tern.bench.KernelReportJson;
import dev.tern.bench.KernelReports;
import dev.tern.bench.KernelResult;
import dev.tern.bench.KernelTimer;
import dev.tern.bench.KernelTimes;
import dev.tern.bench.PeerResult;
import dev.tern.bench.TernKernels;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
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
    Path html = directory.resolve("kernels.html");
    String huge = "1x16777216x4194304"; // 128 TiB, which no machine has room for: it fails, and costs no other its result
    Cli.Result result = bench("dense", "attention_decode", "dense", "--shapes", huge + ",2x33x64,1x70x4/2x16, 2x33x64", "--dtype", "F16,BF16,F16", "--warm",
        "--threads", "2", "--peer", "none", "--json", json.toString(), "--csv", csv.toString(), "--html", html.toString());
    assertEquals(1, result.status(), result.err());
    assertTrue(result.out().contains("2x33x64") && result.out().contains("measured: read "), result.out());
    KernelReport report = KernelReportJson.read(json);
    List<String> keys = report.results().stream().map(r -> r.kernelCase().key()).toList();
    assertEquals(List.of("dense F16 " + huge + " warm", "dense BF16 " + huge + " warm", "dense F16 2x33x64 warm", "dense BF16 2x33x64 warm",
        "attention_decode F16 1x70x4/2x16 warm", "attention_decode BF16 1x70x4/2x16 warm"),
        keys);
    assertTrue(report.results().get(0).failed() && report.results().get(0).unsupported().contains("MB"), report.results().get(0).unsupported());
    assertTrue(result.out().contains("Failed: 2. Not there on this device: 1."), result.out());
    KernelResult last = report.results().get(5); // the cpu keeps no keys in BF16
    assertTrue(last.unsupported().contains("BF16") && result.out().contains(last.unsupported()), result.out());
    assertEquals("2", report.options().get("threads"));
    assertTrue(Files.readString(html).contains("<h1>Kernels of ") && Files.readString(html).endsWith("</html>\n"));
    List<String> lines = Files.readAllLines(csv);
    assertEquals(7, lines.size());
    long commas = lines.get(0).chars().filter(c -> c == ',').count();
    for (String line : lines) {
      assertEquals(commas, line.replaceAll("\"[^\"]*\"", "").chars().filter(c -> c == ',').count(), line);
    }
    Cli.Result same = Cli.run("bench", "compare", json.toString(), json.toString()).succeeded();
    assertTrue(same.out().contains("0 slower, 0 faster, 3 the same"), same.out());
  }

  @Test
  void kernelsAreChosenByName() {
    KernelChoice choice = new KernelChoice(List.of("ternary", "sample"), "1x64x256,1x50", null, "all", true, true);
    try (TernKernels kernels = new TernKernels(Device.cpu(), 1)) {
      List<KernelCase> cases = choice.cases(kernels);
      List<String> names = kernels.kernels(KernelOp.TERNARY);
      assertEquals(2 * (names.size() + 1), cases.size());
      assertEquals("ternary TQ2_0 1x64x256 cold " + names.get(0), cases.get(0).key());
      assertEquals("sample F32 1x50 warm", cases.get(cases.size() - 1).key());
    }
  }

  @Test
  void whatWasNotMeasuredIsCounted() {
    KernelCase one = KernelCase.of(KernelOp.SAMPLE, "F32", "1x50", true).orElseThrow();
    KernelResult failed = KernelResult.failed(one, "fell over");
    KernelResult missing = KernelResult.unsupported(one, "not here");
    KernelResult known = KernelReports.result(9, KernelReports.around(1e-3, 1e-6));
    assertEquals("No case was measured. Failed: 1. Not there on this device: 2.\na note\n",
        new KernelTable(KernelReports.report(failed, missing, missing)).verdict());
    assertEquals("All 1 medians are known as well as was asked for. Failed: 1.\na note\n", new KernelTable(KernelReports.report(known, failed)).verdict());
    assertTrue(new KernelTable(KernelReports.report(known, failed)).table().contains("failed: fell over"));
  }

  @Test
  void peersFiguresAreDoubtedToo() {
    KernelResult known = KernelReports.result(9, KernelReports.around(1e-3, 1e-6));
    KernelTimes wide = new KernelTimes(KernelReports.around(2e-3, 2e-3), 1, 0.5, 0.03);
    KernelResult r = new KernelResult(known.kernelCase(), "", known.work(), known.times(), null,
        List.of(new PeerResult("wild", "1", wide, "in BF16"), new PeerResult("calm", "1", known.times(), "")));
    KernelTable table = new KernelTable(KernelReports.report(r, known));
    String doubts = "; in BF16; " + String.join("; ", wide.doubts());
    assertTrue(doubts.contains("not settled: ±") && doubts.contains("other processes took 50 %"), doubts);
    assertTrue(table.table().contains("takes 2.00 x Tern's time" + doubts), table.table());
    assertTrue(table.csv().contains("\"" + doubts.substring(2) + "\""), table.csv());
    assertTrue(table.verdict().startsWith("1 of 4 figures are doubtful"), table.verdict());
    KernelResult calm = new KernelResult(known.kernelCase(), "", known.work(), known.times(), null, List.of(new PeerResult("calm", "1", known.times(), "")));
    assertTrue(new KernelTable(KernelReports.report(calm)).verdict().startsWith("All 2 medians are known"));
  }

  /** A peer whose closing is counted. */
  private static KernelPeer peer(String name, AtomicInteger closed) {
    return new KernelPeer() {
      @Override
      public String name() {
        return name;
      }

      @Override
      public String version() {
        return "1";
      }

      @Override
      public Optional<String> unavailable() {
        return name.equals("absent") ? Optional.of("it is not here") : Optional.empty();
      }

      @Override
      public Optional<String> unsupported(KernelCase kernelCase) {
        return Optional.of("nothing");
      }

      @Override
      public KernelTimer prepare(KernelCase kernelCase) {
        throw new AssertionError();
      }

      @Override
      public void close() {
        closed.incrementAndGet();
        if (name.equals("absent")) {
          throw new IllegalStateException("closes badly");
        }
      }
    };
  }

  @Test
  void peersAreClosedWhateverHappens() {
    AtomicInteger closed = new AtomicInteger();
    List<KernelPeer> all = List.of(peer("here", closed), peer("absent", closed), peer("last", closed));
    IllegalArgumentException nobody = assertThrows(IllegalArgumentException.class, () -> new PeerChoice("here,nobody", all));
    assertTrue(nobody.getMessage().contains("[here, absent, last]"), nobody.getMessage());
    assertEquals(1, nobody.getSuppressed().length);
    assertEquals(3, closed.getAndSet(0));
    PeerChoice some = new PeerChoice("HERE, absent,here", all);
    assertEquals(List.of(all.get(0)), some.found());
    assertEquals(List.of("absent is not compared with: it is not here"), some.notes());
    assertThrows(IllegalStateException.class, some::close);
    assertEquals(3, closed.getAndSet(0));
    assertEquals(List.of(), new PeerChoice("none", all.subList(0, 1)).found());
    assertEquals(List.of(all.get(0), all.get(2)), new PeerChoice(null, all).found());
  }

  /** Before anything is measured: nothing is on standard output, and what is there of a file stays. */
  @Test
  void filesAreTriedFirst() throws IOException {
    Path file = Files.writeString(directory.resolve("file"), "kept");
    String[] bad = {directory.resolve("none/report.json").toString(), directory.toString(), file.resolve("below").toString()};
    for (String option : new String[] {"--json", "--csv"}) {
      for (String name : bad) {
        String err = bench("sample", "--shapes", "1x50", "--warm", "--peer", "none", option, name).failedWith(2, 1);
        assertTrue(err.contains(option), err);
      }
    }
    bench("sample", "--shapes", "1x50", "--json", file.toString(), "--dtype", "F17").failedWith(2, 1);
    assertEquals("kept", Files.readString(file));
    try (Stream<Path> left = Files.list(directory)) {
      assertEquals(List.of(file), left.toList());
    }
  }

  @Test
  void aReportIsReplacedAsAWhole() throws IOException {
    Path file = Files.writeString(directory.resolve("file"), "before");
    Path link = Files.createSymbolicLink(directory.resolve("link"), file);
    ReportFile report = ReportFile.of("--json", link);
    assertEquals("before", Files.readString(file));
    report.write("after");
    assertEquals("after", Files.readString(file));
    assertTrue(Files.isSymbolicLink(link));
    ReportFile.of("--json", Path.of("/dev/null")).write("nothing");
    ReportFile.of("--json", Path.of("/proc/self/fd/1")); // a pipe or a file: whatever it is, it is not replaced
    ReportFile.of("--json", null).write("nobody wants it");
    ReportFile gone = ReportFile.of("--json", Files.createDirectory(directory.resolve("folder")).resolve("file"));
    Files.delete(directory.resolve("folder"));
    assertThrows(UncheckedIOException.class, () -> gone.write("nowhere"));
  }

  @Test
  void refusesWhatIsNoCase() {
    bench("gemm").failedWith(2, 1);
    bench("dense", "--shapes", "1x2").failedWith(2, 1);
    bench("--shapes", "1x2x3").failedWith(2, 1);
    bench("dense", "--dtype", "F17").failedWith(2, 1);
    bench("dense", "--shapes", "1x2x3", "--dtype", "F17").failedWith(2, 1);
    bench("dense", "--shapes", "0x2x3").failedWith(2, 1);
    bench("attention_decode", "--shapes", "1x64x4/3x16").failedWith(2, 1);
    bench("dense", "--shapes", "100000x2x3").failedWith(2, 1); // that many rows the native side refuses
    bench("--device", "abacus").failedWith(2, 1);
    assertTrue(bench("ternary", "--kernel", "scalar,abacus").failedWith(2, 1).contains("scalar, "));
    bench("dense", "--kernel", "scalar").failedWith(2, 1);
    bench("--peer", "nobody").failedWith(2, 1);
    Cli.run("bench", "kernel", "dense", "--seconds", "0").failedWith(2, 1);
  }
}
