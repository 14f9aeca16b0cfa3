package dev.tern.vendor;

import dev.tern.bench.KernelCase;
import java.util.Locale;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.Pointer;

/** A product by cuBLASLt, made ready: data in memory, the fastest of its algorithms chosen, its result checked. */
final class LtCase {
  private LtCase() {}

  static GpuTimer prepare(int device, Elements in, String note, KernelCase c) {
    return prepare(device, in, in == Elements.I8 ? Elements.I32 : Elements.F32, note, c.nRows(), c.nOut(), c.nIn(), c.cold());
  }

  static GpuTimer prepare(int device, Elements in, Elements out, String note, int nRows, int nOut, int nIn, boolean cold) {
    GpuRun run = new GpuRun(device);
    LtMatmul made = null;
    try {
      long wBytes = (long) nOut * nIn * in.bytes();
      long xBytes = (long) nRows * nIn * in.bytes();
      long yBytes = (long) nRows * nOut * out.bytes();
      int sets = run.sets(cold, wBytes + xBytes + yBytes);
      Pointer[] w = new Pointer[sets];
      Pointer[] x = new Pointer[sets];
      Pointer[] y = new Pointer[sets];
      for (int i = 0; i < sets; i++) {
        w[i] = run.random(wBytes, in);
        x[i] = run.random(xBytes, in);
        y[i] = run.allocate(yBytes);
      }
      LtMatmul product = new LtMatmul(run, in, out, nRows, nOut, nIn);
      made = product;
      int chosen = GpuTimer.fastest(run, product.choices(), sets, product::choose,
          i -> product.enqueue(w[i % sets], x[i % sets], y[i % sets]));
      product.enqueue(w[0], x[0], y[0]);
      run.synchronize();
      double worst = new GemmCheck(in, out, nRows, nOut, nIn).worst(
          row -> run.download(new BytePointer(w[0]).getPointer(row * nIn * in.bytes()), nIn * in.bytes()),
          row -> run.download(new BytePointer(x[0]).getPointer(row * nIn * in.bytes()), nIn * in.bytes()),
          element -> run.download(new BytePointer(y[0]).getPointer(element * out.bytes()), out.bytes()));
      String text = String.format(Locale.ROOT, "%s; algorithm %d of %d; error %.2g of its bound", note, chosen + 1, product.choices(), worst);
      return new GpuTimer(run, sets, i -> product.enqueue(w[i % sets], x[i % sets], y[i % sets]), text, product);
    } catch (RuntimeException | Error e) {
      GpuTimer.close(() -> {}, made, run);
      throw e;
    }
  }
}
