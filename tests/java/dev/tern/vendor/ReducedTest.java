package dev.tern.vendor;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;

class ReducedTest {
  @Test
  void everyNormalNumberIsItself() {
    for (int bits = 0; bits < 0x10000; bits++) {
      int exponent = bits >>> 10 & 31;
      if (exponent > 0 && exponent < 31) {
        assertEquals((short) bits, Reduced.F16.bits(Reduced.F16.value((short) bits)));
      }
      exponent = bits >>> 7 & 255;
      if (exponent > 0 && exponent < 255) {
        assertEquals((short) bits, Reduced.BF16.bits(Reduced.BF16.value((short) bits)));
      }
    }
  }

  @Test
  void knownValues() {
    assertEquals(0x3c00, Reduced.F16.bits(1f));
    assertEquals((short) 0xc000, Reduced.F16.bits(-2f));
    assertEquals(0x3f80, Reduced.BF16.bits(1f));
    assertEquals(0, Reduced.F16.bits(0f));
    assertEquals(0x1p-14f, Reduced.F16.value((short) 0x0400));
  }

  @Test
  void tiesGoToEven() {
    for (Reduced type : Reduced.values()) {
      float step = 2 * (float) type.unit();
      assertEquals(1f, type.value(type.bits(1 + step / 2)));
      assertEquals(1 + 2 * step, type.value(type.bits(1 + 1.5f * step)));
      assertEquals(1 + step, type.value(type.bits(Math.nextUp(1 + step / 2))));
      assertEquals(2f, type.value(type.bits(Math.nextDown(2f))));
    }
  }

  @Test
  void belowNormalNumbersIsZero() {
    assertEquals(0, Reduced.F16.bits(0x1p-15f));
    assertEquals((short) 0x8000, Reduced.F16.bits(-0x1p-20f));
  }
}
