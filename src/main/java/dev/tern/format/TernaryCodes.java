package dev.tern.format;

import java.nio.ByteBuffer;
import java.util.Arrays;

/**
 * Rows of ternary weights, s times -1, 0 or +1, in every type that holds them exactly. A code is the weight plus one: 0, 1 or 2. The layouts
 * are in docs/ternary.md.
 */
final class TernaryCodes {
  /** Elements that a row is a multiple of, whatever its type. */
  static final int BLOCK = 256;

  private TernaryCodes() {}

  /** Whether the type has a place for this scale, and gives it back as it was. */
  static boolean holds(TensorType type, float scale) {
    return switch (type) {
      case F32, I2_S, IQ2_BN -> true;
      case BF16 -> (Float.floatToRawIntBits(scale) & 0xffff) == 0;
      default -> Half.toFloat(Half.of(scale)) == scale;
    };
  }

  /** Whether all rows of a tensor share one scale. */
  static boolean oneScale(TensorType type) {
    return type.tail() > 0;
  }

  /** Appends a row. Its codes are a multiple of 256; the type holds the scale, which in a type of one scale stands elsewhere. */
  static void encode(TensorType type, byte[] codes, float scale, ByteBuffer out) {
    short half = Half.of(scale);
    switch (type) {
      case IQ1_BN -> out.putShort(half);
      case IQ2_BN -> out.putFloat(scale);
      default -> {}
    }
    for (int at = 0; at < codes.length; at += type.blockSize() == 1 ? BLOCK : type.blockSize()) {
      switch (type) {
        case TQ1_0 -> tq1(codes, at, out).putShort(half);
        case TQ2_0 -> four(codes, at + 128, 32, four(codes, at, 32, out)).putShort(half);
        case Q2_0 -> {
          out.putShort(half);
          for (int i = at; i < at + 64; i += 4) {
            four(codes, i, 1, out);
          }
        }
        case IQ2_BN -> four(codes, at, 16, out);
        case IQ1_BN -> iq1(codes, at, out);
        case I2_S -> {
          for (int i = at; i < at + 32; i++) {
            out.put((byte) (codes[i] << 6 | codes[i + 32] << 4 | codes[i + 64] << 2 | codes[i + 96]));
          }
        }
        default -> values(type, codes, at, scale, out);
      }
    }
  }

  /** A type of values, as many as it has in a block, or 256. */
  private static void values(TensorType type, byte[] codes, int from, float scale, ByteBuffer out) {
    if (type == TensorType.Q8_0 || type == TensorType.Q4_0) {
      out.putShort(Half.of(scale));
    }
    int end = from + (type.blockSize() == 1 ? BLOCK : type.blockSize());
    for (int i = from; i < end; i++) {
      float w = (codes[i] - 1) * scale;
      switch (type) {
        case F32 -> out.putFloat(w);
        case F16 -> out.putShort(w == 0 ? 0 : Half.of(w));
        case BF16 -> out.putShort((short) (Float.floatToRawIntBits(w) >>> 16));
        case Q8_0 -> out.put((byte) (codes[i] - 1));
        case Q4_0 -> {
          if (i < from + 16) {
            out.put((byte) (codes[i] + 7 | codes[i + 16] + 7 << 4));
          }
        }
        default -> throw new IllegalArgumentException(type + " does not hold ternary values exactly");
      }
    }
  }

  /** Bytes of four codes each, stride apart: as many as the stride. */
  private static ByteBuffer four(byte[] codes, int at, int stride, ByteBuffer out) {
    for (int i = at; i < at + stride; i++) {
      out.put((byte) (codes[i] | codes[i + stride] << 2 | codes[i + 2 * stride] << 4 | codes[i + 3 * stride] << 6));
    }
    return out;
  }

  private static ByteBuffer tq1(byte[] codes, int from, ByteBuffer out) {
    for (int m = 0; m < 52; m++) {
      int step = m < 32 ? 32 : m < 48 ? 16 : 4;
      int at = from + (m < 32 ? m : m < 48 ? 128 + m : 192 + m);
      int value = 0;
      for (int n = 0; n < 5; n++) {
        value = value * 3 + (m >= 48 && n == 4 ? 0 : codes[at + step * n]);
      }
      out.put(base3(value));
    }
    return out;
  }

  private static void iq1(byte[] codes, int from, ByteBuffer out) {
    for (int m = 0; m < 12; m++) {
      int value = 0;
      for (int n = 4; n >= 0; n--) {
        value = value * 3 + codes[from + m / 3 * 16 + m % 3 * 5 + n];
      }
      out.put(base3(value));
    }
    int value = 0;
    for (int n = 3; n >= 0; n--) {
      value = value * 3 + codes[from + 16 * n + 15];
    }
    out.put(base3(value));
  }

