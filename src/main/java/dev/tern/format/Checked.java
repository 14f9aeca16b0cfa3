package dev.tern.format;

import dev.tern.ModelFormatException;

/** The one place where sizes out of a file are added, multiplied and rounded: whatever leaves the range of a long is a format error. */
final class Checked {
  private Checked() {}

  static long add(long a, long b, String what, long offset) {
    long sum = a + b;
    if (a < 0 || b < 0 || sum < 0) {
      throw new ModelFormatException(what + " is out of range: " + Long.toUnsignedString(a) + " + " + Long.toUnsignedString(b), offset);
    }
    return sum;
  }

  static long multiply(long a, long b, String what, long offset) {
    if (a < 0 || b < 0 || Math.multiplyHigh(a, b) != 0 || a * b < 0) {
      throw new ModelFormatException(what + " is out of range: " + Long.toUnsignedString(a) + " x " + Long.toUnsignedString(b), offset);
    }
    return a * b;
  }

  /** The product of all of them but the first n. */
  static long product(long[] factors, int n, String what, long offset) {
    long product = 1;
    for (int i = n; i < factors.length; i++) {
      product = multiply(product, factors[i], what, offset);
    }
    return product;
  }

  /** Rounds up to a multiple of alignment, a power of two. */
  static long alignUp(long value, long alignment, String what, long offset) {
    return add(value, alignment - 1, what, offset) & -alignment;
  }

  static int toInt(long value, String what, long offset) {
    if (value < 0 || value > Integer.MAX_VALUE) {
      throw new ModelFormatException(what + " is out of range: " + value, offset);
    }
    return (int) value;
  }

  /** A claim that has a limit of its own, so that what is made of it stays in proportion to the file. */
  static long atMost(long value, long most, String what, long offset) {
    if (value < 0 || value > most) {
      throw new ModelFormatException(what + ": " + Long.toUnsignedString(value) + ", at most " + most + " are read", offset);
    }
    return value;
  }
}
