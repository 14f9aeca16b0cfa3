package dev.tern.format;

import dev.tern.ModelFormatException;
import dev.tern.UnsupportedModelException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.stream.IntStream;

/**
 * One tensor of a Hugging Face model as GGUF has it, made row by row while it is read: as it is, with rows in another order, or turned
 * into trits. Immutable; thread-safe.
 */
final class HfTensor {
  private static final long CODES = 0x0303030303030303L; // the low two bits of each byte
  private static final long LOW = 0x5555555555555555L; // the lower of each two bits
  private static final int WINDOW_BYTES = 256 << 10;
  private static final int CHUNK_BYTES = 16 << 10; // turned into floats at once
  private static final long PART_BYTES = 1 << 20; // of one sum, whatever the rows

  private enum Kind {
    COMPUTED, PLAIN, PACKED, MASTER, MEAN
  }

  private final TensorInfo info;
  private final Kind kind;
  private final SafetensorsFile file;
  private final SafetensorsFile.Tensor tensor;
  private final int permutedHeads;
  private final float scale; // multiplies the whole tensor, beside what its rows hold
  private final short blockScale; // F16, of every block of trits
  private final byte[] computed;
  private final HfTensor master; // of its mean, or itself
  private final Object lock = new Object();
  private volatile float mean; // of the master's magnitudes; 0 before they were read

  private HfTensor(TensorInfo info, Kind kind, SafetensorsFile file, SafetensorsFile.Tensor tensor, int permutedHeads, float rowScale,
      byte[] computed, HfTensor master) {
    this.info = info;
    this.kind = kind;
    this.file = file;
    this.tensor = tensor;
    this.permutedHeads = permutedHeads;
    this.computed = computed;
    this.master = master == null ? this : master;
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
    return new HfTensor(info, Kind.COMPUTED, null, null, 0, 1, bytes.array(), null);
  }

  /** A tensor of floats as it is; permutedHeads as in {@link #sourceRow}. */
  static HfTensor plain(String name, SafetensorsFile file, SafetensorsFile.Tensor tensor, int permutedHeads) {
    return new HfTensor(info(name, tensor, type(tensor), 1, permutedHeads), Kind.PLAIN, file, tensor, permutedHeads, 1, null, null);
  }

  /** Trits that a file holds as codes of two bits: byte [r][c] has, from its low bits on, rows r, r + n, r + 2n, r + 3n of n packed ones. */
  static HfTensor packed(String name, SafetensorsFile file, SafetensorsFile.Tensor tensor, int permutedHeads, float rowScale) {
    return new HfTensor(info(name, tensor, TensorType.TQ2_0, 4, permutedHeads), Kind.PACKED, file, tensor, permutedHeads, rowScale, null, null);
  }

  /**
   * Trits to be made of a float tensor: round(w / mean|w|), half to even, clamped. (BitNet b1.58, arXiv 2402.17764, eq. 1-3) The mean, which
   * takes reading all of it, is found when something of it is first read, and multiplies the tensor beside it: {@link #mean}.
   */
  static HfTensor master(String name, SafetensorsFile file, SafetensorsFile.Tensor tensor, int permutedHeads) {
    type(tensor);
    return new HfTensor(info(name, tensor, TensorType.TQ2_0, 1, permutedHeads), Kind.MASTER, file, tensor, permutedHeads, 1, null, null);
  }

  /** A vector of one element: the mean magnitude of a master. */
  static HfTensor mean(String name, HfTensor master) {
    TensorInfo info = new TensorInfo(name, TensorType.F32, new long[] {1}, 0, Float.BYTES);
    return new HfTensor(info, Kind.MEAN, master.file, master.tensor, 0, 1, null, master);
  }

  boolean isMaster() {
    return kind == Kind.MASTER;
  }

  /** Whether reading it takes reading all of another. */
  boolean isDerived() {
    return kind == Kind.MEAN;
  }

  private float mean() {
    if (mean == 0) {
      synchronized (lock) {
        if (mean == 0) {
          mean = readMean();
        }
      }
    }
    return mean;
  }

  private float readMean() {
    // Parts of a fixed size, added up in order: the same mean on any machine.
    long nParts = (tensor.byteSize() + PART_BYTES - 1) / PART_BYTES;
    double[] sums = IntStream.range(0, Checked.toInt(nParts, "the parts of tensor '" + tensor.name() + "'", tensor.offset()))
        .parallel()
        .mapToDouble(i -> magnitudes(i * PART_BYTES, Math.min(PART_BYTES, tensor.byteSize() - i * PART_BYTES)))
        .toArray();
    double sum = 0;
    for (double s : sums) {
      sum += s;
    }
    float found = (float) Math.max(sum / ((double) tensor.rows() * tensor.columns()), 1e-5);
    if (!Float.isFinite(found)) {
      throw new ModelFormatException("tensor '" + tensor.name() + "' holds values that are not finite", tensor.offset());
    }
    return found;
  }

