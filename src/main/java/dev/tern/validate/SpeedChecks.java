package dev.tern.validate;

import dev.tern.bench.CpuTimes;
import dev.tern.bench.Samples;
import dev.tern.kernel.DeviceChecks.Result;
import dev.tern.validate.Floors.Floor;
import dev.tern.validate.Subject.Timed;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.function.DoubleSupplier;
import java.util.function.Supplier;

/**
 * How fast the device is, held to floors. What is too slow while others use the machine, or differs from one time to the next, is not said
 * to fail: it is UNKNOWN.
 */
final class SpeedChecks {
  /** Share of the processors that others may take before a slow figure says nothing. */
  static final double FOREIGN = 0.05;
  /** The same of what a GPU computes by itself, once it was told to: the host must only come to that now and then. */
  static final double FOREIGN_OF_GPU = 0.5;
  /** Width of the figures of one check, over their median, from which on a slow one says nothing. */
  private static final double UNSTEADY = 0.15;
  /** How often all is measured before a slow figure is believed. */
  private static final int TRIES = 3;

  private final Subject subject;
  private final Floors floors;
  private final Baseline baseline;
  private final Level level;
  private final Supplier<Outcome> alone;
  private long begin;

  /**
   * @param baseline null if there is none
   * @param alone whether other processes use the device
   */
  SpeedChecks(Subject subject, Floors floors, Baseline baseline, Level level, Supplier<Outcome> alone) {
    this.subject = subject;
    this.floors = floors;
    this.baseline = baseline;
    this.level = level;
    this.alone = alone;
  }

  List<Check> all() {
    List<Check> checks = new ArrayList<>();
    for (Timed what : Timed.values()) {
      checks.add(Check.once(what.id(), Group.SPEED, words(what), round -> timed(what)));
    }
    checks.add(Check.once(Floors.CALL, Group.SPEED, "a call from Java into native code that does nothing there",
        round -> measured(Floors.CALL, "us", FOREIGN, () -> subject.callSeconds() * 1e6, floors.ofCall())));
    return checks;
  }

  private static String words(Timed what) {
    return switch (what) {
      case READ -> "reading the device's memory";
      case COPY_TO -> "copying pageable host memory to the device";
      case COPY_FROM -> "copying from the device to pageable host memory";
      case DENSE -> "a product of BF16 weights and many rows";
      case TERNARY -> "a product of ternary weights and many rows";
      case TERNARY_DECODE -> "a product of ternary weights and one row";
      case PREFILL -> "attention of a prompt";
      case DECODE -> "attention of decoding rows";
      case LAUNCH -> "from the launch of the smallest kernel to its result";
      case STEP -> "the smallest decode step";
      case COPY -> "copying within the device's memory, bytes read and written";
      case PEAK_F32 -> "fused multiply-adds of floats, without memory";
      case PEAK_HALF -> "BF16 on tensor cores, without memory";
      case PEAK_INT8 -> "int8 products, without memory";
    };
  }

  private static double figure(Timed what, Result r) {
    return switch (what.unit()) {
      case "GB/s" -> r.nBytes() / r.seconds() * 1e-9;
      case "Gop/s" -> r.nOps() / r.seconds() * 1e-9;
      default -> r.seconds() * 1e6;
    };
  }

  private Outcome timed(Timed what) {
    begin = begin == 0 ? System.nanoTime() : begin;
    Result[] first = {subject.speed(what)};
    if (first[0].notHere()) {
      return Outcome.ABSENT;
    }
    return measured(what.id(), what.unit(), floors.ofGpu() && !what.onHost() ? FOREIGN_OF_GPU : FOREIGN, () -> {
      Result now = first[0] != null ? first[0] : subject.speed(what);
      first[0] = null;
      return figure(what, now);
    }, floors.of(what));
  }

  private Outcome measured(String id, String unit, double tolerated, DoubleSupplier measure, Floor fromTable) {
    boolean latency = unit.equals("us");
    Floor former = baseline == null ? null : baseline.of(id, latency);
    Floor floor = former == null ? fromTable : former;
    List<Double> figures = new ArrayList<>();
    CpuTimes before = times();
    for (int attempt = 0; attempt < TRIES && (attempt == 0 || !inVain(before, tolerated)); attempt++) {
      for (int i = 0; i < level.speedRounds(); i++) {
        figures.add(measure.getAsDouble());
      }
      Samples samples = samples(figures);
      if (floor == null || !slower(latency ? samples.min() : samples.max(), floor.warn(), latency)) {
        break; // it has shown what it can do
      }
    }
    Samples samples = samples(figures);
    double best = latency ? samples.min() : samples.max();
    double width = (samples.max() - samples.min()) / samples.median();
    double foreign = before == null ? 0 : times().foreignSince(before);
    return judge(unit, best, width, foreign, tolerated, floor);
  }

  /** Whether a slow figure need not be measured again: time is short, and while others take the processors it is unknown anyway. */
  private boolean inVain(CpuTimes before, double tolerated) {
    return System.nanoTime() - begin > level.speedSeconds() * 1e9 && before != null && times().foreignSince(before) > tolerated;
  }

  /**
   * The verdict on a figure.
   *
   * @param best of all that were measured: what disturbs only slows down
   * @param width of all figures over their median
   * @param foreign share of the processors that others took meanwhile
   * @param tolerated of that
   * @param floor null if there is none
   */
  Outcome judge(String unit, double best, double width, double foreign, double tolerated, Floor floor) {
    boolean latency = unit.equals("us");
    String text = String.format(Locale.ROOT, "%.4g %s", best, unit);
    Figure spread = Figure.of("spread", 100 * width, "%");
    if (floor == null) {
      return Outcome.unknown(text + ", measured only: no floor is known for it (--baseline or --floors gives one)", Figure.of(latency ? "latency" : "rate", best, unit), spread);
    }
    Figure figure = new Figure(latency ? "latency" : "rate", best, unit, floor.warn());
    if (!slower(best, floor.warn(), latency)) {
      return Outcome.pass(String.format(Locale.ROOT, "%s, %s %.4g (%s)", text, latency ? "at most" : "at least", floor.warn(), floor.source()), figure, spread);
    }
    String reason = String.format(Locale.ROOT, "%s, and should be %s %.4g (%s)", text, latency ? "at most" : "at least", floor.warn(), floor.source());
    if (foreign > tolerated) {
      return Outcome.unknown(String.format(Locale.ROOT, "%s; but other processes took %.0f %% of the processors", reason, 100 * foreign), figure, spread);
    }
    Outcome others = alone.get();
    if (others.verdict() == Verdict.WARN) {
      return Outcome.unknown(reason + "; but the device is " + others.reason(), figure, spread);
    }
    if (width > UNSTEADY) {
      return Outcome.unknown(String.format(Locale.ROOT, "%s; but figures differ by %.0f %%", reason, 100 * width), figure, spread);
    }
    return floor.fails() && slower(best, floor.fail(), latency) ? Outcome.fail(reason, figure, spread) : Outcome.warn(reason, figure, spread);
  }

  private static boolean slower(double figure, double limit, boolean latency) {
    return latency ? !(figure <= limit) : !(figure >= limit);
  }

  private static Samples samples(List<Double> figures) {
    return new Samples(figures.stream().mapToDouble(Double::doubleValue).toArray());
  }

  /** Null where /proc does not tell. */
  private static CpuTimes times() {
    try {
      return CpuTimes.now(List.of());
    } catch (UncheckedIOException | IllegalArgumentException e) {
      return null;
    }
  }
}
