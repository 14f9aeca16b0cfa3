package dev.tern.kernel;

import dev.tern.kernel.abi.global.TernAbi;

/** The hardware's floor: every decoded token reads the weights once, and they come no faster than this. */
public final class MemoryBandwidth {
  private MemoryBandwidth() {}

  /**
   * Reads a block again and again with all threads of a device.
   *
   * @param nBytes size of the block: as much as a token reads, so that caches help as much as they do then
   * @return bytes per second
   */
  public static double read(NativeDevice device, long nBytes, int nPasses) {
    double[] bytesPerSecond = new double[1];
    device.enter();
    try {
      Native.check(TernAbi.tern_op_read_bandwidth(device.pointer(), nBytes, nPasses, bytesPerSecond));
    } finally {
      device.leave();
    }
    return bytesPerSecond[0];
  }
}
