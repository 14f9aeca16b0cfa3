package dev.tern.cli;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.tern.Device;
import dev.tern.bench.Ceilings;
import dev.tern.bench.CpuTimes;
import dev.tern.bench.Datasheet;
import dev.tern.bench.KernelCase;
import dev.tern.bench.KernelOp;
import dev.tern.bench.KernelPeer;
import dev.tern.bench.KernelReport;
import dev.tern.bench.KernelReportJson;
import dev.tern.bench.KernelResult;
import dev.tern.bench.KernelSampler;
import dev.tern.bench.KernelSuite;
import dev.tern.bench.TernKernels;
import dev.tern.report.KernelHtml;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.function.BiFunction;
import java.util.function.Supplier;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code tern bench kernel}: how far each kernel is from what the hardware allows. */
@Command(name = "kernel", description = {
    "Times each kernel on its own, and compares with the bandwidth and the arithmetic that this device reaches in the same run, and with its datasheet.",
    "Medians with half of their 95 %% interval; cases are repeated until it is small or the time is over, and the report says where it is not."})
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
    Device which = Device.of(device);
    KernelSampler.Limits limits = new KernelSampler.Limits(seconds, SAMPLE_SECONDS, spread, MAX_CALLS);
    Supplier<CpuTimes> cpuTimes = which.isCuda() ? null : () -> CpuTimes.now(List.of());
    List<KernelOp> wanted = ops.stream().map(KernelOp::of).toList();
    ReportFile htmlFile = ReportFile.of("--html", html);
    Progress progress = new Progress(io, "measuring");
    try (TernKernels kernels = new TernKernels(which, threads)) {
      List<KernelCase> cases = cases(kernels, wanted);
      List<KernelPeer> found = peers(which, kernels.threads());
      try {
        Ceilings begin = kernels.ceilings();
        KernelSuite suite = new KernelSuite(kernels, found, new KernelSampler(limits, System::nanoTime, cpuTimes));
        List<KernelResult> results = new ArrayList<>();
        for (KernelCase c : cases) {
          progress.at(results.size(), cases.size(), c.key());
          results.add(suite.run(c));
        }
        progress.clear();
        Ceilings end = kernels.ceilings();
        if (begin.difference(end) > MUCH_CHANGE) {
          notes.add(String.format(Locale.ROOT, "What the device reaches changed by %.0f %% from the first case to the last: shares are of the better.",
              100 * begin.difference(end)));
        }
        String name = deviceName(which, kernels.describe());
        KernelReport report = new KernelReport(Tern.version(), Instant.now().truncatedTo(ChronoUnit.SECONDS).toString(), machine(), which.name(), name, kernels.describe(),
            options(kernels.threads()), begin.orBetter(end), Datasheet.of(name).orElse(null), notes, results);
        finish(report);
        htmlFile.write(KernelHtml.of(report));
      } finally {
        progress.clear();
        found.forEach(KernelPeer::close);
      }
    }
    return Tern.OK;
  }

  private void finish(KernelReport report) {
    KernelTable table = new KernelTable(report);
    io.out().print(table.head() + "\n" + table.table() + "\n" + table.verdict());
    write(json, KernelReportJson.write(report));
    write(csv, table.csv());
  }

  private static void write(Path file, String text) {
    if (file == null) {
      return;
    }
    try {
      Files.writeString(file, text);
    } catch (IOException e) {
      throw new UncheckedIOException(file + " cannot be written: " + e, e);
    }
  }

  private List<KernelCase> cases(TernKernels kernels, List<KernelOp> wanted) {
    List<String> types = dtypes == null ? List.of() : Arrays.stream(dtypes.split(",")).map(String::strip).toList();
    List<KernelCase> all = new ArrayList<>();
    for (boolean isCold : cold && warm ? new boolean[] {true, false} : new boolean[] {!warm}) {
      if (shapes != null) {
        all.addAll(given(wanted, types, isCold));
      } else {
        kernels.defaults(isCold).stream().filter(c -> wanted.isEmpty() || wanted.contains(c.op())).filter(c -> types.isEmpty() || types.contains(c.dtype()))
            .forEach(all::add);
      }
    }
    if (all.isEmpty()) {
      throw new IllegalArgumentException("no default case has these ops and types; --shapes gives others");
    }
    return all;
  }

  private List<KernelCase> given(List<KernelOp> wanted, List<String> types, boolean isCold) {
    if (wanted.isEmpty()) {
      throw new IllegalArgumentException("--shapes needs ops to be shapes of: tern bench kernel dense --shapes 1x4096x4096");
    }
    List<KernelCase> all = new ArrayList<>();
    for (String shape : shapes.split(",")) {
      int before = all.size();
      for (KernelOp op : wanted) {
        for (String type : types.isEmpty() ? List.of(usualType(op)) : types) {
          KernelCase.of(op, type, shape.strip(), isCold).ifPresent(all::add);
        }
      }
      if (all.size() == before) {
        throw new IllegalArgumentException("--shapes " + shape + ": no op that was asked for has sizes of this form; --help lists the forms");
      }
    }
    return all;
  }

  private static String usualType(KernelOp op) {
    return switch (op) {
      case TERNARY -> "TQ2_0";
      case DENSE, EMBED, ATTENTION_DECODE, ATTENTION_PREFILL, ROPE_APPEND -> "F16";
      case NORM_QUANTIZE, GATE_NORM_QUANTIZE, SAMPLE -> "F32";
    };
  }

  /** Those that were asked for and are there; of the others a note says why not. */
  private List<KernelPeer> peers(Device which, int nThreads) {
    List<String> names = peerNames == null ? null : Arrays.stream(peerNames.split(",")).map(String::strip).toList();
    if (names != null && names.equals(List.of("none"))) {
      return List.of();
    }
    List<KernelPeer> all = allPeers.apply(which, nThreads);
    List<KernelPeer> found = new ArrayList<>();
    for (KernelPeer peer : all) {
      boolean asked = names == null || names.stream().anyMatch(peer.name()::equalsIgnoreCase);
      Optional<String> missing = asked ? peer.unavailable() : Optional.empty();
      missing.ifPresent(reason -> notes.add(peer.name() + " is not compared with: " + reason));
      if (asked && missing.isEmpty()) {
        found.add(peer);
      } else {
        peer.close();
      }
    }
    if (names != null) {
      for (String name : names) {
        if (all.stream().noneMatch(p -> p.name().equalsIgnoreCase(name))) {
          throw new IllegalArgumentException("--peer " + name + ": on this device there are " + all.stream().map(KernelPeer::name).toList());
        }
      }
    }
    return found;
  }

  private Map<String, String> options(int nThreads) {
    Map<String, String> map = new LinkedHashMap<>();
    map.put("ops", String.join(" ", ops));
    map.put("shapes", shapes == null ? "" : shapes);
    map.put("dtype", dtypes == null ? "" : dtypes);
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
