package dev.tern.kernel;

import dev.tern.Device;
import dev.tern.DeviceUnavailableException;
import dev.tern.kernel.abi.global.TernAbi;
import dev.tern.kernel.abi.tern_device;
import org.bytedeco.javacpp.BytePointer;

/** A backend with its threads. Thread-safe. */
public final class NativeDevice extends NativeHandle {
  private final tern_device device;
  private int nEngines;

  /**
   * Opens a device.
   *
   * @param nThreads of the CPU: 1 to 256, or 0 for one per core; of a GPU: 0
   * @throws DeviceUnavailableException if it cannot be used, with the reason
   */
  public NativeDevice(Device which, int nThreads) {
    super("device");
    // First: where another thread loads the library, a class of JavaCPP that is initialised here beside it would wait for it, and it for that.
    Native.require();
    device = new tern_device();
    if (which.isCuda()) {
      CudaLibrary.locate();
    }
    Native.check(TernAbi.tern_device_open(which.name(), nThreads, device));
  }

  tern_device pointer() {
    return device;
  }

  /** Threads that run the kernels. */
  public int nThreads() {
    enter();
    try {
      return TernAbi.tern_device_n_threads(device);
    } finally {
      leave();
    }
  }

  /** What was chosen and why, as JSON. */
  public synchronized String describe() {
    enter();
    try (BytePointer json = new BytePointer()) {
      Native.check(TernAbi.tern_device_describe(device, json));
      return json.getString();
    } finally {
      leave();
    }
  }

  /**
   * Counts one more engine on this device, and sets the threads for it.
   *
   * @param nThreads 0 to leave them as they are
   * @throws IllegalArgumentException if another engine runs with another number
   */
  synchronized void addEngine(int nThreads) {
    enter();
    try {
      int now = TernAbi.tern_device_n_threads(device);
      if (nThreads != 0 && nThreads != now) {
        if (nEngines > 0) {
          throw new IllegalArgumentException(
              nThreads + " threads: another engine of this model runs with " + now + "; use the same, or close it first");
        }
        Native.check(TernAbi.tern_device_set_threads(device, nThreads));
      }
      nEngines++;
    } finally {
      leave();
    }
  }

  synchronized void removeEngine() {
    nEngines--;
  }

  @Override
  void destroy() {
    TernAbi.tern_device_destroy(device);
    device.setNull();
  }
}
