package dev.tern.bench;

import dev.tern.Device;
import dev.tern.format.TensorType;
import dev.tern.kernel.MemoryBandwidth;
import dev.tern.kernel.NativeBench;
import dev.tern.kernel.NativeDevice;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;

/** Tern's own kernels on one device, to be timed, and the device's ceilings. For one thread. */
public final class TernKernels implements AutoCloseable {
  private static final int INT8_KEYS = 24; // TERN_TYPE_I8: of keys and values only, no type of a file
  private static final long MIN_BLOCK = 256L << 20;
  private static final long MUCH = 1L << 30; // beyond it, twice a cache is enough
  private static final int CACHES_OF_BLOCK = 8;
  private static final int PASSES = 9;

  private final NativeDevice device;

  /** A case that is ready. */
  public static final class Ready implements KernelTimer {
    private final NativeBench bench;
    private final KernelWork work;

    private Ready(NativeBench bench) {
      this.bench = bench;
      NativeBench.Counts c = bench.counts();
      work = new KernelWork(KernelPeak.values()[c.peak()], c.ops(), c.bytesRead(), c.bytesWritten());
    }

    public KernelWork work() {
      return work;
    }

    @Override
    public double seconds(int calls) {
      return bench.run(calls);
    }

    @Override
    public String note() {
      return bench.kernel();
    }

    @Override
    public void close() {
      bench.close();
    }
  }

  /**
   * Opens the device.
   *
   * @param threads of the CPU; 0: one per core
   * @throws dev.tern.DeviceUnavailableException if it cannot be used
   */
  public TernKernels(Device device, int threads) {
    this.device = new NativeDevice(device, threads);
  }

  public int threads() {
    return device.nThreads();
  }

  /** What was chosen and why, as JSON. */
  public String describe() {
    return device.describe();
  }

  /** What is timed on this device if nothing else is asked for. */
  public List<KernelCase> defaults(boolean cold) {
    return NativeBench.defaults(device).stream()
        .map(s -> new KernelCase(KernelOp.values()[s.op()], typeName(s.type()), s.nRows(), s.nOut(), s.nIn(), s.nHeads(), s.nKvHeads(), s.headDim(), cold))
        .toList();
  }

  /**
   * Makes a case ready.
   *
   * @throws IllegalArgumentException if there is no such case
   * @throws dev.tern.UnsupportedModelException if this device does not have it
   * @throws dev.tern.CapacityException if it does not fit
   */
  public Ready prepare(KernelCase c) {
    return new Ready(new NativeBench(device, new NativeBench.Shape(c.op().ordinal(), typeNumber(c.dtype()), c.nRows(), c.nOut(), c.nIn(), c.nHeads(),
        c.nKvHeads(), c.headDim(), c.cold())));
  }

  /** Measures what the hardware reaches; takes a second or two. */
  public Ceilings ceilings() {
    long cache = NativeBench.cacheBytes(device);
    long block = Math.max(MIN_BLOCK, Math.min(CACHES_OF_BLOCK * cache, Math.max(2 * cache, MUCH)));
    Map<KernelPeak, Double> peaks = new EnumMap<>(KernelPeak.class);
    for (KernelPeak peak : KernelPeak.values()) {
      NativeBench.peak(device, peak.ordinal()).ifPresent(rate -> peaks.put(peak, rate));
    }
    return new Ceilings(MemoryBandwidth.read(device, block, PASSES), NativeBench.copyBandwidth(device, block, PASSES), peaks, cache);
  }

  private static String typeName(int number) {
    if (number == INT8_KEYS) {
      return "I8";
    }
    for (TensorType type : TensorType.values()) {
      if (type.id() == number) {
        return type.name();
      }
    }
    throw new IllegalArgumentException("a type " + number);
  }

  /**
   * Whether a type may be a case's.
   *
   * @throws IllegalArgumentException if nothing is called so, with what there is
   */
  public static void checkType(String name) {
    typeNumber(name);
  }

  private static int typeNumber(String name) {
    if (name.equals("I8")) {
      return INT8_KEYS;
    }
    for (TensorType type : TensorType.values()) {
      if (type.name().equals(name)) {
        return type.id();
      }
    }
    throw new IllegalArgumentException("no type is called '" + name + "'; there are F32, F16, BF16, I8, Q8_0, Q4_0, Q6_K and TQ2_0");
  }

  @Override
  public void close() {
    device.close();
  }
}
