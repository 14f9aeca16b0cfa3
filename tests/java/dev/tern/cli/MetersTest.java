package dev.tern.cli;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.tern.Device;
import dev.tern.bench.ResourceSampler;
import dev.tern.validate.Reading;
import org.junit.jupiter.api.Test;

/** On whatever machine the test runs: each figure is there, or why it is not. */
class MetersTest {
  private static void told(Reading<Double> reading) {
    assertTrue(reading.isKnown() ? reading.value() >= 0 : !reading.unreadable().isBlank(), reading.toString());
  }

  @Test
  void aProcessorHasNoMemoryOfItsOwn() {
    try (Meters meters = Meters.of(Device.cpu())) {
      ResourceSampler sampler = meters.sampler();
      sampler.close();
      assertTrue(sampler.averageResidentBytes() > 1 << 20);
      assertTrue(sampler.averageDeviceBytes().isAbsent());
      told(sampler.joules());
      assertFalse(meters.energySource().isBlank());
      assertTrue(meters.gpuName().isEmpty());
    }
  }

  @Test
  void aGpuOrTheReasonThatThereIsNone() {
    try (Meters meters = Meters.of(Device.cuda())) {
      ResourceSampler sampler = meters.sampler();
      sampler.close();
      told(sampler.averageDeviceBytes());
      told(sampler.joules());
      assertFalse(meters.energySource().isBlank());
    }
  }
}
