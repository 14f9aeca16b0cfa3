package dev.tern;

import dev.tern.kernel.NativeDevice;

/** Which of its ways the CPU takes here, where tests expect other roundings for it. */
public final class CpuKernels {
  private CpuKernels() {}

  /**
   * Whether weights of Q8_0, Q6_K and Q4_0 are multiplied in integers, with activations of 16 bits (docs/dense.md): with VNNI, unless TERN_ISA lowers the
   * tier. The ternary kernel avx512_vnni asks for the same.
   */
  public static boolean blocksInIntegers() {
    try (NativeDevice device = new NativeDevice(Device.cpu(), 1)) {
      return device.describe().contains("\"avx512_vnni\"");
    }
  }
}
