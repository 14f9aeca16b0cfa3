package dev.tern.format;

import java.nio.ByteBuffer;

/** The values of quantised rows, straight from the formats' definitions and as slow as that. */
public final class Dequantize {
  private Dequantize() {}

  /** The values of a tensor's bytes, its columns given; a scale behind the rows is multiplied in. */
  public static float[] floats(TensorType type, ByteBuffer bytes, int columns) {
    float[] out = rows(type, bytes, columns, (int) ((bytes.remaining() - type.tail()) / type.rowBytes(columns)));
    float tail = type == TensorType.I2_S ? bytes.getFloat(bytes.limit() - type.tail()) : 1;
    for (int i = 0; i < out.length; i++) {
      out[i] *= tail;
    }
    return out;
  }

  /** The values of some rows, without a scale behind all of them. */
  static float[] rows(TensorType type, ByteBuffer bytes, int columns, int nRows) {
    float[] out = new float[nRows * columns];
    for (int r = 0; r < nRows; r++) {
      int row = bytes.position() + (int) (r * type.rowBytes(columns));
      for (int c = 0; c < columns; c++) {
        int at = row + type.rowHeader() + c / type.blockSize() * type.blockBytes();
        out[r * columns + c] = element(type, bytes, row, at, c % type.blockSize());
      }
    }
    return out;
  }

  private static float element(TensorType type, ByteBuffer bytes, int row, int at, int i) {
    return switch (type) {
      case F32 -> bytes.getFloat(at);
      case F16 -> Half.toFloat(bytes.getShort(at));
      case BF16 -> Float.intBitsToFloat(bytes.getShort(at) << 16);
      case Q8_0 -> Half.toFloat(bytes.getShort(at)) * bytes.get(at + 2 + i);
      case Q4_0 -> Half.toFloat(bytes.getShort(at)) * (i < 16 ? (bytes.get(at + 2 + i) & 15) - 8 : ((bytes.get(at + i - 14) & 255) >> 4) - 8);
      case Q6_K -> {
        int low = (bytes.get(at + i / 128 * 64 + i % 64) & 255) >> i % 128 / 64 * 4 & 15;
        int high = (bytes.get(at + 128 + i / 128 * 32 + i % 32) & 255) >> i % 128 / 32 * 2 & 3;
        yield Half.toFloat(bytes.getShort(at + 208)) * bytes.get(at + 192 + i / 16) * ((high << 4 | low) - 32);
      }
      case TQ1_0 -> Half.toFloat(bytes.getShort(at + 52)) * (tq1(bytes, at, i) - 1);
      case TQ2_0 -> Half.toFloat(bytes.getShort(at + 64)) * (code(bytes.get(at + i / 128 * 32 + i % 32), i % 128 / 32) - 1);
      case Q2_0 -> Half.toFloat(bytes.getShort(at)) * (code(bytes.get(at + 2 + i / 4), i % 4) - 1);
      case I2_S -> code(bytes.get(at + i % 32), 3 - i / 32) - 1;
      case IQ2_BN -> bytes.getFloat(row) * (code(bytes.get(at + i % 16), i / 16) - 1);
      case IQ1_BN -> Half.toFloat(bytes.getShort(row))
          * (i % 16 == 15 ? digit(bytes.get(at + 12), 4 - i / 16) - 1 : digit(bytes.get(at + i / 16 * 3 + i % 16 / 5), 4 - i % 16 % 5) - 1);
    };
  }

  private static int code(byte b, int n) {
    return (b & 255) >> 2 * n & 3;
  }

  private static int tq1(ByteBuffer bytes, int at, int i) {
    int place = i < 160 ? i % 32 : i < 240 ? 32 + (i - 160) % 16 : 48 + (i - 240) % 4;
    return digit(bytes.get(at + place), i < 160 ? i / 32 : i < 240 ? (i - 160) / 16 : (i - 240) / 4);
  }

  /** Digit n of a byte q: the first digit of (q * 3^n mod 256) in base 3 of 256ths. */
  private static int digit(byte b, int n) {
    int q = b & 0xff;
    for (int k = 0; k < n; k++) {
      q = q * 3 & 0xff;
    }
    return q * 3 >> 8;
  }
}
