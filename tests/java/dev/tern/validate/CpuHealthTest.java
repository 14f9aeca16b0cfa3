package dev.tern.validate;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CpuHealthTest {
  @TempDir
  Path root;

  private void file(String path, String text) throws IOException {
    Path file = root.resolve(path);
    Files.createDirectories(file.getParent());
    Files.writeString(file, text);
  }

  @Test
  void whatLinuxTellsIsRead() throws IOException {
    file("proc/cpuinfo", "processor\t: 0\nmodel name\t: A Processor: fast\nmicrocode\t: 0xab\ncpu MHz\t\t: 2499.998\n");
    file("proc/meminfo", "MemTotal:       1000 kB\nMemAvailable:    600 kB\n");
    file("proc/sys/kernel/osrelease", "6.1.0\n");
    file("sys/devices/system/edac/mc/mc0/ce_count", "5\n");
    file("sys/devices/system/edac/mc/mc0/ue_count", "0\n");
    file("sys/devices/system/edac/mc/mc1/ce_count", "2\n");
    file("sys/devices/system/edac/mc/mc1/ue_count", "1\n");
    file("sys/devices/system/cpu/cpu0/thermal_throttle/core_throttle_count", "3\n");
    file("sys/devices/system/cpu/cpu1/thermal_throttle/core_throttle_count", "4\n");
    file("sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq", "3500000\n");
    file("sys/class/hwmon/hwmon0/name", "nvme\n");
    file("sys/class/hwmon/hwmon0/temp1_input", "99000\n");
    file("sys/class/hwmon/hwmon1/name", "coretemp\n");
    file("sys/class/hwmon/hwmon1/temp1_input", "51000\n");
    file("sys/class/hwmon/hwmon1/temp2_input", "63000\n");
    file("sys/class/hwmon/hwmon1/temp1_crit", "100000\n");
    CpuHealth health = new CpuHealth(root);
    assertEquals("A Processor: fast", health.name().value());
    assertEquals("microcode 0xab", health.driver().value());
    assertEquals("Linux 6.1.0", health.runtime().value());
    assertEquals(600 * 1024, health.memoryFreeBytes().value());
    assertEquals(new Health.EccErrors(7, 1), health.eccErrors().value());
    assertEquals(7, health.thermalThrottles().value());
    assertEquals(2499, health.coreClockMhz().value());
    assertEquals(3500, health.coreClockMaxMhz().value());
    assertEquals(63, health.temperatureCelsius().value());
    assertEquals(100, health.slowdownCelsius().value());
    assertEquals(Verdict.FAIL, HealthChecks.ecc(health, health.eccErrors()).verdict());
  }

  @Test
  void whatIsNotThereSaysSo() {
    CpuHealth health = new CpuHealth(root);
    for (Inventory item : Inventory.of(health, null)) {
      assertTrue(item.item().equals("cores") || item.value() == null && !item.unreadable().isEmpty(), item.toString());
    }
    assertTrue(health.pcie().isAbsent(), "a processor has none");
    assertEquals(Verdict.UNKNOWN, HealthChecks.temperature(health).verdict());
    assertTrue(HealthChecks.pcie(health) == Outcome.ABSENT);
  }

  @Test
  void damagedFilesAreUnreadable() throws IOException {
    file("sys/devices/system/edac/mc/mc0/ce_count", "many\n");
    file("proc/meminfo", "MemTotal: none\n");
    CpuHealth health = new CpuHealth(root);
    assertFalse(health.eccErrors().isKnown());
    assertFalse(health.memoryBytes().isKnown());
  }
}
