package dev.tern.format;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import dev.tern.ModelFormatException;
import dev.tern.UnsupportedModelException;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
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
  private static final int MAX_NAME = 1024;
  private static final int MAX_TENSORS = 1 << 16;

  /** A tensor: dims as in the file, the slowest first; columns: of a row, all dims but the slowest. Offset counts from the file's start. */
  record Tensor(String name, String dtype, long[] dims, long columns, long offset, long byteSize) {
    long rows() {
      return dims.length < 2 ? 1 : dims[0];
    }
  }

  private final ByteSource source;
  private final Scratch scratch;
  private final Map<String, Tensor> tensors = new LinkedHashMap<>();

  SafetensorsFile(ByteSource source) {
    this(source, new Scratch());
  }

  /** Takes the source over: it is closed with this, and at once if this throws. scratch: for all files of a model. */
  SafetensorsFile(ByteSource source, Scratch scratch) {
    this.source = source;
    this.scratch = scratch;
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
    List<Tensor> inOrder = parse(header.array(), 8 + n);
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

  /** The tensors of a header, read as a stream: no tree of nodes, which would take many times the header's bytes. */
  private List<Tensor> parse(byte[] header, long dataBegin) {
    String what = "the header of " + source.name();
    List<Tensor> found = new ArrayList<>();
    try (JsonParser json = Json.parser(new ByteArrayInputStream(header), what)) {
      if (json.nextToken() != JsonToken.START_OBJECT) {
        throw new ModelFormatException(what + " is not a JSON object", 8);
      }
      while (json.nextToken() == JsonToken.FIELD_NAME) {
        String name = json.currentName();
        json.nextToken();
        if (name.equals("__metadata__")) {
          json.skipChildren();
        } else {
          Checked.atMost(found.size() + 1L, MAX_TENSORS, "tensors of " + source.name(), 8);
          found.add(tensor(name, json, dataBegin));
        }
      }
      if (json.nextToken() != null) {
        throw new ModelFormatException(what + " is not valid JSON: something stands behind the object", 8);
      }
      return found;
    } catch (IOException e) {
      throw Json.invalid(what, e);
    }
  }

  private Tensor tensor(String name, JsonParser json, long dataBegin) throws IOException {
    String what = "tensor '" + (name.length() > MAX_NAME ? name.substring(0, MAX_NAME) + "..." : name) + "' of " + source.name();
    String dtype = null;
    long[] dims = null;
    long[] range = null;
    boolean whole = name.length() <= MAX_NAME && json.currentToken() == JsonToken.START_OBJECT;
    while (whole && json.nextToken() == JsonToken.FIELD_NAME) {
      String field = json.currentName();
      JsonToken value = json.nextToken();
      switch (field) {
        case "dtype" -> dtype = value == JsonToken.VALUE_STRING ? json.getText() : null;
        case "shape" -> dims = numbers(json, MAX_DIMS, what);
        case "data_offsets" -> range = numbers(json, 2, what);
        default -> json.skipChildren();
      }
    }
    if (dtype == null || dims == null || range == null || range.length != 2) {
      throw new ModelFormatException(what + " lacks dtype, shape or data_offsets", 8);
    }
    long elements = Checked.product(dims, 0, "the size of " + what, 8);
    long bytes = Checked.multiply(width(dtype, what), elements, "the size of " + what, 8);
    long columns = Checked.product(dims, dims.length < 2 ? 0 : 1, "the size of " + what, 8); // with 0 rows, not part of the sizes above
    if (range[1] < range[0] || range[1] - range[0] != bytes) {
      throw new ModelFormatException(what + " has the range " + range[0] + " to " + range[1] + " for " + bytes + " bytes", 8);
    }
    return new Tensor(name, dtype, dims, columns, Checked.add(dataBegin, range[0], "the offset of " + what, 8), bytes);
  }

  /** A list of at most max sizes; null if the value is something else. */
  private static long[] numbers(JsonParser json, int max, String what) throws IOException {
    if (json.currentToken() != JsonToken.START_ARRAY) {
      json.skipChildren();
      return null;
    }
    long[] values = new long[max];
    int n = 0;
    while (json.nextToken() != JsonToken.END_ARRAY) {
      boolean size = json.currentToken() == JsonToken.VALUE_NUMBER_INT && json.getNumberType() != JsonParser.NumberType.BIG_INTEGER
          && json.getLongValue() >= 0;
      if (!size) {
        throw new ModelFormatException(what + " has " + json.getText() + " where a size should be", 8);
      }
      if (n == max) {
        throw new ModelFormatException(what + " lacks dtype, shape or data_offsets: a list of more than " + max, 8);
      }
      values[n++] = json.getLongValue();
    }
    return Arrays.copyOf(values, n);
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

  Scratch scratch() {
    return scratch;
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
