package dev.tern.kernel;

import dev.tern.LoadProgress;
import dev.tern.ModelFormatException;
import dev.tern.format.ModelFile;
import dev.tern.format.ModelSpec;
import dev.tern.format.PackedTensor;
import dev.tern.format.WeightRef;
import dev.tern.kernel.abi.global.TernAbi;
import dev.tern.kernel.abi.tern_model;
import dev.tern.kernel.abi.tern_model_config;
import java.nio.ByteBuffer;
import java.util.stream.IntStream;
import org.bytedeco.javacpp.Pointer;

/** Weights on a device. Immutable once loaded; thread-safe. */
public final class NativeModel extends NativeHandle {
  private static final int PIECE_BYTES = 4 << 20;
  private static final int READ_BYTES = 512 << 10;

  private final NativeDevice device;
  private final tern_model model = new tern_model();
  private int nTernary;
  private int nDense;

  /** Reads all weights of a file into kernel layout, a few megabytes at a time. The device stays the caller's. */
  public NativeModel(NativeDevice device, ModelFile file, ModelSpec spec, LoadProgress progress) {
    super("model");
    this.device = device;
    device.enter();
    try (tern_model_config config = config(spec)) {
      Native.check(TernAbi.tern_model_create(device.pointer(), config, model));
    } catch (IllegalArgumentException e) { // a value of the file that the native side alone refuses
      throw new ModelFormatException(e.getMessage(), -1);
    } finally {
      device.leave();
    }
    try {
      load(file, spec, progress);
      Native.check(TernAbi.tern_model_seal(model));
    } catch (RuntimeException | Error e) {
      close();
      throw e;
    }
  }

  private static tern_model_config config(ModelSpec spec) {
    tern_model_config config = new tern_model_config();
    config.struct_size(config.sizeof());
    config.n_layers(spec.nLayers()).n_heads(spec.nHeads()).n_kv_heads(spec.nKvHeads()).head_dim(spec.headDim());
    config.hidden_dim(spec.hiddenDim()).ffn_dim(spec.ffnDim()).vocab_size(spec.vocabSize());
    config.rope_dim(spec.ropeDim()).rope_style(spec.ropeStyle().id()).rope_freq_base(spec.ropeFreqBase());
    config.gate(spec.gate().id()).sub_norms(spec.subNorms() ? 1 : 0).norm_eps(spec.normEps()).reserved(0);
    return config;
  }

  private void load(ModelFile file, ModelSpec spec, LoadProgress progress) {
    long total = 0;
    long longestRow = 1;
    for (WeightRef weight : spec.weights()) {
      total += weight.byteSize();
      longestRow = Math.max(longestRow, Math.max(weight.rowBytes(), weight.nCols())); // the latter: if it is packed
    }
    ByteBuffer buffer = ByteBuffer.allocateDirect(Math.toIntExact(Math.max(longestRow, Math.min(total, PIECE_BYTES))));
    try (Pointer data = new Pointer(buffer)) {
      long done = 0;
      progress.at(0, total);
      for (WeightRef weight : spec.weights()) {
        Piece piece = new Piece(file, weight, buffer, data, done, total, progress);
        if (weight.mayBeTernary() && load(piece, TernAbi.TERN_STORE_TERNARY)) {
          nTernary++;
        } else {
          load(piece, TernAbi.TERN_STORE_DENSE);
          nDense += weight.nRows() > 1 ? 1 : 0;
        }
        done += weight.byteSize();
      }
    }
  }

  /** A weight on its way through the buffer. */
  private record Piece(
      ModelFile file, WeightRef weight, ByteBuffer buffer, Pointer data, long done, long total, LoadProgress progress) {}

  /** Rows as the native side gets them. */
  private interface RowReader {
    void read(long from, ByteBuffer dst);
  }

  /** Loads one weight; false if it is to be ternary and is not. */
  private boolean load(Piece piece, int store) {
    WeightRef weight = piece.weight;
    int role = weight.role().id();
    PackedTensor packed = store == TernAbi.TERN_STORE_TERNARY && weight.tensor() != null ? piece.file.packed(weight.tensor()) : null;
    int type = packed == null ? weight.type().id() : TernAbi.TERN_TYPE_HF_PACKED;
    long rowBytes = packed == null ? weight.rowBytes() : weight.nCols();
    float scale = weight.scale(piece.file) * (packed == null ? 1 : packed.scale());
    RowReader reader = packed == null ? (from, dst) -> weight.read(piece.file, from, dst) : packed::read;
    Native.check(TernAbi.tern_model_load_begin(model, role, weight.layer(), type, store, weight.nRows(), weight.nCols(), scale));
    int rowsAtOnce = (int) (piece.buffer.capacity() / rowBytes);
    for (int row = 0; row < weight.nRows(); ) {
      int n = Math.min(rowsAtOnce, weight.nRows() - row);
      read(reader, piece.buffer, row * rowBytes, n * rowBytes, rowBytes);
      int status = TernAbi.tern_model_load_rows(model, role, weight.layer(), n, piece.data, n * rowBytes);
      if (status == TernAbi.TERN_ERR_NOT_TERNARY && store == TernAbi.TERN_STORE_TERNARY) {
        if (packed != null) { // the code 3: translating these rows says so
          read((from, dst) -> weight.read(piece.file, from, dst), piece.buffer, row * weight.rowBytes(), n * weight.rowBytes(), weight.rowBytes());
        }
        return false;
      }
      try {
        Native.check(status);
      } catch (IllegalArgumentException e) { // a code without meaning, a scale or value that is not finite
        throw new ModelFormatException("tensor '" + weight.name() + "': " + e.getMessage(), weight.tensor() == null ? -1 : weight.tensor().offset());
      }
      row += n;
      piece.progress.at(piece.done + row * weight.rowBytes(), piece.total);
    }
    return true;
  }

  /** Fills the buffer with rows, on all cores: formats that are translated while they are read take longer to read than to pack. */
  private static void read(RowReader reader, ByteBuffer buffer, long from, long nBytes, long rowBytes) {
    long part = Math.max(1, READ_BYTES / rowBytes) * rowBytes;
    IntStream.range(0, (int) ((nBytes + part - 1) / part)).parallel().forEach(i -> {
      long first = i * part;
      reader.read(from + first, buffer.slice((int) first, (int) Math.min(part, nBytes - first)));
    });
  }

  NativeDevice device() {
    return device;
  }

  tern_model pointer() {
    return model;
  }

  /** Matrices kept ternary. */
  public int nTernary() {
    return nTernary;
  }

  /** Matrices kept dense. */
  public int nDense() {
    return nDense;
  }

  /** Bytes in kernel layout. */
  public long bytes() {
    enter();
    try {
      return TernAbi.tern_model_bytes(model);
    } finally {
      leave();
    }
  }

  /** Bytes that one decoded token reads. */
  public long decodeBytes() {
    enter();
    try {
      return TernAbi.tern_model_decode_bytes(model);
    } finally {
      leave();
    }
  }

  @Override
  void destroy() {
    TernAbi.tern_model_destroy(model);
    model.setNull();
  }
}
