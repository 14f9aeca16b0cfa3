package dev.tern.kernel;

import dev.tern.DeviceUnavailableException;
import dev.tern.kernel.abi.global.TernAbi;
import java.io.File;
import java.io.IOException;
import org.bytedeco.javacpp.Loader;

/** Where the library of checks is: in the natives' jar, from which it is unpacked when it is first asked for. */
final class CheckLibrary {
  private static final String NAME = "libtern_check.so";

  private CheckLibrary() {}

  /** Tells the native side; the environment variable TERN_CHECK_LIBRARY goes before it there. */
  static synchronized void locate() {
    String forced = System.getenv("TERN_CHECK_LIBRARY");
    if (forced != null && !forced.isEmpty()) {
      return;
    }
    try {
      File file = Loader.cacheResource(TernAbi.class, "/dev/tern/kernel/abi/" + Loader.getPlatform() + "/" + NAME);
      if (file == null) {
        throw new DeviceUnavailableException("this build has no library of checks");
      }
      Native.check(TernAbi.tern_check_library(file.getAbsolutePath()));
    } catch (IOException e) {
      throw new DeviceUnavailableException("the library of checks cannot be unpacked: " + e.getMessage(), e);
    }
  }
}
