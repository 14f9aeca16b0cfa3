package dev.tern.cli;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.tern.Device;
import dev.tern.TernException;
import dev.tern.bench.Ceilings;
import dev.tern.bench.CpuTimes;
import dev.tern.bench.Datasheet;
import dev.tern.bench.KernelCase;
import dev.tern.bench.KernelPeer;
import dev.tern.bench.KernelReport;
import dev.tern.bench.KernelReportJson;
import dev.tern.bench.KernelResult;
import dev.tern.bench.KernelSampler;
import dev.tern.bench.KernelSuite;
import dev.tern.bench.TernKernels;
import dev.tern.report.KernelHtml;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.function.BiFunction;
import java.util.function.Supplier;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code tern bench kernel}: how far each kernel is from what the hardware allows. */
@Command(name = "kernel", description = {
    "Times each kernel on its own, and compares with the bandwidth and the arithmetic that this device reaches in the same run, and with its datasheet.",
    "Medians with half of their 95 %% interval; cases are repeated until it is small or the time is over, and the report says where it is not.",
    "The exit status is 1 if a case failed; the others are reported all the same."})
final class BenchKernel implements Callable<Integer> {
  private static final int MAX_CALLS = 2048;
  private static final double SAMPLE_SECONDS = 5e-3;
  private static final double MUCH_CHANGE = 0.1;

  @Parameters(paramLabel = "OP", arity = "0..*", description = "attention_decode, attention_prefill, ternary, dense, norm_quantize, gate_norm_quantize, "
      + "rope_append, embed, sample; default: all")
  List<String> ops = new ArrayList<>();

  @Option(names = "--shapes", paramLabel = "SHAPE,...", description = "ROWSxOUTxIN of ternary, dense and embed, ROWSxKEYSxHEADS/KV_HEADSxHEAD_DIM of attention, "
      + "ROWSxHEADS/KV_HEADSxHEAD_DIM of rope_append, ROWSxDIM of the others; default: those of two models")
  String shapes;

  @Option(names = "--dtype", paramLabel = "TYPE,...", description = "of weights, or of keys and values: F16, BF16, Q8_0, Q6_K, Q4_0, F32, I8, TQ2_0; default: all "
      + "that the default cases have")
  String dtypes;

  @Option(names = "--kernel", paramLabel = "NAME,...", description = "ternary cases by these kernels, one after another; all: by every one that this "
      + "processor runs; default: by the one that it picks")
  String kernelNames;

  @Option(names = "--device", paramLabel = "NAME", defaultValue = "cpu", description = "cpu, the default; cuda, the first GPU; cuda:N")
  String device;

  @Option(names = "--threads", paramLabel = "N", description = "threads that compute; 0, the default: one per core")
  int threads;

  @Option(names = "--cold", description = "each call finds its data outside of the caches; the default")
  boolean cold;

  @Option(names = "--warm", description = "all calls have the same data; with --cold: both")
  boolean warm;

  @Option(names = "--seconds", paramLabel = "N", defaultValue = "1", description = "for a case; default ${DEFAULT-VALUE}")
  double seconds;

  @Option(names = "--spread", paramLabel = "SHARE", defaultValue = "0.03", description = "of a median that its interval may span; default ${DEFAULT-VALUE}")
  double spread;

  @Option(names = "--peer", paramLabel = "NAME,...", description = "libraries to time beside; none: none; default: all that are found")
  String peerNames;

  @Option(names = "--json", paramLabel = "FILE", description = "writes the report there: what bench compare reads")
  Path json;

  @Option(names = "--csv", paramLabel = "FILE", description = "writes the figures there")
  Path csv;

  @Option(names = "--html", paramLabel = "FILE", description = "writes a page with plots there: one file, no script, no network")
  Path html;

  private final Streams io;
  private final BiFunction<Device, Integer, List<KernelPeer>> allPeers;
  private final List<String> notes = new ArrayList<>();

  /** @param allPeers of a device and a number of threads, those that are missing too */
  BenchKernel(Streams io, BiFunction<Device, Integer, List<KernelPeer>> allPeers) {
    this.io = io;
    this.allPeers = allPeers;
  }

