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

  static String cublasLtVersion() {
    return GpuVersions.library(org.bytedeco.cuda.global.cublas.cublasLtGetVersion());
  }

  static String cudnnVersion() {
    return GpuVersions.library(org.bytedeco.cuda.global.cudnn.cudnnGetVersion());
  }
}
