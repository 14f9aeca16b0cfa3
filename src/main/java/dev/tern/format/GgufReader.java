package dev.tern.format;

import dev.tern.ModelFormatException;
import dev.tern.UnsupportedModelException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.CharBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Parses a GGUF header. No count, length or offset in the file is believed before it is known to fit in the bytes that remain, so
 * memory stays in proportion to the header's size, and numbers and sizes have limits of their own.
 */
final class GgufReader {
  static final int MAGIC = 0x46554747; // "GGUF"
  static final String ALIGNMENT_KEY = "general.alignment";
  static final int DEFAULT_ALIGNMENT = 32;
  static final int MAX_ALIGNMENT = 1 << 16;
  static final int MAX_DIMS = 4;
  static final int MAX_KEY_BYTES = 0xffff;
  static final int MAX_NAME_BYTES = 64;
  private static final int MAX_ENTRIES = 1 << 16; // of tensors, and of keys: each is some objects, and takes as little as 14 bytes of a file
  private static final int MAX_STRING_BYTES = 16 << 20;
  private static final int MIN_KEY_VALUE_BYTES = 8 + 1 + 4 + 1;
  private static final int MIN_TENSOR_INFO_BYTES = 8 + 1 + 4 + 8 + 4 + 8;

  private final ByteSource source;
  private final Cursor in;

  private GgufReader(ByteSource source) {
    this.source = source;
    in = new Cursor(source);
  }

  static GgufFile read(ByteSource source) {
    return new GgufReader(source).file();
  }

  private GgufFile file() {
    int version = version();
    long nTensors = in.u64("tensor count");
    long nKeys = in.u64("metadata count");
    in.needElements(nTensors, MIN_TENSOR_INFO_BYTES, "the tensor list");
    in.needElements(nKeys, MIN_KEY_VALUE_BYTES, "the metadata");
    Checked.atMost(nTensors, MAX_ENTRIES, "tensors", 8);
    Checked.atMost(nKeys, MAX_ENTRIES, "metadata keys", 16);
    GgufMetadata metadata = metadata(nKeys);
    long alignment = alignment(metadata);
    Map<String, TensorInfo> tensors = tensors(nTensors, alignment);
    return new GgufFile(source, version, metadata, tensors);
  }

  private int version() {
    long magic = in.u32("the magic");
    if (magic != MAGIC) {
      throw new ModelFormatException("not a GGUF file: it starts with " + magicName((int) magic), 0);
    }
    long version = in.u32("the version");
    long swapped = Integer.reverseBytes((int) version);
    if ((version & 0xffff) == 0 && swapped > 0 && swapped < 0x10000) {
      throw new UnsupportedModelException("big-endian GGUF version " + swapped + "; only little-endian files are read");
    }
    if (version == 0) {
      throw new ModelFormatException("GGUF version 0", 4);
    }
    if (version != 2 && version != 3) {
      throw new UnsupportedModelException("GGUF version " + version + "; versions 2 and 3 are read");
    }
    return (int) version;
  }

  private static String magicName(int magic) {
    return switch (magic) {
      case 0x47475546 -> "a byte-swapped GGUF magic";
      case 0x67676d6c, 0x67676d66, 0x67676a74 -> "the magic of a GGML file older than GGUF";
      case 0x04034b50 -> "the magic of a zip archive (a PyTorch checkpoint?)";
      default -> String.format("bytes %08x", Integer.reverseBytes(magic));
    };
  }

  private GgufMetadata metadata(long nKeys) {
    LinkedHashMap<String, GgufMetadata.Entry> entries = new LinkedHashMap<>();
    for (long i = 0; i < nKeys; i++) {
      long keyOffset = in.position();
      String key = string(MAX_KEY_BYTES, "metadata key " + i);
      if (key.isEmpty()) {
        throw new ModelFormatException("metadata key " + i + " is empty", keyOffset);
      }
      long typeOffset = in.position();
      long typeId = in.u32("the type of '" + key + "'");
      GgufType type = GgufType.of(typeId);
      if (type == null) {
        throw new ModelFormatException("'" + key + "' has unknown type " + typeId, typeOffset);
      }
      long offset = in.position();
      if (entries.put(key, new GgufMetadata.Entry(type, offset, value(key, type))) != null) {
        throw new ModelFormatException("metadata key '" + key + "' is there twice", keyOffset);
      }
    }
    return new GgufMetadata(entries);
  }

