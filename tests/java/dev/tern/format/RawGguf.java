package dev.tern.format;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;

/** Writes the bytes of a GGUF file with no regard for its rules. */
final class RawGguf {
  private final ByteArrayOutputStream out = new ByteArrayOutputStream();

  /** Magic, version 3, counts. */
  static RawGguf header(long nTensors, long nKeys) {
    return new RawGguf().text("GGUF").u32(3).u64(nTensors).u64(nKeys);
  }

  RawGguf text(String ascii) {
    out.writeBytes(ascii.getBytes(StandardCharsets.UTF_8));
    return this;
  }

  RawGguf u8(int... values) {
    for (int value : values) {
      out.write(value);
    }
    return this;
  }

  RawGguf u32(long value) {
    return little(value, 4);
  }

  RawGguf u64(long value) {
    return little(value, 8);
  }

  RawGguf f32(float value) {
    return u32(Float.floatToRawIntBits(value));
  }

  RawGguf string(String value) {
    byte[] utf8 = value.getBytes(StandardCharsets.UTF_8);
    u64(utf8.length);
    out.writeBytes(utf8);
    return this;
  }

  /** A key and the type of its value. */
  RawGguf key(String key, GgufType type) {
    return string(key).u32(type.ordinal());
  }

  /** A key and the start of its array. */
  RawGguf array(String key, GgufType element, long length) {
    return key(key, GgufType.ARRAY).u32(element.ordinal()).u64(length);
  }

  RawGguf alignment(long value) {
    return key("general.alignment", GgufType.UINT32).u32(value);
  }

  RawGguf tensor(String name, long type, long offset, long... dims) {
    string(name).u32(dims.length);
    for (long dim : dims) {
      u64(dim);
    }
    return u32(type).u64(offset);
  }

  /** Zeros up to a multiple of 32, and n more. */
  RawGguf data(int n) {
    out.writeBytes(new byte[-out.size() & 31]);
    out.writeBytes(new byte[n]);
    return this;
  }

  byte[] bytes() {
    return out.toByteArray();
  }

  private RawGguf little(long value, int n) {
    for (int i = 0; i < n; i++) {
      out.write((int) (value >>> 8 * i));
    }
    return this;
  }
}
