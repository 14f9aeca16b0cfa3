package dev.tern.cli;

import dev.tern.Device;
import dev.tern.report.ValidationHtml;
import dev.tern.validate.Check;
import dev.tern.validate.CpuHealth;
import dev.tern.validate.DeviceValidation;
import dev.tern.validate.Health;
import dev.tern.validate.Inventory;
import dev.tern.validate.JsonReport;
import dev.tern.validate.JunitReport;
import dev.tern.validate.Level;
import dev.tern.validate.NativeSubject;
import dev.tern.validate.Report;
import dev.tern.validate.Validation;
import dev.tern.validate.Verdict;
import dev.tern.vendor.VendorHealth;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code tern validate}: whether this device computes rightly and as fast as it should. The last line is the verdict. */
@Command(name = "validate", description = {
    "Checks that a device computes rightly, without silent errors, and as fast as it should.",
    "Exit status: 0 PASS, and WARN without --strict; 3 WARN with --strict; 4 FAIL; 5 UNKNOWN; 1 the tool failed; 2 bad use.",
    "A report that cannot be written in the end makes 1 of a 0, and leaves the others."})
final class Validate implements Callable<Integer> {
  static final int WARNED = 3;
  static final int FAULTY = 4;
  static final int UNTOLD = 5;

  @Option(names = "--device", paramLabel = "NAME", defaultValue = "cpu", description = "cpu, cuda or cuda:N; default ${DEFAULT-VALUE}")
  String device;

  @Option(names = "--level", paramLabel = "LEVEL", defaultValue = "quick", description = "quick (a minute at most) or standard (some minutes); default ${DEFAULT-VALUE}")
  String level;

  @Option(names = "--minutes", paramLabel = "N", defaultValue = "0", description = "a soak: goes on until so many minutes have passed in all")
  double minutes;

  @Option(names = "--threads", paramLabel = "N", defaultValue = "0", description = "of the cpu; 0, the default: one per core")
  int threads;

  @Option(names = "--baseline", paramLabel = "FILE", description = "a former --json report of such a device, which speeds are held to")
  Path baseline;

  @Option(names = "--floors", paramLabel = "FILE", description = "your own table of floors for speeds, device by device (docs/validation.md)")
  Path floors;

  @Option(names = "--strict", description = "WARN, too, is an exit status other than 0")
  boolean strict;

  @Option(names = "--json", paramLabel = "FILE", description = "writes the report as JSON")
  Path json;

  @Option(names = "--junit", paramLabel = "FILE", description = "writes the report as JUnit XML")
  Path junit;

  @Option(names = "--html", paramLabel = "FILE", description = "writes the report as a page: one file, no script, no network")
  Path html;

  private final Streams io;

  Validate(Streams io) {
    this.io = io;
  }

  @Override
  public Integer call() {
    if (!(minutes >= 0 && minutes <= 100_000)) {
      throw new IllegalArgumentException("--minutes " + minutes + ": 0 to 100000");
    }
    Device which = Device.of(device);
    DeviceValidation.Request request = new DeviceValidation.Request(which, Level.of(level), minutes, baseline, floors, Tern.version());
    ReportFiles<Report> files = files();
    return end(DeviceValidation.run(request, () -> new NativeSubject(which, threads), Validate::healthOf, listener()), files);
  }

  /**
   * The files that are asked for, and what will stand in them.
   *
   * @throws IllegalArgumentException if one cannot be written
   */
  ReportFiles<Report> files() {
    return new ReportFiles<Report>().add("--json", json, JsonReport::of).add("--junit", junit, JunitReport::of).add("--html", html, ValidationHtml::of);
  }

  /** Writes and prints a report. What cannot be written takes neither the verdict from the last line nor a status of its own from the shell. */
  int end(Report report, ReportFiles<Report> files) {
    int status = status(report.verdict(), strict);
    if (!files.write(report, io)) {
      status = failed(status);
    }
    try {
      print(report);
      io.out().println(Text.plain(report.summary(), 400));
    } catch (Output.ClosedOutputException e) {
      return status; // who reads no further has not made the device a better one
    } catch (UncheckedIOException e) {
      io.err().println("tern: " + Text.plain(e.getMessage(), 1000));
      status = failed(status);
    }
    return status;
  }

  private static int failed(int status) {
    return status == Tern.OK ? Tern.FAILED : status;
  }

  /** The exit status of a verdict. */
  static int status(Verdict verdict, boolean strict) {
    return switch (verdict) {
      case PASS -> Tern.OK;
      case WARN -> strict ? WARNED : Tern.OK;
      case FAIL -> FAULTY;
      case UNKNOWN -> UNTOLD;
    };
  }

  private static Health healthOf(Device device) {
    return device.isCuda() ? new VendorHealth().open(device) : new CpuHealth();
  }

  private Validation.Listener listener() {
    return new Validation.Listener() {
      private long begin;

      @Override
      public void began(Check check, int i, int n) {
        begin = System.nanoTime();
        if (io.errIsTerminal()) {
          io.err().print("\r" + (n == 0 ? "soak" : (i + 1) + "/" + n) + " " + check.id() + "\u001b[K");
          io.err().flush();
        }
      }

      @Override
      public void ended(Report.Result result) {
        io.err().println((io.errIsTerminal() ? "\r\u001b[K" : "") + String.format(Locale.ROOT, "%-7s %5.1f s  %s", result.outcome().verdict(),
            (System.nanoTime() - begin) * 1e-9, result.check().id()));
      }
    };
  }

  private void print(Report report) {
    for (Inventory item : report.inventory()) {
      io.out().format("%-24s %s%n", item.item(), item.value() != null ? Text.plain(item.value(), 200) : "cannot be read: " + Text.plain(item.unreadable(), 200));
    }
    io.out().println("");
    for (Report.Result r : report.results()) {
      io.out().format("%-7s %-36s %s%n", r.outcome().verdict(), r.check().id(),
          Text.plain(r.outcome().reason(), 600) + (r.rounds() > 1 ? " (" + r.rounds() + " rounds)" : ""));
    }
    io.out().println("");
    io.out().println("What a PASS does not say:");
    for (String line : Report.NOT_SAID) {
      io.out().println("- " + line);
    }
    if (report.stopped() != null) {
      io.out().println("Stopped early: " + Text.plain(report.stopped(), 400));
    }
    io.out().println("");
  }
}
