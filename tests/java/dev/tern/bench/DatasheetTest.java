package dev.tern.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

class DatasheetTest {
  @Test
  void namesOfDriversAreFound() {
    String[] names = {"NVIDIA H100 80GB HBM3", "NVIDIA H200", "NVIDIA A100-SXM4-80GB", "NVIDIA L40S", "NVIDIA GeForce RTX 4090", "NVIDIA GeForce RTX 5090"};
    for (String name : names) {
      Datasheet sheet = Datasheet.of(name).orElseThrow();
      assertTrue(sheet.bytesPerSecond() > 0.5e12 && sheet.bytesPerSecond() < 1e13, name);
      double half = sheet.opsPerSecond().get(KernelPeak.HALF);
      double int8 = sheet.opsPerSecond().get(KernelPeak.INT8);
      assertTrue(half > 1e14 && int8 >= 1.9 * half && int8 < 5 * half, name); // with sparsity, or half the rate, it would not be
      assertFalse(sheet.source().isBlank(), name);
    }
    assertEquals(3.35e12, Datasheet.of("NVIDIA H100 80GB HBM3").orElseThrow().bytesPerSecond());
  }

  @Test
  void otherNamesAreNot() {
    for (String name : new String[] {"", "NVIDIA H100 NVL", "NVIDIA GeForce RTX 4090 Laptop GPU", "NVIDIA L40"}) {
      assertTrue(Datasheet.of(name).isEmpty(), name);
    }
  }
}
