package dev.tern.format;

import com.fasterxml.jackson.databind.JsonNode;
import dev.tern.ModelFormatException;
import dev.tern.UnsupportedModelException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * One safetensors file: a length, a JSON header, and the tensors' bytes without gaps
 * (<a href="https://github.com/huggingface/safetensors#format">the format</a>). Thread-safe.
 */
final class SafetensorsFile implements AutoCloseable {
  private static final long MAX_HEADER = 16 << 20; // the format allows 100 MB; a thousand tensors take 0.1
  private static final int MAX_DIMS = 8;

  /** A tensor: dims as in the file, the slowest first. Offset counts from the file's start. */
  record Tensor(String name, String dtype, long[] dims, long offset, long byteSize) {
    long rows() {
      return dims.length < 2 ? 1 : dims[0];
    }

    long columns() {
      long n = 1;
      for (int i = dims.length < 2 ? 0 : 1; i < dims.length; i++) {
        n *= dims[i];
      }
      return n;
    }
  }

  private final ByteSource source;
  private final Map<String, Tensor> tensors = new LinkedHashMap<>();

  SafetensorsFile(Path path) {
    source = ByteSource.open(path);
    try {
      readHeader();
    } catch (RuntimeException | Error e) {
      source.close();
      throw e;
    }
  }

  private void readHeader() {
    if (source.size() < 8) {
      throw new ModelFormatException(source.name() + " has " + source.size() + " bytes: no safetensors file", 0);
    }
    ByteBuffer length = ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN);
    source.read(0, length);
    long n = length.getLong(0);
    if (n < 2 || n > MAX_HEADER || n > source.size() - 8) {
      throw new ModelFormatException(
          source.name() + " claims a header of " + Long.toUnsignedString(n) + " bytes and has " + source.size(), 0);
    }
    ByteBuffer header = ByteBuffer.allocate((int) n);
    source.read(8, header);
    JsonNode root = Json.parse(header.array(), "the header of " + source.name());
    List<Tensor> inOrder = new ArrayList<>();
    for (Map.Entry<String, JsonNode> field : root.properties()) {
      if (!field.getKey().equals("__metadata__")) {
        inOrder.add(tensor(field.getKey(), field.getValue(), 8 + n));
      }
    }
    inOrder.sort(Comparator.comparingLong(Tensor::offset).thenComparingLong(Tensor::byteSize));
    long end = 8 + n;
    for (Tensor tensor : inOrder) {
      if (tensor.offset != end) {
        throw new ModelFormatException(
            "tensor '" + tensor.name + "' starts at byte " + tensor.offset + ", expected " + end + ": tensors have no gaps and no overlaps",
            tensor.offset);
      }
      end = Checked.add(end, tensor.byteSize, "the end of tensor '" + tensor.name + "'", tensor.offset);
      tensors.put(tensor.name, tensor);
    }
    if (end != source.size()) {
      throw new ModelFormatException(
          source.name() + " has " + source.size() + " bytes, and its tensors end at " + end + (end > source.size() ? " (truncated?)" : ""), end);
    }
  }

  private Tensor tensor(String name, JsonNode node, long dataBegin) {
    String what = "tensor '" + name + "' of " + source.name();
    JsonNode shape = node.get("shape");
    JsonNode offsets = node.get("data_offsets");
    if (name.length() > 1024 || !node.isObject() || !node.path("dtype").isTextual() || shape == null || !shape.isArray() || shape.size() > MAX_DIMS
        || offsets == null || !offsets.isArray() || offsets.size() != 2) {
      throw new ModelFormatException(what + " lacks dtype, shape or data_offsets", 8);
    }
    String dtype = node.get("dtype").textValue();
    long bytes = width(dtype, what);
    long[] dims = new long[shape.size()];
    for (int i = 0; i < dims.length; i++) {
      dims[i] = number(shape.get(i), what);
      bytes = Checked.multiply(bytes, dims[i], "the size of " + what, 8);
    }
    long begin = number(offsets.get(0), what);
    long end = number(offsets.get(1), what);
    if (end < begin || end - begin != bytes) {
      throw new ModelFormatException(what + " has the range " + begin + " to " + end + " for " + bytes + " bytes", 8);
    }
    return new Tensor(name, dtype, dims, Checked.add(dataBegin, begin, "the offset of " + what, 8), bytes);
  }

  private static long number(JsonNode node, String what) {
    if (!node.isIntegralNumber() || !node.canConvertToLong() || node.longValue() < 0) {
      throw new ModelFormatException(what + " has " + node + " where a size should be", 8);
    }
    return node.longValue();
  }

  private static int width(String dtype, String what) {
    return switch (dtype) {
      case "F64", "I64", "U64" -> 8;
      case "F32", "I32", "U32" -> 4;
      case "F16", "BF16", "I16", "U16" -> 2;
      case "U8", "I8", "BOOL", "F8_E4M3", "F8_E5M2" -> 1;
      default -> throw new UnsupportedModelException(what + " is of type " + dtype);
    };
  }

  String name() {
    return source.name();
  }

  long size() {
    return source.size();
  }

  Map<String, Tensor> tensors() {
    return tensors;
  }

  /** Fills dst with the bytes of a tensor of this file from a place on. */
  void read(Tensor tensor, long from, ByteBuffer dst) {
    if (from < 0 || from > tensor.byteSize - dst.remaining()) {
      throw new IllegalArgumentException("bytes " + from + " + " + dst.remaining() + " of tensor '" + tensor.name + "'");
    }
    source.read(tensor.offset + from, dst);
  }

  @Override
  public void close() {
    source.close();
  }
}
