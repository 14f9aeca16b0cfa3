package dev.tern.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.tern.validate.Health;
import dev.tern.validate.Reading;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Energy out of a made-up /sys, and out of a made-up GPU. */
class EnergyMeterTest {
  @TempDir
  Path root;

  private Path zone(String path, String name, long microjoules, long range) throws IOException {
    Path zone = Files.createDirectories(root.resolve("sys/class/powercap").resolve(path));
    Files.writeString(zone.resolve("name"), name + "\n");
    Files.writeString(zone.resolve("max_energy_range_uj"), range + "\n");
    set(zone, microjoules);
    return zone;
  }

  private static void set(Path zone, long microjoules) throws IOException {
    Files.writeString(zone.resolve("energy_uj"), microjoules + "\n");
  }

  @Test
  void packagesAndTheirMemoryAreAddedAndNothingTwice() throws IOException {
    Path first = zone("intel-rapl:0", "package-0", 5_000_000, 100_000_000);
    Path cores = zone("intel-rapl:0/intel-rapl:0:0", "core", 1, 100_000_000);
    Path dram = zone("intel-rapl:0/intel-rapl:0:1", "dram", 7_000_000, 60_000_000);
    Path second = zone("intel-rapl:1", "package-1", 0, 100_000_000);
    Path all = zone("intel-rapl:2", "psys", 0, 100_000_000);
    zone("intel-rapl:0:0", "core", 1, 100_000_000); // Linux lists parts beside their packages too
    RaplEnergy meter = new RaplEnergy(root);
    assertEquals(0, meter.joules().value());
    set(first, 6_500_000);
    set(cores, 50_000_000);
    set(dram, 7_250_000);
    set(second, 3_000_000);
    set(all, 90_000_000);
    assertEquals(1.5 + 0.25 + 3, meter.joules().value(), 1e-9);
    assertEquals("RAPL: package-0, package-0 dram, package-1", meter.source());
  }

  @Test
  void aCounterThatRunsOverGoesOn() throws IOException {
    Path zone = zone("intel-rapl:0", "package-0", 99_000_000, 100_000_000);
    RaplEnergy meter = new RaplEnergy(root);
    double expected = 0;
    long counter = 99_000_000;
    for (int i = 0; i < 7; i++) {
      counter = (counter + 40_000_000) % 100_000_000;
      expected += 40;
      set(zone, counter);
      assertEquals(expected, meter.joules().value(), 1e-9);
    }
    assertEquals(expected, meter.joules().value(), 1e-9);
  }

  @Test
  void whatCannotBeReadSaysSo() throws IOException {
    assertTrue(new RaplEnergy(root).joules().unreadable().contains("/sys/class/powercap"));
    zone("intel-rapl:0", "psys", 1, 100);
    assertTrue(new RaplEnergy(root).joules().unreadable().contains("no RAPL zone of a package"));
    Path closed = zone("intel-rapl:1", "package-0", 1, 100);
    Path open = zone("intel-rapl:3", "package-1", 1, 100);
    RaplEnergy before = new RaplEnergy(root);
    assertTrue(before.joules().isKnown());
    Files.delete(closed.resolve("energy_uj"));
    Files.createDirectory(closed.resolve("energy_uj")); // root reads any file, but no folder
    assertTrue(new RaplEnergy(root).joules().unreadable().contains("intel-rapl:1/energy_uj"));
    assertTrue(before.joules().unreadable().contains("package-0"));
    set(open, 50);
    assertFalse(before.joules().isKnown()); // a sum of a part would be too little
    zone("intel-rapl:1/intel-rapl:1:0", "dram", 1, 0);
    Files.delete(closed.resolve("energy_uj"));
    set(closed, 3);
    assertTrue(new RaplEnergy(root).joules().unreadable().contains("max_energy_range_uj"));
  }

  @Test
  void aGpuCountsFromWhenTheMeterWasMade() {
    double[] joules = {1000};
    GpuEnergy meter = new GpuEnergy(new Health() {
      @Override
      public Reading<Double> energyJoules() {
        return Double.isNaN(joules[0]) ? Reading.unreadable("lost") : Reading.of(joules[0]);
      }
    });
    joules[0] = 1012.5;
    assertEquals(12.5, meter.joules().value(), 1e-9);
    joules[0] = Double.NaN;
    assertEquals("lost", meter.joules().unreadable());
    assertFalse(new GpuEnergy(new Health() {}).joules().unreadable().isEmpty());
  }

  /** However long nobody asks, the counter is read. */
  @Test
  void aWatchedMeterIsAskedByItself() throws InterruptedException {
    CountDownLatch asked = new CountDownLatch(3);
    AtomicInteger closed = new AtomicInteger();
    EnergyMeter meter = new EnergyMeter() {
      @Override
      public Reading<Double> joules() {
        asked.countDown();
        return Reading.of(1.0);
      }

      @Override
      public String source() {
        return "made up";
      }

      @Override
      public void close() {
        closed.incrementAndGet();
      }
    };
    try (WatchedEnergy watched = new WatchedEnergy(meter, 1)) {
      assertTrue(asked.await(1, TimeUnit.MINUTES));
      assertEquals("made up", watched.source());
      assertEquals(0, closed.get());
    }
    assertEquals(1, closed.get());
  }
}
