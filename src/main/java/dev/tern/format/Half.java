package dev.tern.format;

/** IEEE 754 binary16, which Java 17 does not have. */
final class Half {
  private Half() {}

  /** Rounds to nearest, ties to even; too large becomes infinite. */
  static short of(float value) {
    int bits = Float.floatToRawIntBits(value);
    int sign = bits >>> 16 & 0x8000;
    int magnitude = bits & 0x7fffffff;
    if (magnitude > 0x7f800000) {
      return (short) (sign | 0x7e00);
    }
    if (magnitude >= 0x477ff000) { // 65520 and more
      return (short) (sign | 0x7c00);
    }
    int shift = 13;
    int mantissa = magnitude - (112 << 23); // exponent bias 127 to 15
    if (magnitude < 0x38800000) { // below 2^-14: subnormal
      int exponent = magnitude >>> 23;
      if (exponent < 102) {
        return (short) sign;
      }
      mantissa = magnitude & 0x7fffff | 0x800000;
      shift = 126 - exponent;
    }
    int rounded = mantissa + (1 << shift - 1) - 1 + (mantissa >>> shift & 1) >>> shift;
    return (short) (sign | rounded);
  }

  static float toFloat(short half) {
    int exponent = half >>> 10 & 31;
    int mantissa = half & 0x3ff;
    float magnitude = exponent == 0
        ? mantissa * 0x1p-24f
        : exponent == 31
            ? (mantissa == 0 ? Float.POSITIVE_INFINITY : Float.NaN)
            : Math.scalb(1 + mantissa * 0x1p-10f, exponent - 15);
    return half < 0 ? -magnitude : magnitude;
  }
}
