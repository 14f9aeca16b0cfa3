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
    int[] begin = new int[strings.size() + 1];
    byte[] bytes = new byte[Math.max(16, strings.size() * 8)];
    for (int i = 0; i < strings.size(); i++) {
      byte[] s = strings.get(i).getBytes(StandardCharsets.UTF_8);
      if (s.length > bytes.length - begin[i]) {
        bytes = Arrays.copyOf(bytes, Math.max(bytes.length * 2, begin[i] + s.length));
      }
      System.arraycopy(s, 0, bytes, begin[i], s.length);
      begin[i + 1] = begin[i] + s.length;
    }
    return new GgufStrings(bytes, begin);
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
