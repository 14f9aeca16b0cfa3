package dev.tern.vendor;

/** The 16-bit types of inputs, as bits. */
enum Reduced {
  /** binary16: 11 bits of significand. */
  F16(11),
  /** The upper half of binary32: 8 bits of significand. */
  BF16(8);

  private final int precision;

  Reduced(int precision) {
    this.precision = precision;
  }

  /** The largest relative error of rounding to it. */
  double unit() {
    return Math.scalb(1.0, -precision);
  }

  /** The nearest value's bits, ties to even, for |x| up to 2^15; what binary16 has no normal number for becomes 0. */
  short bits(float x) {
    int bits = Float.floatToRawIntBits(x);
    int drop = 24 - precision;
    int rounded = bits + (1 << drop - 1) - 1 + (bits >>> drop & 1);
    if (this == BF16) {
      return (short) (rounded >>> 16);
    }
    int magnitude = (rounded & 0x7fffffff) - (112 << 23); // exponent bias 127 to 15
    return (short) (bits >>> 16 & 0x8000 | (magnitude < 1 << 23 ? 0 : magnitude >>> 13));
  }

  /** The value of bits that {@link #bits} makes. */
  float value(short bits) {
    if (this == BF16) {
      return Float.intBitsToFloat(bits << 16);
    }
    int magnitude = bits & 0x7fff;
    float value = magnitude == 0 ? 0 : Float.intBitsToFloat((magnitude << 13) + (112 << 23));
    return bits < 0 ? -value : value;
  }
}
