package dev.tern.kernel;

import dev.tern.CapacityException;
import dev.tern.DeviceLostException;
import dev.tern.DeviceUnavailableException;
import dev.tern.NativeFaultException;
import dev.tern.UnsupportedModelException;
import dev.tern.kernel.abi.global.TernAbi;

/** The native library: loaded once, its status codes as exceptions. */
public final class Native {
  /** Why the library could not be loaded, or null. */
  private static final Throwable UNAVAILABLE;

  static {
    // JavaCPP would take resident weights for a leak: at 4 x Xmx it stalls in collections, then throws. Off, before any class of it loads.
    System.setProperty("org.bytedeco.javacpp.maxPhysicalBytes", "0");
    System.setProperty("org.bytedeco.javacpp.maxBytes", "0");
    UNAVAILABLE = load();
  }

  private Native() {}

  private static Throwable load() {
    try {
      int version = TernAbi.tern_abi_version();
      return version == TernAbi.TERN_ABI_VERSION
          ? null
          : new IllegalStateException("the native library has ABI " + version + ", these classes need " + TernAbi.TERN_ABI_VERSION);
    } catch (LinkageError | RuntimeException e) {
      return e;
    }
  }

  /**
   * Returns if the library is there.
   *
   * @throws DeviceUnavailableException if not, with the reason
   */
  public static void require() {
    if (UNAVAILABLE != null) {
      throw new DeviceUnavailableException(
          "no native library for " + System.getProperty("os.name") + " " + System.getProperty("os.arch") + ": " + UNAVAILABLE.getMessage(),
          UNAVAILABLE);
    }
  }

  /** Bytes of native memory that Tern holds in this process. */
  public static long bytes() {
    require();
    return TernAbi.tern_native_bytes();
  }

  /** Throws what a status code stands for; the call that gave it must be this thread's last. */
  static void check(int status) {
    if (status == TernAbi.TERN_OK) {
      return;
    }
    String text = TernAbi.tern_last_error().getString();
    throw switch (status) {
      case TernAbi.TERN_ERR_INVALID_ARGUMENT -> new IllegalArgumentException(text);
      case TernAbi.TERN_ERR_OUT_OF_MEMORY -> new CapacityException(text);
      case TernAbi.TERN_ERR_UNSUPPORTED, TernAbi.TERN_ERR_NOT_TERNARY -> new UnsupportedModelException(text);
      case TernAbi.TERN_ERR_UNAVAILABLE -> new DeviceUnavailableException(text);
      case TernAbi.TERN_ERR_DEVICE_LOST -> new DeviceLostException(text);
      default -> new NativeFaultException(text);
    };
  }
}
