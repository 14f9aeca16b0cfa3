package dev.tern.kernel;

import dev.tern.Device;
import dev.tern.kernel.abi.global.TernAbi;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.util.concurrent.TimeUnit;
import org.bytedeco.javacpp.FloatPointer;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;

/**
 * What a call into native code costs: the border alone, with a handle, with the guard of a handle, and with data. The op is tern_op_gate on
 * a few elements, so that the border is most of it; arrays are copied at it, memory outside of the heap is not.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
public class JniBench {
  /** A pair of arrays, or of memory that both sides know, of one size. */
  @State(Scope.Thread)
  public static class Rows {
    @Param({"8", "4096"})
    int n;

    float[] gate;
    float[] out;
    FloatPointer gatePointer;
    FloatPointer outPointer;

    @Setup
    public void setUp() {
      gate = new float[n];
      out = new float[n];
      gatePointer = new FloatPointer(direct(n));
      outPointer = new FloatPointer(direct(n));
    }

    private static FloatBuffer direct(int n) {
      return ByteBuffer.allocateDirect(Float.BYTES * n).order(ByteOrder.nativeOrder()).asFloatBuffer();
    }
  }

  private NativeDevice device;

  @Setup
  public void setUp() {
    device = new NativeDevice(Device.cpu(), 1);
  }

  @TearDown
  public void tearDown() {
    device.close();
  }

  /** A call without arguments that returns a constant. */
  @Benchmark
  public int constant() {
    return TernAbi.tern_abi_version();
  }

  /** A call with a handle, which JavaCPP unwraps. */
  @Benchmark
  public int handle() {
    return TernAbi.tern_device_n_threads(device.pointer());
  }

  /** The same as the rest of Tern calls it: counted, so that nobody closes the handle meanwhile. */
  @Benchmark
  public int guardedHandle() {
    return device.nThreads();
  }

  /** The guard alone, without a call. */
  @Benchmark
  public void guard() {
    device.enter();
    device.leave();
  }

  /** An op on memory outside of the heap: nothing is copied. */
  @Benchmark
  public void opOnPointers(Rows rows) {
    Native.check(TernAbi.tern_op_gate(device.pointer(), TernAbi.TERN_GATE_RELU2, rows.gatePointer, rows.gatePointer, rows.n, rows.outPointer));
  }

  /** The same on arrays, which JavaCPP copies in and out. */
  @Benchmark
  public float opOnArrays(Rows rows) {
    Native.check(TernAbi.tern_op_gate(device.pointer(), TernAbi.TERN_GATE_RELU2, rows.gate, rows.gate, rows.n, rows.out));
    return rows.out[0];
  }
}
