package dev.tern.vendor;

import dev.tern.NativeFaultException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.SplittableRandom;
import java.util.function.LongFunction;

/**
 * Compares a product y = x W^T with sums in fp64, at some of its elements. Its bound is that of sums in fp32 in any order, each step off by at
 * most 2^-22 of what it adds (tensor cores cut where others round), and of rounding the result; whole numbers must be equal.
 */
final class GemmCheck {
  private static final int SAMPLES = 64;
  private static final double STEP = 0x1p-22;

  private final Elements in;
  private final Elements out;
  private final int nRows;
  private final int nOut;
  private final int nIn;

  GemmCheck(Elements in, Elements out, int nRows, int nOut, int nIn) {
    this.in = in;
    this.out = out;
    this.nRows = nRows;
    this.nOut = nOut;
    this.nIn = nIn;
  }

  /**
   * @param w the bytes of row i of W [nOut, nIn]; x: of row i of x [nRows, nIn]; y: of element i of y [nRows, nOut]
   * @return the largest error seen, as a part of its bound
   * @throws NativeFaultException if a bound is exceeded
   */
  double worst(LongFunction<byte[]> w, LongFunction<byte[]> x, LongFunction<byte[]> y) {
    SplittableRandom random = new SplittableRandom(nIn);
    double worst = 0;
    for (int i = 0; i < SAMPLES; i++) {
      // The last element too.
      int row = i == 0 ? nRows - 1 : random.nextInt(nRows);
      int column = i == 0 ? nOut - 1 : random.nextInt(nOut);
      ByteBuffer a = little(w.apply(column));
      ByteBuffer b = little(x.apply(row));
      double sum = 0;
      double magnitude = 0;
      for (int k = 0; k < nIn; k++) {
        double product = in.at(a, k) * in.at(b, k);
        sum += product;
        magnitude += Math.abs(product);
      }
      double got = out.at(little(y.apply((long) row * nOut + column)), 0);
      double bound = out == Elements.I32
          ? 0
          : (nIn + 1) * STEP * magnitude + (out == Elements.F32 ? 0 : out.reduced().unit() * Math.abs(sum)) + Float.MIN_NORMAL;
      double error = Math.abs(got - sum);
      if (!(error <= bound)) {
        throw new NativeFaultException("a wrong product: element [" + row + ", " + column + "] is " + got + ", not " + sum);
      }
      worst = Math.max(worst, bound == 0 ? 0 : error / bound);
    }
    return worst;
  }

  static ByteBuffer little(byte[] bytes) {
    return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
  }
}
