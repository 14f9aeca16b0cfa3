package dev.tern.format;

import dev.tern.ModelFormatException;
import dev.tern.UnsupportedModelException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * One tensor of a Hugging Face model as GGUF has it, made row by row while it is read: as it is, with rows in another order, or turned
 * into trits. Immutable; thread-safe.
 */
final class HfTensor {
  private static final long ONES = 0x0101010101010101L;

  private enum Kind {
    COMPUTED, PLAIN, PACKED, MASTER
  }

  private final TensorInfo info;
  private final Kind kind;
  private final SafetensorsFile file;
  private final SafetensorsFile.Tensor tensor;
  private final int permutedHeads;
  private final float scale; // multiplies the whole tensor, beside what its rows hold
  private final short blockScale; // F16, of every block of trits
  private final float mean; // of the master's magnitudes
  private final byte[] computed;

  private HfTensor(TensorInfo info, Kind kind, SafetensorsFile file, SafetensorsFile.Tensor tensor, int permutedHeads, float rowScale, float mean,
      byte[] computed) {
    this.info = info;
    this.kind = kind;
    this.file = file;
    this.tensor = tensor;
    this.permutedHeads = permutedHeads;
    this.mean = mean;
    this.computed = computed;
    // A scale that an F16 holds stands in the blocks, where every reader of the format finds it; another beside the tensor.
    short half = Half.of(rowScale);
    boolean fits = Half.toFloat(half) == rowScale;
    blockScale = fits ? half : Half.of(1);
    scale = fits ? 1 : rowScale;
  }

