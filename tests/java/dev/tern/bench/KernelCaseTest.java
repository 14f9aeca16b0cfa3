package dev.tern.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Optional;
import org.junit.jupiter.api.Test;

class KernelCaseTest {
  @Test
  void shapesAreReadAsTheyAreWritten() {
    String[] shapes = {"1x8192x32/8x128", "512x2048x20/5x128", "1x6912x2560", "8x14336x4096", "7x2560", "1x6912", "9x32/8x128", "33x128256x2560", "2x128256"};
    for (KernelOp op : KernelOp.values()) {
      String shape = shapes[op.ordinal()];
      KernelCase c = KernelCase.of(op, "F16", shape, true).orElseThrow();
      assertEquals(shape, c.shape(), op.id());
      assertEquals(op.id() + " F16 " + shape + " cold", c.key());
      assertEquals(op.id() + " F16 " + shape + " warm", c.withCold(false).key());
    }
    assertEquals(new KernelCase(KernelOp.ATTENTION_DECODE, "I8", 3, 0, 100, 8, 2, 64, false),
        KernelCase.of(KernelOp.ATTENTION_DECODE, "I8", "3x100x8/2x64", false).orElseThrow());
  }

  @Test
  void otherFormsAreNone() {
    for (String shape : new String[] {"", "1", "1x2x3x4", "ax2x3", "1x2x-3", "1x2x3 ", "1234567890x1x1"}) {
      assertEquals(Optional.empty(), KernelCase.of(KernelOp.DENSE, "F16", shape, true), shape);
    }
    assertEquals(Optional.empty(), KernelCase.of(KernelOp.SAMPLE, "F32", "1x2x3", true));
  }

  @Test
  void opsHaveNames() {
    for (KernelOp op : KernelOp.values()) {
      assertEquals(op, KernelOp.of(op.id()));
    }
    assertTrue(assertThrows(IllegalArgumentException.class, () -> KernelOp.of("gemm")).getMessage().contains("attention_decode"));
  }
}
