package dev.tern.vendor;

import dev.tern.Device;
import dev.tern.bench.KernelPeer;
import java.util.List;

/**
 * What a device's kernels are compared with: the libraries of its vendor, through JavaCPP's presets. Those that are missing are in the list too
 * and say why. This package is, with {@code kernel}, the only one that touches JavaCPP, and the only one that touches its presets; nothing of
 * them is loaded before a peer is asked whether it is available.
 */
public final class Peers {
  private Peers() {}

  /** @param threads for libraries on the CPU */
  public static List<KernelPeer> of(Device device, int threads) {
    return device.isCuda() ? List.of(new CublasLtPeer(index(device)), new CudnnPeer(index(device))) : List.of(new OpenBlasPeer(threads));
  }

  static int index(Device device) {
    return Integer.parseInt(device.name().substring("cuda:".length()));
  }
}
