package dev.tern.bench;

import java.util.Optional;

/**
 * A library that computes some of the cases too, on the same device, timed in the same run and by the same loop as Tern: cuBLASLt, cuDNN,
 * OpenBLAS. Made for one device and one number of threads. For one thread.
 */
public interface KernelPeer extends AutoCloseable {
  /** As in reports: "cuBLASLt". */
  String name();

  /** Of the library that was loaded, as "13.0.2"; empty if it is unavailable. */
  String version();

  /** Why it cannot be used here ("libcublasLt.so.13 is not found"), or empty. Asked first, once; must not throw. */
  Optional<String> unavailable();

  /** Why it does not compute this case ("no ternary weights"), or empty. Only asked if it is available. */
  Optional<String> unsupported(KernelCase kernelCase);

  /**
   * Makes a case ready. The same problem as Tern's: the same sizes, the same types where the library has them; where it has not, the
   * nearest, and {@link KernelTimer#note} says so.
   */
  KernelTimer prepare(KernelCase kernelCase);

  @Override
  void close();
}