  private Object value(String key, GgufType type) {
    if (type == GgufType.STRING) {
      return string(MAX_STRING_BYTES, "'" + key + "'");
    }
    if (type == GgufType.ARRAY) {
      return array(key);
    }
    long offset = in.position();
    ByteBuffer raw = ByteBuffer.wrap(in.bytes(type.width(), "'" + key + "'")).order(ByteOrder.LITTLE_ENDIAN);
    return switch (type) {
      case BOOL -> bool(raw.get(), key, offset);
      case FLOAT32 -> (double) raw.getFloat();
      case FLOAT64 -> raw.getDouble();
      default -> integer(raw, type);
    };
  }

  /** Takes one integer from raw, zero- or sign-extended as its type says. */
  static long integer(ByteBuffer raw, GgufType type) {
    return switch (type) {
      case UINT8 -> raw.get() & 0xff;
      case INT8 -> raw.get();
      case UINT16 -> raw.getShort() & 0xffff;
      case INT16 -> raw.getShort();
      case UINT32 -> raw.getInt() & 0xffffffffL;
      case INT32 -> raw.getInt();
      case UINT64, INT64 -> raw.getLong();
      default -> throw new IllegalArgumentException(type + " is no integer");
    };
  }

  private static boolean bool(byte value, String key, long offset) {
    if (value != 0 && value != 1) {
      throw new ModelFormatException("'" + key + "' is a BOOL of value " + (value & 0xff), offset);
    }
    return value == 1;
  }

  private GgufMetadata.Array array(String key) {
    String what = "array '" + key + "'";
    long offset = in.position();
    long elementId = in.u32("the element type of " + what);
    GgufType element = GgufType.of(elementId);
    if (element == null) {
      throw new ModelFormatException(what + " has unknown element type " + elementId, offset);
    }
    if (element == GgufType.ARRAY) {
      throw new ModelFormatException(what + " is an array of arrays, which is not read", offset);
    }
    long count = in.u64("the length of " + what);
    in.needElements(count, element == GgufType.STRING ? 8 : element.width(), what);
    int length = Checked.toInt(count, "the length of " + what, offset);
    if (element == GgufType.STRING) {
      return new GgufMetadata.Array(element, length, in.strings(length, what), null);
    }
    byte[] raw = in.bytes(Checked.multiply(count, element.width(), what, offset), what);
    if (element == GgufType.BOOL) {
      for (byte b : raw) {
        bool(b, key, offset);
      }
    }
    return new GgufMetadata.Array(element, length, null, raw);
  }

