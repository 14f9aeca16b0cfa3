package dev.tern.vendor;

import static org.bytedeco.cuda.global.cudart.*;

import java.util.Optional;
import org.bytedeco.javacpp.BytePointer;

/** What the CUDA runtime tells of devices and versions. Only used once {@link CudaPresets} has it. */
final class GpuProbe {
  private GpuProbe() {}

  /** Why the device cannot be used, or empty. */
  static Optional<String> unavailable(int device) {
    int[] n = new int[1];
    int status = cudaGetDeviceCount(n);
    if (status != cudaSuccess) {
      cudaGetLastError();
      return Optional.of("cudaGetDeviceCount: " + cudaGetErrorString(status).getString());
    }
    return device < n[0] ? Optional.empty() : Optional.of("there are " + n[0] + " GPUs, none has the number " + device);
  }

  /** As "0000:01:00.0", or null if it is not told. */
  static String pciBusId(int device) {
    try (BytePointer text = new BytePointer(32)) {
      int status = cudaDeviceGetPCIBusId(text, 32, device);
      if (status != cudaSuccess) {
        cudaGetLastError();
        return null;
      }
      return text.getString();
    }
  }

  /** The number of multiprocessors, or -1. */
  static int multiprocessors(int device) {
    int[] n = new int[1];
    if (cudaDeviceGetAttribute(n, cudaDevAttrMultiProcessorCount, device) != cudaSuccess) {
      cudaGetLastError();
      return -1;
    }
    return n[0];
  }

  /** "13.0" of the number 13000. */
  static String cudaVersion(int version) {
    return version / 1000 + "." + version % 1000 / 10;
  }

  static String runtimeVersion() {
    int[] version = new int[1];
    return cudaRuntimeGetVersion(version) == cudaSuccess ? cudaVersion(version[0]) : "";
  }

  /** "13.0.2" of the number 130002, as cuBLAS counts since 13; cuDNN counts so too: 91300 is 9.13.0. */
  static String libraryVersion(long version) {
    return version / 10000 + "." + version / 100 % 100 + "." + version % 100;
  }

  static String cublasLtVersion() {
    return libraryVersion(org.bytedeco.cuda.global.cublas.cublasLtGetVersion());
  }

  static String cudnnVersion() {
    return libraryVersion(org.bytedeco.cuda.global.cudnn.cudnnGetVersion());
  }
}