  /** The sum of the magnitudes of some elements. */
  private double magnitudes(long from, long nBytes) {
    TensorType type = type(tensor);
    return file.scratch().with((int) Math.min(nBytes, WINDOW_BYTES), bytes -> {
      double sum = 0;
      for (long done = 0; done < nBytes; done += bytes.limit()) {
        bytes.clear().limit((int) Math.min(bytes.capacity(), nBytes - done));
        file.read(tensor, from + done, bytes);
        for (int at = 0; at < bytes.limit(); at += CHUNK_BYTES) {
          for (float x : floats(bytes.slice(at, Math.min(CHUNK_BYTES, bytes.limit() - at)).order(ByteOrder.LITTLE_ENDIAN), type)) {
            sum += Math.abs(x);
          }
        }
      }
      return sum;
    });
  }

  /** The values that remain in a buffer. */
  private static float[] floats(ByteBuffer bytes, TensorType type) {
    float[] values = new float[bytes.remaining() / type.blockBytes()];
    if (type == TensorType.F32) {
      bytes.asFloatBuffer().get(values);
      return values;
    }
    short[] halves = new short[values.length];
    bytes.asShortBuffer().get(halves);
    for (int i = 0; i < values.length; i++) {
      values[i] = type == TensorType.F16 ? Half.toFloat(halves[i]) : Float.intBitsToFloat(halves[i] << 16);
    }
    return values;
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
    TensorType type = type(tensor);
    int n = Checked.toInt(tensor.columns(), "the columns of tensor '" + tensor.name() + "'", tensor.offset());
    long rowBytes = Checked.multiply(n, type.blockBytes(), "a row of tensor '" + tensor.name() + "'", tensor.offset());
    ByteBuffer bytes = ByteBuffer.allocate(Checked.toInt(rowBytes, "a row of tensor '" + tensor.name() + "'", tensor.offset()))
        .order(ByteOrder.LITTLE_ENDIAN);
    file.read(tensor, 0, bytes);
    return floats(bytes.flip(), type);
  }

  TensorInfo info() {
    return info;
  }

  /** A factor of the whole tensor that its rows do not hold, or 1. */
  float scale() {
    return scale;
  }

  /** The file's own rows, if they are packed and in the order of GGUF; else null. */
  PackedTensor asPacked() {
    return kind == Kind.PACKED && permutedHeads == 0 ? new PackedTensor(file, tensor, Half.toFloat(blockScale)) : null;
  }

  /** Fills dst with bytes from a place on; the range lies in the tensor. */
  void read(long from, ByteBuffer dst) {
    if (kind == Kind.COMPUTED || kind == Kind.MEAN) {
      byte[] all = kind == Kind.COMPUTED ? computed : ByteBuffer.allocate(Float.BYTES).order(ByteOrder.LITTLE_ENDIAN).putFloat(master.mean()).array();
      dst.put(all, (int) from, dst.remaining());
      return;
    }
    if (kind == Kind.PLAIN && permutedHeads == 0) {
      file.read(tensor, from, dst);
      return;
    }
    String what = "a row of tensor '" + tensor.name() + "'";
    int rowBytes = Checked.toInt(info.rowBytes(), what, tensor.offset());
    ByteBuffer row = ByteBuffer.allocate(rowBytes).order(ByteOrder.LITTLE_ENDIAN);
    int inRow = Checked.toInt(tensor.byteSize() / tensor.rows(), what, tensor.offset());
    int nRows = windowRows(inRow);
    long begin = from;
    int windowBytes = Checked.toInt(Checked.multiply(nRows, inRow, what, tensor.offset()), what, tensor.offset());
    file.scratch().with(windowBytes, bytes -> {
      Window window = new Window(bytes, inRow, nRows);
      for (long at = begin; dst.hasRemaining(); at += row.remaining(), dst.put(row)) {
        row(at / rowBytes, row.clear(), window);
        row.position((int) (at % rowBytes)).limit(Math.min(rowBytes, row.position() + dst.remaining()));
      }
      return dst;
    });
  }

  /** Rows that are read at once: a head's, if they are reordered, so that each is read but once. */
  private int windowRows(int rowBytes) {
    int head = permutedHeads == 0 ? 1 : Math.min(headDim(), ModelSpecReader.MAX_HEAD_DIM);
    return (int) Math.min(tensor.rows(), Math.max(Math.max(1, WINDOW_BYTES / rowBytes), head));
  }

