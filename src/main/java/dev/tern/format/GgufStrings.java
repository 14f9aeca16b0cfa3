package dev.tern.format;

import java.nio.charset.StandardCharsets;
import java.util.AbstractList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.RandomAccess;

/**
 * An immutable array of strings kept as the file's bytes: strings are made when asked for. Bytes that are not UTF-8 read as U+FFFD.
 */
public final class GgufStrings extends AbstractList<String> implements RandomAccess {
  private final byte[] bytes;
  private final int[] begin; // [size + 1]

  /** Keeps both arrays. String i is bytes begin[i] to begin[i + 1]. */
  GgufStrings(byte[] bytes, int[] begin) {
    this.bytes = bytes;
    this.begin = begin;
  }

  static GgufStrings of(List<String> strings) {
    if (strings instanceof GgufStrings some) {
      return some;
    }
    Builder builder = new Builder();
    strings.forEach(builder::add);
    return builder.build();
  }

  /** Strings in the making. For one thread. */
  static final class Builder {
    private byte[] bytes = new byte[1 << 10];
    private int[] begin = new int[1 << 8];
    private int size;

    int size() {
      return size;
    }

    Builder add(String string) {
      byte[] utf8 = string.getBytes(StandardCharsets.UTF_8);
      return add(utf8, 0, utf8.length);
    }

    Builder add(byte[] data, int from, int to) {
      int end = begin[size];
      if (to - from > bytes.length - end) {
        bytes = Arrays.copyOf(bytes, Math.max(Math.addExact(bytes.length, bytes.length >> 1), Math.addExact(end, to - from)));
      }
      System.arraycopy(data, from, bytes, end, to - from);
      if (++size == begin.length) {
        begin = Arrays.copyOf(begin, size + (size >> 1));
      }
      begin[size] = end + to - from;
      return this;
    }

    /** What was added; nothing is to be added afterwards. */
    GgufStrings build() {
      return new GgufStrings(bytes, Arrays.copyOf(begin, size + 1));
    }
  }

  @Override
  public int size() {
    return begin.length - 1;
  }

  @Override
  public String get(int index) {
    Objects.checkIndex(index, size());
    return new String(bytes, begin[index], begin[index + 1] - begin[index], StandardCharsets.UTF_8);
  }

  /** The bytes of one string, a copy. */
  public byte[] bytes(int index) {
    Objects.checkIndex(index, size());
    return Arrays.copyOfRange(bytes, begin[index], begin[index + 1]);
  }

  /** All bytes, not to be written. */
  byte[] data() {
    return bytes;
  }

  int begin(int index) {
    return begin[index];
  }

  int end(int index) {
    return begin[index + 1];
  }
}
