package dev.tern.bench;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import java.util.function.Supplier;

/**
 * Measures on a machine that others use too. Contenders take turns, test by test and round by round, so that a machine which drifts
 * does so for all. A run during which other processes took more than a limit of the processors is thrown away and repeated. A test is done
 * when the medians of all its contenders that are waited for are known to within a limit ({@link Samples#spread}), or when the time is over: then its
 * results are marked as noisy.
 */
public final class SpeedSeries {
  /**
   * When a run counts, and when a median is known.
   *
   * @param foreign largest share of the processors that others may take during a run
   * @param spread largest width of a median's interval over the median
   * @param maxRounds after which a test is given up
   * @param retries of a run in a round, if others disturb it
   * @param patience half seconds that a run waits at most for the others to be quiet; 0: it does not look
   */
  public record Limits(double foreign, double spread, int maxRounds, int retries, int patience) {}

  /** One contender at one test. */
  public record Cell(Contender contender, int threads, SpeedTest test) {}

  /**
   * What came out.
   *
   * @param rates null if every run was disturbed
   * @param discarded runs thrown away
   * @param settled whether the median is known to within the limit
   */
  public record Result(Cell cell, Samples rates, int discarded, boolean settled) {
    /** The median, or NaN. */
    public double median() {
      return rates == null ? Double.NaN : rates.median();
    }
  }

  private static final class Tally {
    final Cell cell;
    final List<Double> rates = new ArrayList<>();
    int discarded;

    Tally(Cell cell) {
      this.cell = cell;
    }

    Samples samples() {
      return rates.isEmpty() ? null : new Samples(rates.stream().mapToDouble(Double::doubleValue).toArray());
    }
  }

  private final Limits limits;
  private final Supplier<CpuTimes> clock;
  private final BooleanSupplier timeIsOver;
  private final Consumer<String> log;

  /**
   * @param clock who uses the processors, now
   * @param timeIsOver asked before each round
   * @param log told of each run in one line
   */
  public SpeedSeries(Limits limits, Supplier<CpuTimes> clock, BooleanSupplier timeIsOver, Consumer<String> log) {
    this.limits = limits;
    this.clock = clock;
    this.timeIsOver = timeIsOver;
    this.log = log;
  }

  /** Measures all groups in turn; contenders of one group are compared with each other, and are done together. */
  public List<Result> run(List<List<Cell>> groups) {
    List<List<Tally>> open = new ArrayList<>();
    List<Tally> all = new ArrayList<>();
    for (List<Cell> group : groups) {
      List<Tally> tallies = group.stream().map(Tally::new).toList();
      open.add(tallies);
      all.addAll(tallies);
    }
    for (int round = 1; round <= limits.maxRounds && !open.isEmpty() && !timeIsOver.getAsBoolean(); round++) {
      for (List<Tally> group : open) {
        for (Tally tally : group) {
          measure(tally, round);
        }
      }
      open.removeIf(group -> group.stream().filter(t -> t.cell.contender.awaited()).allMatch(this::settled));
    }
    return all.stream().map(t -> new Result(t.cell, t.samples(), t.discarded, settled(t))).toList();
  }

  private boolean settled(Tally tally) {
    Samples samples = tally.samples();
    return samples != null && samples.spread() <= limits.spread;
  }

  private void measure(Tally tally, int round) {
    Cell cell = tally.cell;
    for (int attempt = 0; attempt <= limits.retries; attempt++) {
      awaitQuiet();
      CpuTimes before = clock.get();
      double rate = cell.contender.run(cell.threads, cell.test);
      double foreign = clock.get().foreignSince(before);
      boolean quiet = foreign <= limits.foreign;
      log.accept(String.format(Locale.ROOT, "round %d: %s, %d threads, %s: %.4g, others took %.1f %%%s", round, cell.contender.name(), cell.threads,
          cell.test.name(), rate, 100 * foreign, quiet ? "" : ": discarded"));
      if (quiet) {
        tally.rates.add(rate);
        return;
      }
      tally.discarded++;
    }
  }

  private void awaitQuiet() {
    for (int i = 0; i < limits.patience; i++) {
      CpuTimes before = clock.get();
      try {
        Thread.sleep(500);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        return;
      }
      if (clock.get().foreignSince(before) <= limits.foreign) {
        return;
      }
    }
  }
}
