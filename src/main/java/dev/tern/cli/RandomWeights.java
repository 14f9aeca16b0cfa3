package dev.tern.cli;

import dev.tern.format.TensorType;
import java.nio.ByteBuffer;
import java.util.SplittableRandom;

/**
 * Random rows of a tensor, in the bytes of its type, fast enough for billions. Ternary values are -1, 0 and 1 alike often, with one
 * scale for the whole tensor, as models trained in ternary have it.
 */
final class RandomWeights {
  private static final int TABLE = 1 << 12;
  private static final int BLOCK = 256; // elements of a ternary block

  private final SplittableRandom random;
  private final TensorType type;
  private final float std;
  private final short[] half = new short[TABLE];
  private final float[] single = new float[TABLE];

  /** @param std standard deviation of the values */
  RandomWeights(TensorType type, float std, SplittableRandom random) {
    this.random = random;
    this.type = type;
    this.std = std;
    if (type == TensorType.F32 || type == TensorType.F16) {
      for (int i = 0; i < TABLE; i++) {
        single[i] = (float) (std * gaussian());
        half[i] = halfBits(single[i]);
      }
    }
  }

  /** Whether values can come in rows of so many columns. */
  static boolean fits(TensorType type, int nCols) {
    return nCols % type.blockSize() == 0;
  }

  /** Appends n elements, a multiple of the type's block, to a little-endian buffer. */
  void fill(int n, ByteBuffer out) {
    switch (type) {
      case F32 -> {
        for (int i = 0; i < n; i++) {
          out.putFloat(single[random.nextInt() & (TABLE - 1)]);
        }
      }
      case F16 -> {
        for (int i = 0; i < n; i++) {
          out.putShort(half[random.nextInt() & (TABLE - 1)]);
        }
      }
      case Q8_0 -> {
        short scale = halfBits((float) (std * Math.sqrt(3) / 127)); // the values are uniform
        for (int i = 0; i < n; i += 32) {
          out.putShort(scale);
          bytes(32, out);
        }
      }
      case TQ2_0 -> {
        short scale = ternaryScale();
        for (int i = 0; i < n; i += BLOCK) {
          for (int j = 0; j < BLOCK / 4; j++) {
            out.put(fourTwoBit());
          }
          out.putShort(scale);
        }
      }
      case TQ1_0 -> {
        short scale = ternaryScale();
        for (int i = 0; i < n; i += BLOCK) {
          for (int j = 0; j < 48; j++) {
            out.put(base3(random.nextInt(243))); // 5 elements
          }
          for (int j = 0; j < 4; j++) {
            out.put(base3(3 * random.nextInt(81))); // 4 elements
          }
          out.putShort(scale);
        }
      }
      default -> throw new IllegalArgumentException("no random rows of type " + type);
    }
  }

  private void bytes(int n, ByteBuffer out) {
    for (int i = 0; i < n; i += 8) {
      out.putLong(random.nextLong());
    }
  }

  private byte fourTwoBit() {
    int digits = random.nextInt(81);
    return (byte) (digits % 3 | digits / 3 % 3 << 2 | digits / 9 % 3 << 4 | digits / 27 << 6);
  }

  /** Five base-3 digits as a fraction of 256, rounded up, so that multiplying by 3 brings out digit after digit. */
  private static byte base3(int digits) {
    return (byte) ((digits * 256 + 242) / 243);
  }

  private short ternaryScale() {
    return halfBits((float) (std * Math.sqrt(1.5))); // two values of three are not 0
  }

  private double gaussian() {
    return Math.sqrt(-2 * Math.log(1 - random.nextDouble())) * Math.cos(2 * Math.PI * random.nextDouble());
  }

  /** Rounds to half precision, half away from zero; for normal numbers and those that become 0. */
  static short halfBits(float value) {
    int bits = Float.floatToRawIntBits(value);
    int sign = bits >>> 16 & 0x8000;
    int magnitude = (bits & 0x7fffffff) + 0x1000;
    if (magnitude < 0x38800000) {
      // Below the smallest normal half: a multiple of 2^-24.
      return (short) (sign | Math.round(Math.abs(value) * 0x1p24f));
    }
    if (magnitude >= 0x47800000) {
      throw new ArithmeticException(value + " is beyond half precision");
    }
    return (short) (sign | magnitude - 0x38000000 >>> 13);
  }
}