  private String string(int maxBytes, String what) {
    long offset = in.position();
    long length = in.u64("the length of " + what);
    in.need(length, what);
    if (length > maxBytes) {
      throw new ModelFormatException(what + " has " + length + " bytes, at most " + maxBytes + " are read", offset);
    }
    byte[] bytes = in.bytes(length, what);
    try {
      CharBuffer text = StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes));
      return text.toString();
    } catch (CharacterCodingException e) {
      throw new ModelFormatException(what + " is not UTF-8", offset);
    }
  }

  private static long alignment(GgufMetadata metadata) {
    long alignment = metadata.longValue(ALIGNMENT_KEY, DEFAULT_ALIGNMENT);
    if (alignment < 8 || alignment > MAX_ALIGNMENT || Long.bitCount(alignment) != 1) {
      throw new ModelFormatException(
          "alignment " + alignment + " is not a power of two from 8 to " + MAX_ALIGNMENT, metadata.offset(ALIGNMENT_KEY));
    }
    return alignment;
  }

  /** A tensor as declared: its offset counts from the start of the data. */
  private record Declared(TensorInfo tensor, long declaredAt) implements Comparable<Declared> {
    @Override
    public int compareTo(Declared other) {
      return Long.compare(tensor.offset(), other.tensor.offset());
    }
  }

  private Map<String, TensorInfo> tensors(long nTensors, long alignment) {
    List<Declared> declared = new ArrayList<>();
    for (long i = 0; i < nTensors; i++) {
      declared.add(tensor(i, alignment));
    }
    long dataBegin = Checked.alignUp(in.position(), alignment, "the start of the data", in.position());
    Map<String, TensorInfo> tensors = new LinkedHashMap<>();
    for (int i = 0; i < declared.size(); i++) {
      TensorInfo t = declared.get(i).tensor;
      long at = declared.get(i).declaredAt;
      long begin = Checked.add(dataBegin, t.offset(), "the offset of tensor '" + t.name() + "'", at);
      long end = Checked.add(begin, t.byteSize(), "the end of tensor '" + t.name() + "'", at);
      if (end > source.size()) {
        throw new ModelFormatException(
            "tensor '" + t.name() + "' ends at byte " + end + ", and the file has " + source.size() + " (truncated?)", at);
      }
      TensorInfo placed = new TensorInfo(t.name(), t.type(), t.dims(), begin, t.byteSize());
      declared.set(i, new Declared(placed, at));
      if (tensors.put(t.name(), placed) != null) {
        throw new ModelFormatException("tensor '" + t.name() + "' is there twice", at);
      }
    }
    Collections.sort(declared);
    for (int i = 1; i < declared.size(); i++) {
      TensorInfo before = declared.get(i - 1).tensor;
      TensorInfo t = declared.get(i).tensor;
      if (t.offset() < before.offset() + before.byteSize()) {
        throw new ModelFormatException(
            "tensor '" + t.name() + "' overlaps tensor '" + before.name() + "'", declared.get(i).declaredAt);
      }
    }
    return tensors;
  }

  private Declared tensor(long index, long alignment) {
    long at = in.position();
    String name = string(MAX_NAME_BYTES, "the name of tensor " + index);
    if (name.isEmpty()) {
      throw new ModelFormatException("tensor " + index + " has no name", at);
    }
    String what = "tensor '" + name + "'";
    long nDims = in.u32(what);
    if (nDims < 1 || nDims > MAX_DIMS) {
      throw new ModelFormatException(what + " has " + nDims + " dimensions, expected 1 to " + MAX_DIMS, at);
    }
    long[] dims = new long[(int) nDims];
    for (int i = 0; i < dims.length; i++) {
      dims[i] = in.u64(what);
      if (dims[i] <= 0) {
        throw new ModelFormatException(what + " has dimension " + i + " = " + Long.toUnsignedString(dims[i]), at);
      }
    }
    long elements = Checked.product(dims, 0, "the element count of " + what, at);
    TensorType type = TensorType.of(in.u32(what), name);
    if (type == TensorType.I2_S && dims[0] % type.blockSize() != 0) {
      throw new UnsupportedModelException(what + " is I2_S with rows of " + dims[0] + " elements: not the layout of bitnet.cpp on x86 (blocks of "
          + type.blockSize() + "), but that on ARM (64) or that of four rows a byte, which are not read");
    }
    if (dims[0] % type.blockSize() != 0) {
      throw new ModelFormatException(
          what + " has rows of " + dims[0] + " elements, not a multiple of " + type.blockSize() + " as " + type + " needs", at);
    }
    String size = "the byte size of " + what;
    long headers = Checked.multiply(elements / dims[0], type.rowHeader(), size, at);
    long blocks = Checked.multiply(elements / type.blockSize(), type.blockBytes(), size, at);
    long bytes = Checked.add(Checked.add(headers, blocks, size, at), type.tail(), size, at);
    long offset = in.u64(what);
    if (offset < 0 || offset % alignment != 0) {
      throw new ModelFormatException(
          what + " has offset " + Long.toUnsignedString(offset) + ", not a multiple of " + alignment, at);
    }
    return new Declared(new TensorInfo(name, type, dims, offset, bytes), at);
  }
}
