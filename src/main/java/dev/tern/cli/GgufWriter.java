package dev.tern.cli;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.WritableByteChannel;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/** Writes a GGUF file, version 3: metadata and tensor list first, then each tensor's data in that order, aligned to 32 bytes. */
final class GgufWriter {
  private static final int MAGIC = 0x46554747; // "GGUF"
  private static final int VERSION = 3;
  private static final int ALIGNMENT = 32;
  private static final int UINT32 = 4;
  private static final int INT32 = 5;
  private static final int FLOAT32 = 6;
  private static final int BOOL = 7;
  private static final int STRING = 8;
  private static final int ARRAY = 9;

  private final ByteArrayOutputStream metadata = new ByteArrayOutputStream();
  private final ByteArrayOutputStream tensors = new ByteArrayOutputStream();
  private final List<Long> sizes = new ArrayList<>();
  private int nMetadata;
  private long offset;

  GgufWriter put(String key, int value) {
    key(key, UINT32);
    u32(metadata, value);
    return this;
  }

  GgufWriter put(String key, float value) {
    key(key, FLOAT32);
    u32(metadata, Float.floatToRawIntBits(value));
    return this;
  }

  GgufWriter put(String key, boolean value) {
    key(key, BOOL);
    metadata.write(value ? 1 : 0);
    return this;
  }

  GgufWriter put(String key, String value) {
    key(key, STRING);
    string(metadata, value);
    return this;
  }

  GgufWriter put(String key, List<String> values) {
    array(key, STRING, values.size());
    values.forEach(value -> string(metadata, value));
    return this;
  }

  GgufWriter put(String key, int[] values) {
    array(key, INT32, values.length);
    for (int value : values) {
      u32(metadata, value);
    }
    return this;
  }

  GgufWriter put(String key, float[] values) {
    array(key, FLOAT32, values.length);
    for (float value : values) {
      u32(metadata, Float.floatToRawIntBits(value));
    }
    return this;
  }

  /** @param dims fastest first */
  void tensor(String name, int type, long size, long... dims) {
    string(tensors, name);
    u32(tensors, dims.length);
    for (long dim : dims) {
      u64(tensors, dim);
    }
    u32(tensors, type);
    u64(tensors, offset);
    sizes.add(size);
    offset += padded(size);
  }

  /** Bytes of all tensors. */
  long dataSize() {
    return offset;
  }

  int nTensors() {
    return sizes.size();
  }

  /** Writes all that stands before the first tensor's data. */
  void writeHead(WritableByteChannel out) throws IOException {
    ByteArrayOutputStream head = new ByteArrayOutputStream();
    u32(head, MAGIC);
    u32(head, VERSION);
    u64(head, sizes.size());
    u64(head, nMetadata);
    metadata.writeTo(head);
    tensors.writeTo(head);
    pad(head, head.size());
    writeFully(out, ByteBuffer.wrap(head.toByteArray()));
  }

  /** Writes what must follow a tensor's data. */
  void writePadding(WritableByteChannel out, int tensor) throws IOException {
    ByteArrayOutputStream padding = new ByteArrayOutputStream();
    pad(padding, sizes.get(tensor));
    writeFully(out, ByteBuffer.wrap(padding.toByteArray()));
  }

  static void writeFully(WritableByteChannel out, ByteBuffer bytes) throws IOException {
    while (bytes.hasRemaining()) {
      out.write(bytes);
    }
  }

  private static long padded(long size) {
    return (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
  }

  private static void pad(ByteArrayOutputStream out, long size) {
    for (long i = size; i < padded(size); i++) {
      out.write(0);
    }
  }

  private void key(String key, int type) {
    string(metadata, key);
    u32(metadata, type);
    nMetadata++;
  }

  private void array(String key, int type, int length) {
    key(key, ARRAY);
    u32(metadata, type);
    u64(metadata, length);
  }

  private static void string(ByteArrayOutputStream out, String text) {
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    u64(out, bytes.length);
    out.writeBytes(bytes);
  }

  private static void u32(ByteArrayOutputStream out, int value) {
    out.writeBytes(ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN).putInt(value).array());
  }

  private static void u64(ByteArrayOutputStream out, long value) {
    out.writeBytes(ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(value).array());
  }
}
