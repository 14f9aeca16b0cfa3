package dev.tern.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.tern.Timings;
import dev.tern.bench.EfficiencyMetrics.Metric;
import dev.tern.validate.Reading;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

/** Requests that nobody served, and figures by hand. */
class EfficiencyMetricsTest {
  private static final RequestLoad LOAD = new RequestLoad(3, 2, 1, 2, 1);
  private static final RequestTimes TIMES = new RequestTimes(LOAD, 1,
      List.of(new Timings(0, 1_000_000_000L, 1, 2_000_000_000L), new Timings(0, 1_000_000_000L, 1, 4_000_000_000L)), 5_000_000_000L, 8, 6, 4);
  private static final ModelWork WORK = new ModelWork(1000, 600, 10);
  private static final Ceilings CEILINGS = new Ceilings(1, 1, Map.of(KernelPeak.F32, 2000.0, KernelPeak.HALF, 4000.0, KernelPeak.INT8, 8000.0), 1);

  private static Map<String, Metric> metrics(int nTernary, boolean onGpu, Ceilings ceilings, Reading<Double> joules, double ratio) {
    return EfficiencyMetrics.of(TIMES, new EfficiencyMetrics.Input(1e6, Reading.absent(), joules, 8, 5_000_000, 2_500_000, WORK, nTernary, 14, onGpu, ceilings, ratio))
        .stream().collect(Collectors.toMap(Metric::id, Function.identity()));
  }

  @Test
  void figuresAreAsTheyAreDefined() {
    Map<String, Metric> all = metrics(14, false, CEILINGS, Reading.of(40.0), 0.9);
    assertEquals(1e6, all.get("amu").value().value());
    assertTrue(all.get("amu_device").value().isAbsent());
    assertEquals(3, all.get("al").value().value(), 1e-12);
    assertEquals(4 / 5.0, all.get("it").value().value(), 1e-12); // two requests of two tokens
    assertEquals(10 / 5.0 / 5e6, all.get("tt").value().value(), 1e-18); // of five
    assertEquals(40 / 8.0, all.get("aec").value().value(), 1e-12);
    assertEquals(40 / 4.0, all.get("energy_per_token").value().value(), 1e-12);
    assertEquals(2 * 5e6 / 2.5e6 * 0.9, all.get("mcr").value().value(), 1e-12);
    assertTrue(all.get("mcr").title().contains("0.9"));
  }

  /** A request's four rows through the layers, two of them with logits, and 1 + 2 + 3 + 4 keys; two requests in five seconds. */
  @Test
  void utilisationIsTimeAtThePeaksOverTime() {
    double floats = 2 * 600 + 10 * 10;
    assertEquals(2 * (4000 / 8000.0 + floats / 2000) / 5, metrics(14, false, CEILINGS, Reading.of(1.0), 1).get("pcu").value().value(), 1e-12);
    assertEquals(2 * (4000 + floats) / 2000 / 5, metrics(0, false, CEILINGS, Reading.of(1.0), 1).get("pcu").value().value(), 1e-12);
    assertEquals(2 * (4000 / 8000.0 + floats / 4000) / 5, metrics(14, true, CEILINGS, Reading.of(1.0), 1).get("pcu").value().value(), 1e-12);
  }

  @Test
  void whatIsNotKnownHasAReason() {
    Reading<Double> none = Reading.unreadable("no counter");
    Map<String, Metric> all = metrics(5, false, CEILINGS, none, 1);
    assertEquals("no counter", all.get("aec").value().unreadable());
    assertEquals("no counter", all.get("energy_per_token").value().unreadable());
    assertTrue(all.get("pcu").value().unreadable().contains("5 of 14"));
    assertTrue(all.get("mcr").title().contains("assumed"));
    assertTrue(metrics(14, false, null, none, 1).get("pcu").value().unreadable().contains("--metrics"));
    Ceilings floatsOnly = new Ceilings(1, 1, Map.of(KernelPeak.F32, 2000.0), 1);
    assertTrue(metrics(14, false, floatsOnly, none, 1).get("pcu").value().unreadable().contains("int8"));
  }
}
