package dev.tern.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class SpeedTestTest {
  @ParameterizedTest
  @ValueSource(strings = {"pp128", "tg64", "tg64 x8", "tg64 @2048", "tg1 x16 @4096", "pp128+tg64", "pp1+tg1 x4 @8"})
  void namesAreReadAsTheyAreWritten(String name) {
    assertEquals(name, SpeedTest.of(name).name());
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "pp", "tg0", "pp-1", "xx12", "pp128 x2", "pp128 @64", "tg64x8", "tg64 x0", "tg99999999", "pp8tg8", "pp8+", "+tg8", "+", " x2", "tg8+pp8"})
  void othersAreRefused(String name) {
    assertThrows(IllegalArgumentException.class, () -> SpeedTest.of(name));
  }

  @Test
  void rateCountsAllStreams() {
    assertEquals(64 * 8 / 2.0, SpeedTest.of("tg64 x8").rate(2_000_000_000L));
    assertEquals((128 + 64) * 2 / 4.0, SpeedTest.of("pp128+tg64 x2").rate(4_000_000_000L));
  }
}
