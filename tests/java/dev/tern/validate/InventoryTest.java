package dev.tern.validate;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class InventoryTest {
  private static Map<String, Inventory> of(Health health, String described) {
    Map<String, Inventory> all = new LinkedHashMap<>();
    Inventory.of(health, described).forEach(item -> all.put(item.item(), item));
    return all;
  }

  @Test
  void whatTheBackendSaysStandsThere() {
    Map<String, Inventory> gpu = of(new FakeHealth(), "{\"backend\": \"cuda\", \"built_for\": \"8.0 9.0\", \"runtime\": \"13.0\"}");
    assertEquals("8.0 9.0", gpu.get("built for").value());
    assertEquals("CUDA 13.0", gpu.get("built with").value());
    assertNull(gpu.get("threads"), "a processor's");
    Map<String, Inventory> cpu = of(new Health() {}, "{\"backend\": \"cpu\", \"isa\": \"avx2\", \"threads\": 3}");
    assertEquals(List.of("instructions", "threads"), List.copyOf(cpu.keySet()));
    assertEquals("3", cpu.get("threads").value());
    assertTrue(of(new Health() {}, null).isEmpty());
  }

  @Test
  void linksHaveWidthAndSpeed() {
    FakeHealth health = new FakeHealth();
    health.pcie = Reading.of(new Health.PcieLink(4, 8));
    health.pcieMax = Reading.of(new Health.PcieLink(9, 16));
    Map<String, Inventory> items = of(health, null);
    assertEquals("generation 4 (16 GT/s) x8", items.get("PCIe").value());
    assertEquals("generation 9 x16", items.get("PCIe at most").value());
    assertEquals("26.6 GB/s a link and direction", items.get("NVLink speed").value());
    assertEquals("2 of 2 active", items.get("NVLink").value());
    assertEquals("none", items.get("Xid since begin").value());
    assertEquals("700 W", items.get("power limit of the factory").value());
  }

  @Test
  void whatCannotBeReadSaysWhy() {
    FakeHealth health = new FakeHealth();
    health.pcie = Reading.unreadable("not supported");
    health.xids = Reading.unreadable("no events");
    Map<String, Inventory> items = of(health, null);
    assertEquals("not supported", items.get("PCIe").unreadable());
    assertEquals("no events", items.get("Xid since begin").unreadable());
  }
}