  @Override
  public Integer call() {
    // Whatever may be wrong with the command line is found before anything is measured.
    Device which = Device.of(device);
    KernelSampler.Limits limits = new KernelSampler.Limits(seconds, SAMPLE_SECONDS, spread, MAX_CALLS);
    Supplier<CpuTimes> cpuTimes = which.isCuda() ? null : () -> CpuTimes.now(List.of());
    KernelChoice choice = new KernelChoice(ops, shapes, dtypes, kernelNames, cold, warm);
    ReportFiles<KernelReport> files = new ReportFiles<KernelReport>().add("--json", json, KernelReportJson::write).add("--csv", csv, r -> new KernelTable(r).csv())
        .add("--html", html, KernelHtml::of);
    Progress progress = new Progress(io, "measuring");
    try (TernKernels kernels = new TernKernels(which, threads); PeerChoice peers = new PeerChoice(peerNames, allPeers.apply(which, kernels.threads()))) {
      notes.addAll(peers.notes());
      List<KernelCase> cases = choice.cases(kernels);
      Ceilings begin = kernels.ceilings();
      KernelSuite suite = new KernelSuite(kernels, peers.found(), new KernelSampler(limits, System::nanoTime, cpuTimes));
      List<KernelResult> results = new ArrayList<>();
      try {
        for (KernelCase c : cases) {
          progress.at(results.size(), cases.size(), c.key());
          results.add(suite.run(c));
        }
      } finally {
        progress.clear();
      }
      Ceilings ceilings = ceilings(kernels, begin);
      String name = deviceName(which, kernels.describe());
      KernelReport report = new KernelReport(Tern.version(), Instant.now().truncatedTo(ChronoUnit.SECONDS).toString(), machine(), which.name(), name,
          kernels.describe(), options(kernels.threads()), ceilings, Datasheet.of(name).orElse(null), notes, results);
      boolean written = files.write(report, io);
      KernelTable table = new KernelTable(report);
      io.out().print(table.head() + "\n" + table.table() + "\n" + table.verdict());
      return !written || results.stream().anyMatch(KernelResult::failed) ? Tern.FAILED : Tern.OK;
    }
  }

  /** The better of before and now; a device that is in no state to be measured any more does not cost the results. */
  private Ceilings ceilings(TernKernels kernels, Ceilings begin) {
    try {
      Ceilings end = kernels.ceilings();
      if (begin.difference(end) > MUCH_CHANGE) {
        notes.add(String.format(Locale.ROOT, "What the device reaches changed by %.0f %% from the first case to the last: shares are of the better.",
            100 * begin.difference(end)));
      }
      return begin.orBetter(end);
    } catch (TernException e) {
      notes.add("What the device reaches could not be measured again at the end: " + e.getMessage());
      return begin;
    }
  }

  private Map<String, String> options(int nThreads) {
    Map<String, String> map = new LinkedHashMap<>();
    map.put("ops", String.join(" ", ops));
    map.put("shapes", shapes == null ? "" : shapes);
    map.put("dtype", dtypes == null ? "" : dtypes);
    map.put("kernel", kernelNames == null ? "" : kernelNames);
    map.put("cache", cold && warm ? "cold warm" : warm ? "warm" : "cold");
    map.put("threads", Integer.toString(nThreads));
    map.put("seconds", Double.toString(seconds));
    map.put("spread", Double.toString(spread));
    return map;
  }

  private static Map<String, String> machine() {
    Map<String, String> map = new LinkedHashMap<>();
    map.put("processor", processor());
    map.put("cores", Integer.toString(Runtime.getRuntime().availableProcessors()));
    map.put("os", System.getProperty("os.name") + " " + System.getProperty("os.version"));
    map.put("java", System.getProperty("java.runtime.version"));
    return map;
  }

  private static String processor() {
    try {
      return Files.readAllLines(Path.of("/proc/cpuinfo")).stream().filter(line -> line.startsWith("model name")).findFirst()
          .map(line -> line.substring(line.indexOf(':') + 1).strip()).orElse("unknown");
    } catch (IOException e) {
      return "unknown";
    }
  }

  private static String deviceName(Device which, String description) {
    if (!which.isCuda()) {
      return processor();
    }
    try {
      return new ObjectMapper().readTree(description).path("device").asText();
    } catch (JsonProcessingException e) {
      throw new IllegalStateException("the device describes itself as " + description, e);
    }
  }
}