  /** A number of five base-3 digits as a fraction of 256. */
  private static byte base3(int value) {
    return (byte) ((value * 256 + 242) / 243);
  }

  /**
   * Decodes a row from the buffer's position on.
   *
   * @return its scale, 0 if all of it is zero; 1 in a type of one scale, which stands elsewhere; NaN if it is not ternary with one finite
   *     scale
   */
  static float decode(TensorType type, ByteBuffer row, byte[] codes) {
    int base = row.position();
    float rowScale = switch (type) {
      case IQ1_BN -> Half.toFloat(row.getShort(base));
      case IQ2_BN -> row.getFloat(base);
      default -> 1;
    };
    float scale = 0;
    int step = type.blockSize() == 1 ? BLOCK : type.blockSize();
    for (int from = 0; from < codes.length; from += step) {
      int at = base + type.rowHeader() + from / type.blockSize() * type.blockBytes();
      float s = switch (type) {
        case TQ1_0 -> tq1(row, at, codes, from);
        case TQ2_0 -> {
          four(row, at, 0, 32, codes, from);
          four(row, at + 32, 0, 32, codes, from + 128);
          yield Half.toFloat(row.getShort(at + 64));
        }
        case Q2_0 -> {
          for (int i = 0; i < 16; i++) {
            four(row, at + 2 + i, 0, 1, codes, from + 4 * i);
          }
          yield Half.toFloat(row.getShort(at));
        }
        case IQ2_BN -> four(row, at, 0, 16, codes, from);
        case I2_S -> four(row, at, 6, 32, codes, from);
        case IQ1_BN -> iq1(row, at, codes, from);
        case F32, F16, BF16 -> values(type, row, at, codes, from);
        default -> Float.NaN;
      };
      s *= rowScale;
      boolean any = false;
      for (int i = from; i < from + step; i++) {
        any |= codes[i] != 1;
        s = codes[i] == 3 ? Float.NaN : s;
      }
      if (s == 0) {
        Arrays.fill(codes, from, from + step, (byte) 1);
      } else if (!Float.isFinite(s) || any && scale != 0 && scale != s) {
        return Float.NaN;
      } else if (any) {
        scale = s;
      }
    }
    return scale;
  }

  /** Bytes of four codes each, stride apart, the first at a bit, the others above it, or below it if it is the top one. */
  private static float four(ByteBuffer row, int at, int firstBit, int stride, byte[] codes, int to) {
    int up = firstBit == 0 ? 2 : -2;
    for (int i = 0; i < stride; i++) {
      int b = row.get(at + i) & 255;
      for (int n = 0; n < 4; n++) {
        codes[to + i + n * stride] = (byte) (b >> firstBit + n * up & 3);
      }
    }
    return 1;
  }

  private static float tq1(ByteBuffer row, int at, byte[] codes, int to) {
    for (int m = 0; m < 52; m++) {
      int step = m < 32 ? 32 : m < 48 ? 16 : 4;
      int first = to + (m < 32 ? m : m < 48 ? 128 + m : 192 + m);
      int b = row.get(at + m) & 255;
      for (int n = 0; n < (m < 48 ? 5 : 4); n++) {
        codes[first + step * n] = (byte) (b * 3 >> 8);
        b = b * 3 & 255;
      }
    }
    return Half.toFloat(row.getShort(at + 52));
  }

  private static float iq1(ByteBuffer row, int at, byte[] codes, int to) {
    for (int m = 0; m < 13; m++) {
      int first = m == 12 ? to - 1 : to + m / 3 * 16 + m % 3 * 5;
      int b = row.get(at + m) & 255;
      for (int n = 4; n >= 0; n--) { // the last digit comes first
        if (m < 12) {
          codes[first + n] = (byte) (b * 3 >> 8);
        } else if (n < 4) {
          codes[first + 16 * (n + 1)] = (byte) (b * 3 >> 8);
        }
        b = b * 3 & 255;
      }
    }
    return 1;
  }

  /** 256 values of a wide type: their one magnitude, 0 if there is none, NaN if there are several. */
  private static float values(TensorType type, ByteBuffer row, int at, byte[] codes, int to) {
    float scale = 0;
    for (int i = 0; i < BLOCK; i++) {
      float w = switch (type) {
        case F32 -> row.getFloat(at + 4 * i);
        case F16 -> Half.toFloat(row.getShort(at + 2 * i));
        default -> Float.intBitsToFloat(row.getShort(at + 2 * i) << 16);
      };
      float magnitude = Math.abs(w);
      codes[to + i] = (byte) (w > 0 ? 2 : w < 0 ? 0 : 1);
      if (magnitude != 0 && scale != 0 && magnitude != scale || Float.isNaN(w)) {
        return Float.NaN;
      }
      scale = magnitude != 0 ? magnitude : scale;
    }
    return scale;
  }
}
