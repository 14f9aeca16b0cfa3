package dev.tern.vendor;

import static org.bytedeco.openblas.global.openblas_nolapack.*;

import dev.tern.bench.KernelCase;
import dev.tern.bench.KernelTimer;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.SplittableRandom;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.Pointer;

/** y [nRows, nOut] = x [nRows, nIn] times W^T in fp32 by OpenBLAS; one row as a product with a vector. Its result is checked before it is timed. */
final class BlasCase implements KernelTimer {
  /** As for a GPU: so many times the cache evict it; and no more memory than this. */
  private static final int CACHES = 3;

  private static final long MOST_BYTES = 2L << 30;
  private static final long UNKNOWN_CACHE = 64L << 20;
  private static final Path LAST_LEVEL = Path.of("/sys/devices/system/cpu/cpu0/cache/index3/size");

  private final int nRows;
  private final int nOut;
  private final int nIn;
  private final FloatPointer[] w;
  private final FloatPointer[] x;
  private final FloatPointer[] y;
  private final String note;
  private int next;

  BlasCase(KernelCase c, int threads) {
    nRows = c.nRows();
    nOut = c.nOut();
    nIn = c.nIn();
    long bytes = 4L * ((long) nOut * nIn + (long) nRows * nIn + (long) nRows * nOut);
    int sets = c.cold() ? (int) Math.max(1, Math.min(CACHES * cacheBytes() / bytes + 2, MOST_BYTES / bytes)) : 1;
    w = new FloatPointer[sets];
    x = new FloatPointer[sets];
    y = new FloatPointer[sets];
    org.bytedeco.openblas.presets.openblas_nolapack.blas_set_num_threads(threads);
    try {
      SplittableRandom random = new SplittableRandom(1);
      for (int i = 0; i < sets; i++) {
        w[i] = random((long) nOut * nIn, random);
        x[i] = random((long) nRows * nIn, random);
        y[i] = new FloatPointer((long) nRows * nOut);
      }
      call(0);
      double worst = new GemmCheck(Elements.F32, Elements.F32, nRows, nOut, nIn).worst(row -> bytes(w[0], row * nIn, nIn),
          row -> bytes(x[0], row * nIn, nIn), element -> bytes(y[0], element, 1));
      note = String.format(Locale.ROOT, "weights and rows in fp32; error %.2g of its bound", worst);
    } catch (RuntimeException | OutOfMemoryError e) {
      close();
      throw e;
    }
  }

  static String version() {
    // "OpenBLAS 0.3.31"
    return OPENBLAS_VERSION.replace("OpenBLAS", "").strip();
  }

  /** Of the last level; a guess where it is not told. */
  private static long cacheBytes() {
    try {
      String text = Files.readString(LAST_LEVEL).strip();
      return text.endsWith("K") ? Long.parseLong(text.substring(0, text.length() - 1)) << 10 : UNKNOWN_CACHE;
    } catch (IOException | NumberFormatException e) {
      return UNKNOWN_CACHE;
    }
  }

  private static FloatPointer random(long n, SplittableRandom random) {
    FloatPointer p = new FloatPointer(n);
    float[] block = new float[(int) Math.min(n, 1 << 20)];
    for (int i = 0; i < block.length; i++) {
      block[i] = (float) (2 * random.nextDouble() - 1);
    }
    for (long at = 0; at < n; at += block.length) {
      p.getPointer(at).put(block, 0, (int) Math.min(block.length, n - at));
    }
    return p;
  }

  private static byte[] bytes(FloatPointer p, long from, int n) {
    float[] values = new float[n];
    p.getPointer(from).get(values);
    ByteBuffer buffer = GemmCheck.little(new byte[4 * n]);
    for (float value : values) {
      buffer.putFloat(value);
    }
    return buffer.array();
  }

  private void call(int set) {
    if (nRows == 1) {
      cblas_sgemv(CblasRowMajor, CblasNoTrans, nOut, nIn, 1, w[set], nIn, x[set], 1, 0, y[set], 1);
    } else {
      cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, nRows, nOut, nIn, 1, x[set], nIn, w[set], nIn, 0, y[set], nOut);
    }
  }

  @Override
  public double seconds(int calls) {
    long begin = System.nanoTime();
    for (int i = 0; i < calls; i++) {
      call(next);
      next = next + 1 == w.length ? 0 : next + 1;
    }
    return (System.nanoTime() - begin) / 1e9;
  }

  @Override
  public String note() {
    return note;
  }

  @Override
  public void close() {
    for (FloatPointer[] all : new FloatPointer[][] {w, x, y}) {
      for (Pointer p : all) {
        if (p != null) {
          p.close();
        }
      }
    }
  }
}
