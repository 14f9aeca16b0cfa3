package dev.tern.format;

import dev.tern.ModelFormatException;
import java.nio.ByteBuffer;
import java.util.Arrays;

/** Reads a {@link ByteSource} forward through a small window. Every read is first held against the bytes that remain. */
final class Cursor {
  private static final int WINDOW_BYTES = 1 << 16;
  private static final long MAX_BYTES = 256 << 20; // a header; the largest vocabularies take a tenth

  private final ByteSource source;
  private final long size;
  private final byte[] window;
  private int at; // next byte in the window
  private int limit;
  private long windowEnd; // position in the source of the window's limit

  Cursor(ByteSource source) {
    this.source = source;
    size = source.size();
    window = new byte[(int) Math.min(WINDOW_BYTES, size)];
  }

  long position() {
    return windowEnd - (limit - at);
  }

  long remaining() {
    return size - position();
  }

  /** Throws if fewer than n bytes remain; n is unsigned. */
  void need(long n, String what) {
    if (n < 0 || n > remaining()) {
      throw new ModelFormatException(what + " needs " + Long.toUnsignedString(n) + " bytes, and " + remaining() + " remain", position());
    }
    Checked.atMost(position() + n, MAX_BYTES, "bytes of the header up to the end of " + what, position());
  }

  /** Throws if count elements of at least minBytes each cannot fit in what remains; count is unsigned. */
  void needElements(long count, int minBytes, String what) {
    if (count < 0 || count > remaining() / minBytes) {
      throw new ModelFormatException(
          what + " claims " + Long.toUnsignedString(count) + " elements, and " + remaining() + " bytes remain", position());
    }
    Checked.atMost(position() + count * minBytes, MAX_BYTES, "bytes of the header up to the end of " + what, position());
  }

  long u32(String what) {
    fill(4, what);
    long value = bits(window, at, 4);
    at += 4;
    return value;
  }

  long u64(String what) {
    fill(8, what);
    long value = bits(window, at, 8);
    at += 8;
    return value;
  }

  byte[] bytes(long n, String what) {
    need(n, what);
    byte[] out = new byte[Checked.toInt(n, "the size of " + what, position())];
    copy(out, 0, out.length);
    return out;
  }

  /** An array of count strings. The result takes 4 bytes a string besides the strings' own. */
  GgufStrings strings(int count, String what) {
    int[] begin = new int[count + 1];
    byte[] out = new byte[(int) Math.min(remaining() - 8L * count, 16L * count)];
    int end = 0;
    for (int i = 0; i < count; i++) {
      if (limit - at < 8) {
        fill(8, what);
      }
      long length = window[at] & 0xff | (window[at + 1] & 0xff) << 8;
      for (int j = 2; j < 8; j++) { // a token is short: as good as always, these are 0
        length |= (window[at + j] & 0xffL) << 8 * j;
      }
      at += 8;
      if (length < 0 || length > limit - at) {
        need(length, what);
      }
      if (length > out.length - end) {
        out = grow(out, Checked.toInt(end + length, "the size of " + what, position()));
      }
      if (length <= limit - at) {
        System.arraycopy(window, at, out, end, (int) length);
        at += (int) length;
      } else {
        copy(out, end, (int) length);
      }
      end += (int) length;
      begin[i + 1] = end;
    }
    return new GgufStrings(out, begin);
  }

  /** At least to size, and by doubling, but never beyond what the rest of the file could fill. */
  private byte[] grow(byte[] bytes, int size) {
    long most = Math.min(size + remaining(), Integer.MAX_VALUE - 8);
    return Arrays.copyOf(bytes, (int) Math.max(size, Math.min(2L * bytes.length, most)));
  }

  private static long bits(byte[] bytes, int from, int n) {
    long value = 0;
    for (int i = n - 1; i >= 0; i--) {
      value = value << 8 | bytes[from + i] & 0xff;
    }
    return value;
  }

  private void copy(byte[] dst, int from, int n) {
    int part = Math.min(n, limit - at);
    System.arraycopy(window, at, dst, from, part);
    at += part;
    if (part < n) { // the rest straight from the source
      source.read(windowEnd, ByteBuffer.wrap(dst, from + part, n - part));
      windowEnd += n - part;
      at = 0;
      limit = 0;
    }
  }

  private void fill(int n, String what) {
    if (limit - at < n) {
      need(n, what);
      System.arraycopy(window, at, window, 0, limit - at);
      limit -= at;
      at = 0;
      int room = (int) Math.min(window.length - limit, size - windowEnd);
      source.read(windowEnd, ByteBuffer.wrap(window, limit, room));
      windowEnd += room;
      limit += room;
    }
  }
}
