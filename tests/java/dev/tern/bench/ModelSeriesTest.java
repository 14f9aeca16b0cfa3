package dev.tern.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.tern.Model;
import dev.tern.format.ModelShape;
import dev.tern.format.RandomModel;
import dev.tern.validate.Reading;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.function.Supplier;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What is measured when; how fast is no matter here. */
class ModelSeriesTest {
  @TempDir
  Path directory;

  private Model model() {
    Path file = directory.resolve("m.gguf");
    new RandomModel(ModelShape.of("tern-tiny")).write(file);
    return Model.load(file);
  }

  /** Its n-th reading, from 0, is n squared joules; from some reading on it tells none. */
  private static final class Meter implements EnergyMeter {
    private final int until;
    private int asked;

    Meter(int until) {
      this.until = until;
    }

    @Override
    public Reading<Double> joules() {
      int n = asked++;
      return n < until ? Reading.of((double) n * n) : Reading.unreadable("empty");
    }

    @Override
    public String source() {
      return "a parabola";
    }
  }

  private static ModelSeries series(Model model, int repetitions, EnergyMeter energy) {
    return new ModelSeries(model, 8, repetitions, energy, test -> {});
  }

  /**
   * Whether what is measured anew differs. A tiny model's bandwidth is that of some ten thousand nanoseconds, so that two measurements are the same by
   * chance once in a hundred times or so; five pairs in turn are not.
   */
  private static boolean differ(Supplier<double[]> measured) {
    for (int i = 0; i < 5; i++) {
      if (Arrays.stream(measured.get()).distinct().count() > 1) {
        return true;
      }
    }
    return false;
  }

  @Test
  void theFloorIsMeasuredInTurnWithEachDecodeTest() {
    try (Model model = model(); ModelSeries series = series(model, 2, new Meter(0))) {
      List<SpeedTest> tests = List.of(SpeedTest.of("pp4"), SpeedTest.of("pp8"), SpeedTest.of("tg4"), SpeedTest.of("tg8"));
      List<ModelRow> rows = series.rows(new int[] {0}, tests);
      assertEquals(rows.get(0).allCores(), rows.get(1).allCores(), "prefill has no floor");
      assertTrue(rows.stream().allMatch(r -> r.allCores() > 0 && r.bandwidth() == r.allCores()), rows.toString());
      assertTrue(differ(() -> allCores(series.rows(new int[] {0}, tests.subList(1, 3)))), "a decode test measures it anew");
      assertTrue(differ(() -> allCores(series.rows(new int[] {0}, tests.subList(2, 4)))), "each does");
      List<ModelRow> one = series.rows(new int[] {1}, tests.subList(2, 4));
      assertEquals(one.get(0).bandwidth(), one.get(1).bandwidth(), "of one thread it is measured once");
      assertTrue(differ(() -> allCores(series.rows(new int[] {1}, tests.subList(2, 4)))), "of all cores each time");
      List<SpeedTest> depths = List.of(SpeedTest.of("tg4"), SpeedTest.of("tg4 @20"));
      assertTrue(differ(() -> series.breakdowns(new int[] {1}, depths).stream().mapToDouble(ModelSeries.Profile::allCores).toArray()));
    }
  }

  private static double[] allCores(List<ModelRow> rows) {
    return rows.stream().mapToDouble(ModelRow::allCores).toArray();
  }

  @Test
  void energyIsOfTheRepetitionsAlone() {
    for (String test : List.of("pp4", "tg4")) {
      try (Model model = model(); ModelSeries series = series(model, 3, new Meter(6)); ModelSeries dying = series(model, 3, new Meter(5))) {
        ModelRow row = series.rows(new int[] {1}, List.of(SpeedTest.of(test))).get(0);
        assertEquals(1 - 0 + 9 - 4 + 25 - 16, row.joules().value(), test);
        Reading<Double> none = dying.rows(new int[] {1}, List.of(SpeedTest.of(test))).get(0).joules();
        assertFalse(none.isKnown());
        assertEquals("empty", none.unreadable());
      }
    }
  }
}
