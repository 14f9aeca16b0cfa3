package dev.tern.format;

import java.nio.ByteBuffer;

/**
 * Rows of floats as Q8_0, Q6_K or Q4_0. Of each scale the values are w = scale code: among some scales around the one at which the value of the largest magnitude
 * has the outermost code (Q8_0, of so many codes: that one) the one is taken whose codes, rounded, have the least sum of squared errors, fitted to them; codes are then rounded by what the type
 * keeps of it. Values beyond what halves times codes reach become the outermost. Of normally distributed values the root of the mean squared error is about 0.5 %, 1.5 % and 8 % of theirs (RoundedModelTest).
 */
final class BlockRounding {
  private static final int TRIES = 6; // to either side
  private static final double STEP = 0.02;
  private static final int LARGEST_HALF = 65504;

  private BlockRounding() {}

  static boolean to(TensorType type) {
    return type == TensorType.Q8_0 || type == TensorType.Q6_K || type == TensorType.Q4_0;
  }

  /** A row of whole blocks, appended to out. */
  static void round(TensorType type, float[] row, ByteBuffer out) {
    for (int at = 0; at < row.length; at += type.blockSize()) {
      switch (type) {
        case Q8_0 -> q8(row, at, out);
        case Q4_0 -> q4(row, at, out);
        case Q6_K -> q6(row, at, out);
        default -> throw new IllegalArgumentException("not rounded to: " + type);
      }
    }
  }

  private static void q8(float[] row, int at, ByteBuffer out) {
    float scale = putHalf(scale(row, at, 32, 127), out);
    for (int i = 0; i < 32; i++) {
      out.put((byte) code(row[at + i], scale, -127, 127));
    }
  }

  private static void q4(float[] row, int at, ByteBuffer out) {
    float scale = putHalf(scale(row, at, 32, 8), out);
    for (int i = 0; i < 16; i++) {
      out.put((byte) (code(row[at + i], scale, -8, 7) + 8 | code(row[at + i + 16], scale, -8, 7) + 8 << 4));
    }
  }

  /** ql [128], qh [64], scales [16], d: element 128 h + 32 n + m has four bits in ql [64 h + 32 (n % 2) + m] and two in qh [32 h + m]. */
  private static void q6(float[] row, int at, ByteBuffer out) {
    double[] scales = new double[16];
    double largest = 0; // by magnitude, with its sign: it becomes -128
    for (int g = 0; g < 16; g++) {
      scales[g] = scale(row, at + 16 * g, 16, 32);
      largest = Math.abs(scales[g]) > Math.abs(largest) ? scales[g] : largest;
    }
    int block = out.position();
    out.position(block + 208);
    float d = putHalf(largest / -128, out);
    for (int i = 0; i < 192; i++) {
      out.put(block + i, (byte) 0);
    }
    for (int g = 0; g < 16; g++) {
      int multiple = d == 0 ? 0 : (int) Math.max(-128, Math.min(127, Math.rint(scales[g] / d)));
      out.put(block + 192 + g, (byte) multiple);
      for (int i = 16 * g; i < 16 * g + 16; i++) {
        int code = code(row[at + i], d * multiple, -32, 31) + 32;
        int h = i / 128;
        int n = i % 128 / 32;
        int m = i % 32;
        or(out, block + 64 * h + 32 * (n % 2) + m, (code & 15) << n / 2 * 4);
        or(out, block + 128 + 32 * h + m, code >> 4 << 2 * n);
      }
    }
  }

  private static void or(ByteBuffer out, int at, int bits) {
    out.put(at, (byte) (out.get(at) | bits));
  }

  /** The best scale of n values with codes of -most to most - 1, or to most if that is 127. */
  private static double scale(float[] row, int at, int n, int most) {
    double outermost = 0;
    for (int i = at; i < at + n; i++) {
      outermost = Math.abs(row[i]) > Math.abs(outermost) ? row[i] : outermost;
    }
    if (outermost == 0) {
      return 0;
    }
    boolean even = most == 127;
    double first = outermost / (even ? most : -most);
    double best = first;
    double least = Double.POSITIVE_INFINITY;
    for (int t = even ? 0 : -TRIES; t <= (even ? 0 : TRIES); t++) { // 255 codes leave nothing to seek
      double scale = first * (1 + STEP * t);
      double ww = 0;
      double wc = 0;
      double cc = 0;
      for (int i = at; i < at + n; i++) {
        double c = code(row[i], scale, -most, even ? most : most - 1);
        ww += (double) row[i] * row[i];
        wc += row[i] * c;
        cc += c * c;
      }
      double fitted = cc == 0 ? scale : wc / cc; // least squares, these codes given
      double error = ww - fitted * wc;
      if (error < least) {
        least = error;
        best = fitted;
      }
    }
    return best;
  }

  private static int code(float value, double scale, int least, int most) {
    return scale == 0 ? 0 : (int) Math.max(least, Math.min(most, Math.rint(value / scale)));
  }

  /** Appends a scale; what it is then. Where halves are not normal they lie far apart: none is rounded down, or codes would be cut off. */
  private static float putHalf(double scale, ByteBuffer out) {
    short half = Half.of((float) Math.max(-LARGEST_HALF, Math.min(LARGEST_HALF, scale)));
    double size = Math.abs(Half.toFloat(half));
    if (size < Math.abs(scale) && size < 0x1p-14 && Math.abs(scale) > 0x1p-25) {
      half++;
    }
    out.putShort(half);
    return Half.toFloat(half);
  }
}
