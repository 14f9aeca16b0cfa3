package dev.tern.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.tern.bench.SpeedSeries.Cell;
import dev.tern.bench.SpeedSeries.Limits;
import dev.tern.bench.SpeedSeries.Result;
import java.util.ArrayList;
import java.util.List;
import java.util.function.IntToDoubleFunction;
import java.util.function.IntUnaryOperator;
import org.junit.jupiter.api.Test;

/** The gate on a machine that is told rather than measured: each run lasts a hundred ticks, of which others take so many. */
class SpeedSeriesTest {
  private static final SpeedTest TEST = SpeedTest.decode(4);

  private final List<String> order = new ArrayList<>();
  private CpuTimes now = new CpuTimes(0, 0, 0);
  private int run;

  /** Reaches the given rate in its n-th run while others take the given ticks in the n-th run of all. */
  private Cell cell(String name, IntToDoubleFunction rate, IntUnaryOperator foreign) {
    return cell(name, true, rate, foreign);
  }

  private Cell cell(String name, boolean awaited, IntToDoubleFunction rate, IntUnaryOperator foreign) {
    return new Cell(new Contender() {
      private int own;

      @Override
      public String name() {
        return name;
      }

      @Override
      public double run(int threads, SpeedTest test) {
        order.add(name);
        int others = foreign.applyAsInt(run++);
        now = new CpuTimes(now.busy() + 50 + others, now.idle() + 50 - others, now.own() + 50);
        return rate.applyAsDouble(own++);
      }

      @Override
      public boolean awaited() {
        return awaited;
      }
    }, 1, TEST);
  }

  private List<Result> measure(Limits limits, List<List<Cell>> groups) {
    return new SpeedSeries(limits, () -> now, () -> false, line -> {}).run(groups);
  }

  @Test
  void contendersTakeTurnsUntilAllOfTheirGroupAreKnown() {
    Cell steady = cell("steady", i -> 100, i -> 0);
    Cell late = cell("late", i -> i == 0 ? 90 : 100, i -> 0); // its first value is an outlier until nine runs leave it outside
    Cell alone = cell("alone", i -> 7, i -> 0);
    List<Result> results = measure(new Limits(0.03, 0.03, 25, 3, 0), List.of(List.of(steady, late), List.of(alone)));
    assertEquals(List.of("steady", "late", "alone", "steady", "late", "alone"), order.subList(0, 6));
    assertEquals(List.of(9, 9, 6), results.stream().map(r -> r.rates().count()).toList());
    assertTrue(results.stream().allMatch(Result::settled));
    assertEquals(100, results.get(1).median());
  }

  /** It has its turn in every round of the others, and costs no round more. */
  @Test
  void whatIsNotAwaitedEndsWithItsGroup() {
    Cell steady = cell("steady", i -> 100, i -> 0);
    Cell wild = cell("wild", false, i -> 10 + 10 * (i % 2), i -> 0);
    List<Result> results = measure(new Limits(0.03, 0.03, 25, 3, 0), List.of(List.of(steady, wild)));
    assertEquals(List.of(6, 6), results.stream().map(r -> r.rates().count()).toList());
    assertEquals(List.of(true, false), results.stream().map(Result::settled).toList());
    assertEquals(List.of("steady", "wild", "steady", "wild"), order.subList(0, 4));
    Cell late = cell("late", i -> i == 0 ? 90 : 100, i -> 0);
    assertEquals(9, measure(new Limits(0.03, 0.03, 25, 3, 0), List.of(List.of(cell("steady", false, i -> 100, i -> 0), late))).get(0).rates().count());
  }

  @Test
  void disturbedRunsAreThrownAwayAndRepeated() {
    Cell cell = cell("tern", i -> i % 2 == 0 ? 1 : 100, i -> i % 2 == 0 ? 4 : 3); // every other run is disturbed, and slow
    Result result = measure(new Limits(0.03, 0.03, 25, 3, 0), List.of(List.of(cell))).get(0);
    assertEquals(6, result.discarded());
    assertEquals(6, result.rates().count());
    assertEquals(100, result.rates().min());
    assertTrue(result.settled());
  }

  @Test
  void aNoisyMachineIsSaidToBeOne() {
    Cell disturbed = cell("tern", i -> 100, i -> 50);
    Result none = measure(new Limits(0.03, 0.03, 3, 1, 0), List.of(List.of(disturbed))).get(0);
    assertNull(none.rates());
    assertEquals(6, none.discarded());
    assertFalse(none.settled());
    assertTrue(Double.isNaN(none.median()));
    Cell wild = cell("tern", i -> 100 + 10 * (i % 2), i -> 0);
    Result wide = measure(new Limits(0.03, 0.03, 8, 1, 0), List.of(List.of(wild))).get(0);
    assertEquals(8, wide.rates().count());
    assertFalse(wide.settled());
  }

  @Test
  void whenTheTimeIsOverNoRoundBegins() {
    Cell cell = cell("tern", i -> 100, i -> 0);
    List<Result> results = new SpeedSeries(new Limits(0.03, 0.03, 25, 3, 0), () -> now, () -> run >= 2, line -> {}).run(List.of(List.of(cell)));
    assertEquals(2, results.get(0).rates().count());
  }
}
