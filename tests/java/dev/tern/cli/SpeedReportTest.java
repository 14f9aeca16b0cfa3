package dev.tern.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.tern.bench.Contender;
import dev.tern.bench.CpuTimes;
import dev.tern.bench.SpeedSeries;
import dev.tern.bench.SpeedSeries.Result;
import dev.tern.bench.SpeedTest;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.ToDoubleBiFunction;
import org.junit.jupiter.api.Test;

/** Of contenders that are told rather than measured. */
class SpeedReportTest {
  private static final long DECODE_BYTES = 1_000_000_000L;
  private static final List<SpeedTest> TESTS = List.of(SpeedTest.of("pp8"), SpeedTest.of("tg8"), SpeedTest.of("tg8 x4"));

  private final List<String> order = new ArrayList<>();

  private Contender contender(String name, ToDoubleBiFunction<Integer, SpeedTest> rate) {
    return new Contender() {
      @Override
      public String name() {
        return name;
      }

      @Override
      public double run(int threads, SpeedTest test) {
        order.add(name);
        return rate.applyAsDouble(threads, test);
      }
    };
  }

  /** Bytes per second: others in every group, as on a machine whose neighbours come and go. */
  private static double bandwidth(int threads, SpeedTest test) {
    return (test.batch() > 1 ? 12.5e9 : 40e9) / threads;
  }

  private List<Result> results(ToDoubleBiFunction<Integer, SpeedTest> bandwidth, List<SpeedTest> tests) {
    CpuTimes idle = new CpuTimes(0, 0, 0);
    List<Contender> programs = List.of(contender(SpeedReport.TERN, (n, test) -> 10), contender("peer", (n, test) -> 5));
    return new SpeedSeries(new SpeedSeries.Limits(1, 0.03, 6, 0, 0), () -> idle, () -> false, line -> {})
        .run(BenchSpeed.groups(programs, contender(SpeedReport.MEMORY, bandwidth), new int[] {1, 2}, tests));
  }

  private static List<String> row(String markdown, String test, int threads) {
    return markdown.lines().map(l -> List.of(l.replaceAll("^\\| *| *\\|$", "").split(" *\\| *", -1)))
        .filter(cells -> cells.size() > 2 && cells.get(0).equals(test) && cells.get(1).equals(Integer.toString(threads))).findFirst().orElseThrow();
  }

  @Test
  void theFloorOfDecodeIsOfItsOwnGroup() {
    SpeedReport report = new SpeedReport();
    report.version(SpeedReport.MEMORY, SpeedReport.MEMORY_UNIT);
    List<Result> results = results(SpeedReportTest::bandwidth, TESTS);
    report.record("plain", results);
    report.comparison(results, Map.of(), DECODE_BYTES);
    String text = report.markdown();
    assertEquals(List.of("tg8", "1", "10.00", "5.00", "2.00 x", "25.0 %"), row(text, "tg8", 1)); // 10 of 40 tokens/s
    assertEquals("50.0 %", row(text, "tg8", 2).get(5));
    assertEquals("20.0 %", row(text, "tg8 x4", 1).get(5)); // 12.5 steps a second of four streams
    assertEquals("40.0 %", row(text, "tg8 x4", 2).get(5));
    assertEquals("", row(text, "pp8", 1).get(5));
    String[] floors = {"40.00 GB/s, 40.00 tokens/s (tg8, 1 threads)", "12.50 GB/s, 50.00 tokens/s (tg8 x4, 1 threads)", "20.00 GB/s, 20.00 tokens/s (tg8, 2 threads)",
        "6.25 GB/s, 25.00 tokens/s (tg8 x4, 2 threads)"};
    assertTrue(text.contains(": " + String.join("; ", floors) + ":\n"), text);
    String memory = "plain,\"memory\",\"bytes per second with all cores\",";
    assertEquals(List.of("1,tg8,4.000e+10", "1,tg8 x4,1.250e+10", "2,tg8,2.000e+10", "2,tg8 x4,6.250e+09"),
        report.csv().lines().filter(l -> l.startsWith(memory)).map(l -> l.substring(memory.length()).replaceAll("^([^,]*,[^,]*,[^,]*),.*", "$1")).toList());
    List<String> round = List.of("Tern", "peer", "Tern", "memory", "peer", "Tern", "memory", "peer");
    assertEquals(round, order.subList(0, round.size()));
  }

  @Test
  void withoutDecodeThereIsNoFloor() {
    SpeedReport report = new SpeedReport();
    report.comparison(results(SpeedReportTest::bandwidth, TESTS.subList(0, 1)), Map.of(), DECODE_BYTES);
    assertTrue(report.markdown().startsWith("Tokens per second, programs in turn:\n\n|"), report.markdown());
    assertTrue(!order.contains("memory") && !report.markdown().contains("%"), report.markdown());
  }
}
