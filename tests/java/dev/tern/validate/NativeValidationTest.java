package dev.tern.validate;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.tern.Device;
import org.junit.jupiter.api.Test;

/** The cpu of this machine, for real, in a few seconds. */
class NativeValidationTest {
  private static final Level SHORT = new Level("short", 0.05, 2, 1, 0.001, 16L << 20, 1L << 20, 1, 0, 80);

  @Test
  void thisProcessorComputesRightly() {
    Report report = DeviceValidation.run(new DeviceValidation.Request(Device.cpu(), SHORT, 0, null, null, "test"), () -> new NativeSubject(Device.cpu(), 2),
        device -> new CpuHealth(), PlantedFaultsTest.SILENT);
    for (Report.Result r : report.results()) {
      if (r.check().group().isRequired()) {
        assertEquals(Verdict.PASS, r.outcome().verdict(), r.check().id() + ": " + r.outcome().reason());
      }
    }
    for (Group group : Group.values()) {
      assertTrue(report.results().stream().anyMatch(r -> r.check().group() == group), group.id());
    }
    assertNotEquals(Verdict.UNKNOWN, report.verdict());
    assertTrue(report.described().contains("\"cpu\""));
  }
}
