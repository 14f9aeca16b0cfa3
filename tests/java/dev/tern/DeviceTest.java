package dev.tern;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class DeviceTest {
  @Test
  void namesAndBack() {
    assertEquals(Device.cpu(), Device.of("cpu"));
    assertEquals(Device.cuda(), Device.of("cuda"));
    assertEquals(Device.cuda(3), Device.of("cuda:3"));
    assertEquals("cuda:3", Device.cuda(3).name());
    assertFalse(Device.cpu().isCuda());
    assertTrue(Device.cuda().isCuda());
    assertEquals(Device.cuda().hashCode(), Device.cuda(0).hashCode());
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "gpu", "CPU", "cuda:", "cuda:-1", "cuda:99999", "cuda:1x", "cuda 1"})
  void othersAreRefused(String name) {
    assertThrows(IllegalArgumentException.class, () -> Device.of(name));
  }

  @Test
  void gpuNumbersHaveARange() {
    assertThrows(IllegalArgumentException.class, () -> Device.cuda(-1));
    assertThrows(IllegalArgumentException.class, () -> Device.cuda(10_000));
  }
}
