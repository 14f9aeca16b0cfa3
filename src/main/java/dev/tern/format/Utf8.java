package dev.tern.format;

/** UTF-8 by hand, where a String's own encoder would cost a copy or write '?' for unpaired surrogates. */
final class Utf8 {
  private Utf8() {}

  /** Writes a code point, at most 4 bytes, and returns the end. An unpaired surrogate is written as U+FFFD. */
  static int put(int c, byte[] dst, int at) {
    if (c >= 0xd800 && c < 0xe000) {
      c = 0xfffd;
    }
    if (c < 0x80) {
      dst[at++] = (byte) c;
    } else if (c < 0x800) {
      dst[at++] = (byte) (0xc0 | c >> 6);
      dst[at++] = (byte) (0x80 | c & 63);
    } else if (c < 0x10000) {
      dst[at++] = (byte) (0xe0 | c >> 12);
      dst[at++] = (byte) (0x80 | c >> 6 & 63);
      dst[at++] = (byte) (0x80 | c & 63);
    } else {
      dst[at++] = (byte) (0xf0 | c >> 18);
      dst[at++] = (byte) (0x80 | c >> 12 & 63);
      dst[at++] = (byte) (0x80 | c >> 6 & 63);
      dst[at++] = (byte) (0x80 | c & 63);
    }
    return at;
  }
}