  /** A vector of these values. */
  static HfTensor of(String name, float[] values) {
    ByteBuffer bytes = ByteBuffer.allocate(values.length * Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    bytes.asFloatBuffer().put(values);
    TensorInfo info = new TensorInfo(name, TensorType.F32, new long[] {values.length}, 0, bytes.capacity());
    return new HfTensor(info, Kind.COMPUTED, null, null, 0, 1, 0, bytes.array());
  }

  /** A tensor of floats as it is; permutedHeads as in {@link #sourceRow}. */
  static HfTensor plain(String name, SafetensorsFile file, SafetensorsFile.Tensor tensor, int permutedHeads) {
    return new HfTensor(info(name, tensor, type(tensor), 1, permutedHeads), Kind.PLAIN, file, tensor, permutedHeads, 1, 0, null);
  }

  /** Trits that a file holds as codes of two bits: byte [r][c] has, from its low bits on, rows r, r + n, r + 2n, r + 3n of n packed ones. */
  static HfTensor packed(String name, SafetensorsFile file, SafetensorsFile.Tensor tensor, int permutedHeads, float rowScale) {
    return new HfTensor(info(name, tensor, TensorType.TQ2_0, 4, permutedHeads), Kind.PACKED, file, tensor, permutedHeads, rowScale, 0, null);
  }

  /** Trits to be made of a float tensor: round(w / mean|w|), half to even, clamped. (BitNet b1.58, arXiv 2402.17764, eq. 1-3) */
  static HfTensor master(String name, SafetensorsFile file, SafetensorsFile.Tensor tensor, int permutedHeads) {
    type(tensor);
    TensorInfo info = info(name, tensor, TensorType.TQ2_0, 1, permutedHeads);
    double sum = 0;
    for (long row = 0; row < tensor.rows(); row++) {
      for (float w : floats(file, tensor, row)) {
        sum += Math.abs(w);
      }
    }
    float mean = (float) Math.max(sum / ((double) tensor.rows() * tensor.columns()), 1e-5);
    if (!Float.isFinite(mean)) {
      throw new ModelFormatException("tensor '" + tensor.name() + "' holds values that are not finite", tensor.offset());
    }
    return new HfTensor(info, Kind.MASTER, file, tensor, permutedHeads, mean, mean, null);
  }

  private static TensorInfo info(String name, SafetensorsFile.Tensor tensor, TensorType type, int rowFactor, int permutedHeads) {
    long columns = tensor.columns();
    long rows = Checked.multiply(tensor.rows(), rowFactor, "the rows of tensor '" + tensor.name() + "'", tensor.offset());
    if (columns < 1 || rows < 1) {
      throw new ModelFormatException("tensor '" + tensor.name() + "' is empty", tensor.offset());
    }
    if (permutedHeads > 0 && rows % permutedHeads != 0) {
      throw new ModelFormatException("tensor '" + tensor.name() + "' has " + rows + " rows for " + permutedHeads + " heads", tensor.offset());
    }
    if (columns % type.blockSize() != 0) {
      throw new UnsupportedModelException(
          "tensor '" + tensor.name() + "' has ternary rows of " + columns + " elements; supported: multiples of " + type.blockSize());
    }
    long[] dims = tensor.dims().length < 2 ? new long[] {columns} : new long[] {columns, rows};
    long bytes = Checked.multiply(type.rowBytes(columns), rows, "the size of tensor '" + tensor.name() + "'", tensor.offset());
    return new TensorInfo(name, type, dims, 0, bytes);
  }

  private static TensorType type(SafetensorsFile.Tensor tensor) {
    return switch (tensor.dtype()) {
      case "F32" -> TensorType.F32;
      case "F16" -> TensorType.F16;
      case "BF16" -> TensorType.BF16;
      default -> throw new UnsupportedModelException("tensor '" + tensor.name() + "' is of type " + tensor.dtype() + "; supported: F32, F16, BF16");
    };
  }

  /** The values of a small tensor. */
  static float[] floats(SafetensorsFile file, SafetensorsFile.Tensor tensor) {
    return floats(file, tensor, 0);
  }

  private static float[] floats(SafetensorsFile file, SafetensorsFile.Tensor tensor, long row) {
    TensorType type = type(tensor);
    int n = Checked.toInt(tensor.columns(), "the columns of tensor '" + tensor.name() + "'", tensor.offset());
    long rowBytes = Checked.multiply(n, type.blockBytes(), "a row of tensor '" + tensor.name() + "'", tensor.offset());
    ByteBuffer bytes = ByteBuffer.allocate(Checked.toInt(rowBytes, "a row of tensor '" + tensor.name() + "'", tensor.offset()));
    file.read(tensor, Checked.multiply(row, rowBytes, "a row of tensor '" + tensor.name() + "'", tensor.offset()), bytes);
    bytes.flip().order(ByteOrder.LITTLE_ENDIAN);
    float[] values = new float[n];
    for (int i = 0; i < n; i++) {
      values[i] = switch (type) {
        case F32 -> bytes.getFloat();
        case F16 -> Half.toFloat(bytes.getShort());
        default -> Float.intBitsToFloat(bytes.getShort() << 16);
      };
    }
    return values;
  }

  TensorInfo info() {
    return info;
  }

  /** A factor of the whole tensor that its rows do not hold, or 1. */
  float scale() {
    return scale;
  }

  /** Fills dst with bytes from a place on; the range lies in the tensor. */
  void read(long from, ByteBuffer dst) {
    if (kind == Kind.COMPUTED) {
      dst.put(computed, (int) from, dst.remaining());
      return;
    }
    if (kind == Kind.PLAIN && permutedHeads == 0) {
      file.read(tensor, from, dst);
      return;
    }
    String what = "a row of tensor '" + tensor.name() + "'";
    int rowBytes = Checked.toInt(info.rowBytes(), what, tensor.offset());
    ByteBuffer row = ByteBuffer.allocate(rowBytes).order(ByteOrder.LITTLE_ENDIAN);
    ByteBuffer scratch = ByteBuffer.allocate(kind == Kind.PACKED ? Checked.toInt(info.columns(), what, tensor.offset()) : 0)
        .order(ByteOrder.LITTLE_ENDIAN);
    while (dst.hasRemaining()) {
      row(from / rowBytes, row.clear(), scratch);
      row.position((int) (from % rowBytes)).limit(Math.min(rowBytes, row.position() + dst.remaining()));
      from += row.remaining();
      dst.put(row);
    }
  }

  /** Where a row of the GGUF tensor is in this one. With permuted heads, element (pair i, part j) of a head is (part j, pair i) there. */
  private long sourceRow(long row) {
    if (permutedHeads == 0) {
      return row;
    }
    long headDim = info.rows() / permutedHeads;
    long in = row % headDim;
    return row - in + in % 2 * (headDim / 2) + in / 2;
  }

  private void row(long r, ByteBuffer out, ByteBuffer scratch) {
    long from = sourceRow(r);
    switch (kind) {
      case PLAIN -> file.read(tensor, from * out.capacity(), out);
      case PACKED -> {
        file.read(tensor, from % tensor.rows() * scratch.capacity(), scratch.clear());
        pack(scratch, (int) (from / tensor.rows()) * 2, out);
      }
      default -> {
        float[] w = floats(file, tensor, from);
        ByteBuffer codes = ByteBuffer.allocate(w.length).order(ByteOrder.LITTLE_ENDIAN);
        for (float v : w) {
          codes.put((byte) (Math.max(-1, Math.min(1, Math.rint(v * (1 / mean)))) + 1));
        }
        pack(codes, 0, out);
      }
    }
  }

  /** Bits shift and shift + 1 of each byte as a row of TQ2_0, eight at a time. */
  private void pack(ByteBuffer bytes, int shift, ByteBuffer out) {
    long bad = 0;
    for (int block = 0; block < bytes.capacity(); block += 256) {
      for (int at = block; at < block + 256; at += at % 32 == 24 ? 104 : 8) { // the first 32 of each 128
        long packed = 0;
        for (int n = 0; n < 4; n++) {
          long codes = bytes.getLong(at + 32 * n) >>> shift & 3 * ONES;
          bad |= codes & codes >>> 1 & ONES;
          packed |= codes << 2 * n;
        }
        out.putLong(packed);
      }
      out.putShort(blockScale);
    }
    if (bad != 0) {
      throw new ModelFormatException("tensor '" + tensor.name() + "' holds the code 3, which is no trit", tensor.offset());
    }
  }
}
