package dev.tern.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.tern.Model;
import dev.tern.format.ModelShape;
import dev.tern.format.RandomModel;
import dev.tern.validate.Reading;
import java.nio.file.Path;
import java.util.List;
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

  /** Two measurements of a bandwidth are never the same to the last bit. */
  @Test
  void theFloorIsMeasuredInTurnWithEachDecodeTest() {
    try (Model model = model(); ModelSeries series = series(model, 2, new Meter(0))) {
      List<ModelRow> rows = series.rows(new int[] {0}, List.of(SpeedTest.of("pp4"), SpeedTest.of("pp8"), SpeedTest.of("tg4"), SpeedTest.of("tg8")));
      assertEquals(rows.get(0).allCores(), rows.get(1).allCores(), "prefill has no floor");
      assertNotEquals(rows.get(0).allCores(), rows.get(2).allCores());
      assertNotEquals(rows.get(2).allCores(), rows.get(3).allCores());
      assertTrue(rows.stream().allMatch(r -> r.allCores() > 0 && r.bandwidth() == r.allCores()), rows.toString());
      List<ModelRow> one = series.rows(new int[] {1}, List.of(SpeedTest.of("tg4"), SpeedTest.of("tg8")));
      assertEquals(one.get(0).bandwidth(), one.get(1).bandwidth(), "of one thread it is measured once");
      assertNotEquals(one.get(0).allCores(), one.get(1).allCores());
      List<ModelSeries.Profile> profiles = series.breakdowns(new int[] {1}, List.of(SpeedTest.of("tg4"), SpeedTest.of("tg4 @20")));
      assertNotEquals(profiles.get(0).allCores(), profiles.get(1).allCores());
    }
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