  /** Some rows of the file's tensor: they are read many at a time. And what one row of trits is packed in. */
  private final class Window {
    private final long[] codes;
    private final long[] packed;
    private final ByteBuffer bytes;
    private final int rowBytes;
    private final int nRows;
    private long first = -1;

    Window(ByteBuffer bytes, int rowBytes, int nRows) {
      this.bytes = bytes;
      this.rowBytes = rowBytes;
      this.nRows = nRows;
      codes = kind == Kind.PLAIN ? null : new long[(int) info.columns() / Long.BYTES];
      packed = kind == Kind.PLAIN ? null : new long[(int) (info.rowBytes() / Long.BYTES) + 1];
    }

    /** Where in the bytes a row of the file begins; reads on from that of {@code begin}, which is not after it, if it must. */
    int at(long row, long begin) {
      if (first < 0 || row < first || row >= first + bytes.limit() / rowBytes) {
        first = Math.max(0, row - begin < nRows ? begin : row);
        bytes.clear().limit((int) Math.min(nRows, tensor.rows() - first) * rowBytes);
        file.read(tensor, first * rowBytes, bytes);
      }
      return (int) (row - first) * rowBytes;
    }
  }

  private int headDim() {
    return (int) (info.rows() / permutedHeads);
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

  private void row(long r, ByteBuffer out, Window window) {
    long source = sourceRow(r);
    long part = kind == Kind.PACKED ? source / tensor.rows() : 0; // which two bits of a byte
    long inFile = source - part * tensor.rows();
    long head = permutedHeads == 0 ? source : r - r % headDim(); // its rows come in turn from both of its halves
    int at = window.at(inFile, Math.min(inFile, Math.max(0, head - part * tensor.rows())));
    ByteBuffer bytes = window.bytes.slice(at, window.rowBytes).order(ByteOrder.LITTLE_ENDIAN);
    switch (kind) {
      case PLAIN -> out.put(bytes);
      case PACKED -> pack(bytes, (int) part * 2, window, out);
      default -> pack(codes(floats(bytes, type(tensor))), 0, window, out);
    }
  }

  /** A master's row as codes: 1 + clamp(round half to even(w / mean)), and so 1 up to a half and 2 or 0 beyond it. */
  private ByteBuffer codes(float[] row) {
    float inverse = 1 / mean();
    byte[] codes = new byte[row.length];
    for (int i = 0; i < codes.length; i++) {
      float x = row[i] * inverse;
      codes[i] = (byte) (x > 0.5f ? 2 : x < -0.5f ? 0 : 1);
    }
    return ByteBuffer.wrap(codes).order(ByteOrder.LITTLE_ENDIAN);
  }

  /**
   * Bits shift and shift + 1 of each byte as a row of TQ2_0: 64 bytes of codes and 2 of scale for each 256. In arrays of longs: the JVM's first
   * compiler makes calls of every access to a buffer.
   */
  private void pack(ByteBuffer bytes, int shift, Window window, ByteBuffer row) {
    long[] in = window.codes;
    long[] out = window.packed;
    bytes.asLongBuffer().get(in);
    long mask = CODES << shift;
    long bad = 0;
    long begun = 0; // the bits of out[to] that are known, nBits of them
    int nBits = 0;
    int to = 0;
    for (int block = 0; block < in.length; block += 32) {
      for (int half = block; half < block + 32; half += 16) {
        for (int i = half; i < half + 4; i++) {
          long codes = (in[i] & mask) >>> shift;
          codes |= (in[i + 4] & mask) >>> shift << 2;
          codes |= (in[i + 8] & mask) >>> shift << 4;
          codes |= (in[i + 12] & mask) >>> shift << 6;
          bad |= codes & codes >>> 1;
          out[to++] = begun | codes << nBits;
          begun = codes >>> 1 >>> 63 - nBits;
        }
      }
      begun |= (blockScale & 0xffffL) << nBits;
      nBits += Short.SIZE;
      if (nBits == Long.SIZE) {
        out[to++] = begun;
        begun = 0;
        nBits = 0;
      }
    }
    row.asLongBuffer().put(out, 0, to);
    for (row.position(row.position() + to * Long.BYTES); row.hasRemaining(); begun >>>= Byte.SIZE) {
      row.put((byte) begun);
    }
    if ((bad & LOW) != 0) {
      throw new ModelFormatException("tensor '" + tensor.name() + "' holds the code 3, which is no trit", tensor.offset());
    }
  }
}
