package dev.tern.format;

import java.nio.ByteBuffer;

/** The values of quantised rows, straight from the formats' definitions and as slow as that. */
final class Dequantize {
  private Dequantize() {}

  static float[] floats(TensorType type, ByteBuffer bytes) {
    float[] out = new float[bytes.remaining() / type.blockBytes() * type.blockSize()];
    for (int block = 0; bytes.hasRemaining(); block++) {
      byte[] raw = new byte[type.blockBytes()];
      int at = bytes.position();
      bytes.get(raw);
      for (int i = 0; i < type.blockSize(); i++) {
        out[block * type.blockSize() + i] = switch (type) {
          case F32 -> bytes.getFloat(at);
          case F16 -> Half.toFloat(bytes.getShort(at));
          case Q8_0 -> Half.toFloat(bytes.getShort(at)) * raw[2 + i];
          case TQ1_0 -> Half.toFloat(bytes.getShort(at + 52)) * (trit(raw, i) - 1);
          case TQ2_0 -> Half.toFloat(bytes.getShort(at + 64)) * ((raw[i / 128 * 32 + i % 32] >> i % 128 / 32 * 2 & 3) - 1);
        };
      }
    }
    return out;
  }

  /** Trit n of a byte q is the first digit of (q * 3^n mod 256) in base 3 of 256ths. */
  private static int trit(byte[] raw, int i) {
    int at = i < 160 ? i % 32 : i < 240 ? 32 + (i - 160) % 16 : 48 + (i - 240) % 4;
    int n = i < 160 ? i / 32 : i < 240 ? (i - 160) / 16 : (i - 240) / 4;
    int q = raw[at] & 0xff;
    for (int k = 0; k < n; k++) {
      q = q * 3 & 0xff;
    }
    return q * 3 >> 8;
  }
}
