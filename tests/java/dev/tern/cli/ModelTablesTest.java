package dev.tern.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.tern.bench.ModelReport;
import dev.tern.bench.ModelReports;
import dev.tern.bench.ModelRow;
import dev.tern.bench.SpeedTest;
import dev.tern.validate.Reading;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Of a model that nobody measured: 400 bytes of weights a step. */
class ModelTablesTest {
  /** A token a second, on a machine that reads so many bytes in one. */
  private static ModelRow row(String test, double bandwidth, double allCores) {
    SpeedTest t = SpeedTest.of(test);
    return new ModelRow(2, t, new long[] {t.nTokens() * 1_000_000_000L}, List.of(), "", bandwidth, allCores, 0, Reading.absent());
  }

  private static String text(ModelRow... rows) {
    ModelReport r = ModelReports.empty();
    return new ModelTables(new ModelReport(r.version(), r.date(), r.processor(), r.gpu(), r.model(), r.energySource(), List.of(rows), List.of(), null, null, null,
        List.of())).text();
  }

  @Test
  void everyDecodeTestHasItsOwnFloor() {
    String text = text(row("pp8", 3e9, 99e9), row("tg8", 3e9, 800), row("tg16", 3e9, 1600));
    List<String> shares = text.lines().filter(l -> l.contains(" tg")).map(l -> l.replaceAll(".*\\| +([0-9.]+ %) \\|$", "$1")).toList();
    assertEquals(List.of("50.0 %", "25.0 %"), shares, text);
  }

  @Test
  void bandwidthsAreToldAsTheRangeOfTheDecodeTests() {
    String text = text(row("pp8", 3e9, 99e9), row("tg8", 3e9, 20e9), row("tg16", 3e9, 10e9));
    assertTrue(text.contains("\nread bandwidth: 3.00 GB/s with 2 threads, 10.00 to 20.00 GB/s with all cores; the floor of decode is reading 400 B of weights a step "
        + "with all cores, measured in turn with each decode test\n"), text);
    String prefill = text(row("pp8", 3e9, 99e9));
    assertTrue(prefill.contains("\nread bandwidth: 3.00 GB/s with 2 threads, 99.00 GB/s with all cores; the floor of decode is reading 400 B of weights a step\n"), prefill);
  }
}
