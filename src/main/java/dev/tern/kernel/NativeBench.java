package dev.tern.kernel;

import dev.tern.UnsupportedModelException;
import dev.tern.kernel.abi.global.TernAbi;
import dev.tern.kernel.abi.tern_bench;
import dev.tern.kernel.abi.tern_bench_case;
import dev.tern.kernel.abi.tern_bench_counts;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalDouble;
import org.bytedeco.javacpp.BytePointer;

/** One op of a step made ready to be timed on its own: tern_bench.h. */
public final class NativeBench extends NativeHandle {
  /** As many calls as one measurement may have. */
  public static final int MAX_CALLS = TernAbi.TERN_BENCH_MAX_CALLS;

  /** A case, in the words and numbers of tern_bench.h. */
  public record Shape(int op, int type, int nRows, int nOut, int nIn, int nHeads, int nKvHeads, int headDim, boolean cold, int kernel) {
    private void put(tern_bench_case c) {
      c.struct_size(c.sizeof());
      c.op(op).type(type).n_rows(nRows).n_out(nOut).n_in(nIn);
      c.n_heads(nHeads).n_kv_heads(nKvHeads).head_dim(headDim).cold(cold ? 1 : 0).kernel(kernel);
    }
  }

  /**
   * What a call must do at least.
   *
   * @param peak number of the arithmetic that it is made of
   * @param ops multiplications and additions
   * @param dataBytes of all data that calls take in turn
   * @param sets of data
   */
  public record Counts(int peak, long ops, long bytesRead, long bytesWritten, long dataBytes, int sets) {}

  private final tern_bench bench = new tern_bench();

  /**
   * Makes the data on the device, and runs the case once.
   *
   * @throws IllegalArgumentException if there is no such case
   * @throws UnsupportedModelException if the device does not have it, with the reason
   * @throws dev.tern.CapacityException if its data does not fit
   */
  public NativeBench(NativeDevice device, Shape shape) {
    super("benchmark");
    device.enter();
    try (tern_bench_case c = new tern_bench_case()) {
      shape.put(c);
      Native.check(TernAbi.tern_bench_create(device.pointer(), c, bench));
    } finally {
      device.leave();
    }
  }

  /** Runs the case so many times, 1 to {@link #MAX_CALLS}; seconds of all of them. */
  public double run(int calls) {
    double[] seconds = new double[1];
    enter();
    try {
      Native.check(TernAbi.tern_bench_run(bench, calls, seconds));
    } finally {
      leave();
    }
    return seconds[0];
  }

  public Counts counts() {
    enter();
    try (tern_bench_counts c = new tern_bench_counts()) {
      c.struct_size(c.sizeof());
      Native.check(TernAbi.tern_bench_count(bench, c));
      return new Counts(c.peak(), c.ops(), c.bytes_read(), c.bytes_written(), c.data_bytes(), c.n_sets());
    } finally {
      leave();
    }
  }

  /** The kernel that was asked for or that the device picked; empty where there is no choice. */
  public String kernel() {
    enter();
    try {
      return TernAbi.tern_bench_kernel(bench).getString();
    } finally {
      leave();
    }
  }

  @Override
  void destroy() {
    TernAbi.tern_bench_destroy(bench);
    bench.setNull();
  }

  /** What is timed on a device if nothing else is asked for; warm. */
  public static List<Shape> defaults(NativeDevice device) {
    List<Shape> all = new ArrayList<>();
    device.enter();
    try (tern_bench_case c = new tern_bench_case()) {
      c.struct_size(c.sizeof());
      for (int i = 0; i < TernAbi.tern_bench_n_defaults(device.pointer()); i++) {
        Native.check(TernAbi.tern_bench_default(device.pointer(), i, c));
        all.add(new Shape(c.op(), c.type(), c.n_rows(), c.n_out(), c.n_in(), c.n_heads(), c.n_kv_heads(), c.head_dim(), c.cold() != 0, c.kernel()));
      }
    } finally {
      device.leave();
    }
    return all;
  }

  /**
   * Refuses what is no case of a device, before any data is made.
   *
   * @throws IllegalArgumentException saying why
   */
  public static void check(NativeDevice device, Shape shape) {
    device.enter();
    try (tern_bench_case c = new tern_bench_case()) {
      shape.put(c);
      Native.check(TernAbi.tern_bench_check(device.pointer(), c));
    } finally {
      device.leave();
    }
  }

  /** Names of the kernels that a case of an op may ask for, from number 1 on; none where there is no choice. */
  public static List<String> kernels(NativeDevice device, int op) {
    List<String> names = new ArrayList<>();
    device.enter();
    try {
      for (BytePointer name = TernAbi.tern_bench_kernel_name(device.pointer(), op, 1); name != null;
          name = TernAbi.tern_bench_kernel_name(device.pointer(), op, names.size() + 1)) {
        names.add(name.getString());
      }
    } finally {
      device.leave();
    }
    return names;
  }

  /** Bytes of the last cache before the memory. */
  public static long cacheBytes(NativeDevice device) {
    long[] bytes = new long[1];
    device.enter();
    try {
      Native.check(TernAbi.tern_bench_cache_bytes(device.pointer(), bytes));
    } finally {
      device.leave();
    }
    return bytes[0];
  }

  /** Bytes read and written per second by copying a block of so many bytes. */
  public static double copyBandwidth(NativeDevice device, long nBytes, int nPasses) {
    double[] rate = new double[1];
    device.enter();
    try {
      Native.check(TernAbi.tern_bench_copy_bandwidth(device.pointer(), nBytes, nPasses, rate));
    } finally {
      device.leave();
    }
    return rate[0];
  }

  /** Operations per second of an arithmetic, by its number; empty if the device has none such. */
  public static OptionalDouble peak(NativeDevice device, int peak) {
    double[] rate = new double[1];
    device.enter();
    try {
      Native.check(TernAbi.tern_bench_peak(device.pointer(), peak, rate));
      return OptionalDouble.of(rate[0]);
    } catch (UnsupportedModelException e) {
      return OptionalDouble.empty();
    } finally {
      device.leave();
    }
  }
}
