package dev.tern;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Collection;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.Options;
import org.openjdk.jmh.runner.options.OptionsBuilder;
import org.openjdk.jmh.runner.options.TimeValue;
import org.openjdk.jmh.runner.options.VerboseMode;

/** Every benchmark of bench/java runs: once, for a moment, in this JVM, with one of its sizes. What it takes is no matter here. */
class JmhTest {
  @Test
  void everyBenchmarkRuns() throws RunnerException {
    System.setProperty("jmh.ignoreLock", "true"); // of the machine: the figures are not looked at
    Options once = new OptionsBuilder().include("^dev\\.tern\\.").param("streams", "64").param("n", "4096").forks(0).warmupIterations(0).measurementIterations(1)
        .measurementTime(TimeValue.milliseconds(1)).shouldFailOnError(true).verbosity(VerboseMode.SILENT).build();
    Collection<RunResult> results = new Runner(once).run();
    TreeSet<String> names = new TreeSet<>();
    for (RunResult result : results) {
      names.add(result.getParams().getBenchmark());
      assertTrue(result.getPrimaryResult().getScore() > 0, result.getParams().id());
    }
    assertEquals("dev.tern.HandOverBench.betweenThreads", names.first());
    assertEquals("dev.tern.schedule.SchedulerBench.turn", names.last());
    assertEquals(3 + 6 + 3 + 3, results.size());
  }
}
