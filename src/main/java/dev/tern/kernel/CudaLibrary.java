package dev.tern.kernel;

import dev.tern.DeviceUnavailableException;
import dev.tern.kernel.abi.global.TernAbi;
import java.io.File;
import java.io.IOException;
import org.bytedeco.javacpp.Loader;

/** Where the library of the CUDA backend is: in the natives' jar, from which it is unpacked when it is first asked for. */
final class CudaLibrary {
  private static final String NAME = "libtern_cuda.so";

  private CudaLibrary() {}

  /** Tells the native side; the environment variable TERN_CUDA_LIBRARY goes before it there. */
  static synchronized void locate() {
    String forced = System.getenv("TERN_CUDA_LIBRARY");
    if (forced != null && !forced.isEmpty()) {
      return;
    }
    try {
      File file = Loader.cacheResource(TernAbi.class, "/dev/tern/kernel/abi/" + Loader.getPlatform() + "/" + NAME);
      if (file == null) {
        throw new DeviceUnavailableException("this build has no CUDA backend: it was built where there was no nvcc");
      }
      Native.check(TernAbi.tern_cuda_library(file.getAbsolutePath()));
    } catch (IOException e) {
      throw new DeviceUnavailableException("the library of the CUDA backend cannot be unpacked: " + e.getMessage(), e);
    }
  }
}
