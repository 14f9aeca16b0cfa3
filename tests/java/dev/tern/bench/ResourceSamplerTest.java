package dev.tern.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.tern.validate.Reading;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

class ResourceSamplerTest {
  private static EnergyMeter meter(AtomicInteger readings, String reason) {
    return new EnergyMeter() {
      @Override
      public Reading<Double> joules() {
        return reason != null ? Reading.unreadable(reason) : Reading.of(3.0 * readings.getAndIncrement());
      }

      @Override
      public String source() {
        return "a test";
      }
    };
  }

  @Test
  void averagesAreOverTime() {
    ResourceSampler.TimeAverage average = new ResourceSampler.TimeAverage();
    assertTrue(Double.isNaN(average.value()));
    average.add(100, 4);
    assertEquals(4, average.value());
    average.add(200, 8); // 6 on average
    average.add(500, 8); // 8 for thrice as long
    assertEquals((6 * 100 + 8 * 300) / 400.0, average.value(), 1e-12);
  }

  @Test
  void looksWhileSomethingRuns() throws InterruptedException {
    CountDownLatch looks = new CountDownLatch(5);
    AtomicInteger readings = new AtomicInteger();
    ResourceSampler sampler = new ResourceSampler(() -> {
      looks.countDown();
      return 1000;
    }, () -> Reading.of(70L), meter(readings, null));
    looks.await();
    sampler.close();
    int asked = readings.get();
    sampler.close(); // once more changes nothing
    assertEquals(1000, sampler.averageResidentBytes(), 1e-9);
    assertEquals(70, sampler.averageDeviceBytes().value(), 1e-9);
    assertEquals(3.0 * (asked - 1), sampler.joules().value(), 1e-9);
    assertEquals(asked, readings.get());
    assertTrue(sampler.seconds() > 0);
  }

  @Test
  void whatIsNotToldIsNotMadeUp() {
    ResourceSampler sampler = new ResourceSampler(() -> 1, Reading::absent, meter(new AtomicInteger(), "no counter"));
    sampler.close();
    assertTrue(sampler.averageDeviceBytes().isAbsent());
    assertEquals("no counter", sampler.joules().unreadable());
    ResourceSampler other = new ResourceSampler(() -> 1, () -> Reading.unreadable("no driver"), meter(new AtomicInteger(), null));
    other.close();
    assertEquals("no driver", other.averageDeviceBytes().unreadable());
  }
}
