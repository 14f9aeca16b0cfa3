package dev.tern.format;

import dev.tern.ModelFormatException;
import dev.tern.UnsupportedModelException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.stream.IntStream;

/**
 * A model whose layers' matrices are given in another type that holds the same values: ternary weights go from any type to any other without
 * a change of a bit in what the model computes. Nothing else changes. A scale that the type has no place for stands in a tensor {@code
 * X.scale}. Thread-safe.
 */
public final class RetypedModel extends DerivedModel {
  private static final int WINDOW_BYTES = 256 << 10;

  /** scale: of all rows, if they have but one, else NaN; beside: it is in X.scale, and rows have 1 in its place. */
  private record Matrix(TensorInfo from, TensorInfo to, float scale, boolean beside) {}

  private final Map<String, Matrix> matrices = new LinkedHashMap<>();
  private final Map<String, Float> scales = new LinkedHashMap<>();

  /**
   * Reads all of the matrices once.
   *
   * @param type F32, F16, BF16 or a ternary type
   * @throws UnsupportedModelException if a matrix of a layer is not ternary, or its scales have no place in the type
   * @throws IllegalArgumentException for another type
   */
  public RetypedModel(ModelFile model, TensorType type) {
    super(model);
    if (!type.ternary() && type != TensorType.F32 && type != TensorType.F16 && type != TensorType.BF16) {
      throw new IllegalArgumentException(type + " is neither a ternary type nor F32, F16 or BF16");
    }
    ModelSpec spec = ModelSpec.from(model);
    for (WeightRef w : spec.weights()) {
      if (w.role().layerMatrix()) {
        matrices.put(w.name(), matrix(w, type));
      }
    }
    for (TensorInfo tensor : model.tensors().values()) {
      Matrix matrix = matrices.get(tensor.name());
      tensors.put(tensor.name(), matrix == null ? tensor : matrix.to);
    }
    for (String name : scales.keySet()) {
      tensors.put(name, new TensorInfo(name, TensorType.F32, new long[] {1}, 0, Float.BYTES));
    }
  }

  private Matrix matrix(WeightRef w, TensorType type) {
    TensorInfo from = w.tensor();
    if (w.nCols() % TernaryCodes.BLOCK != 0) {
      throw new UnsupportedModelException(
          "tensor '" + w.name() + "' has rows of " + w.nCols() + " elements; converted are multiples of " + TernaryCodes.BLOCK);
    }
    int part = (int) Math.max(1, WINDOW_BYTES / from.rowBytes());
    float[][] parts = IntStream.range(0, (w.nRows() + part - 1) / part)
        .parallel()
        .mapToObj(i -> rowScales(from, i * part, Math.min(part, w.nRows() - i * part)))
        .toArray(float[][]::new);
    float common = 0; // of rows that are not all zero, NaN if they differ
    boolean fits = true;
    for (float[] some : parts) {
      for (float s : some) {
        fits &= TernaryCodes.holds(type, s);
        common = s == 0 ? common : common == 0 || common == s ? s : Float.NaN;
      }
    }
    boolean different = Float.isNaN(common);
    if (different && (!fits || TernaryCodes.oneScale(type))) {
      throw new UnsupportedModelException("tensor '" + w.name() + "' has a scale for each row, which " + type + " does not hold exactly");
    }
    TensorInfo to = new TensorInfo(w.name(), type, from.dims(), 0, type.tensorBytes(from.dims()));
    if (fits) {
      return new Matrix(from, to, common, false);
    }
    // As loading would multiply them: w.scale() has the one behind the rows already.
    scales.put(w.name().replaceAll("weight$", "scale"), from.type().tail() > 0 ? w.scale(model) : common * w.scale(model));
    return new Matrix(from, to, common, true);
  }

  private float tail(TensorInfo tensor) {
    ByteBuffer bytes = ByteBuffer.allocate(Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    model.readTensor(tensor, tensor.byteSize() - tensor.type().tail(), bytes);
    return bytes.getFloat(0);
  }

  private float[] rowScales(TensorInfo tensor, int first, int nRows) {
    byte[] codes = new byte[(int) tensor.columns()];
    int rowBytes = (int) tensor.rowBytes();
    ByteBuffer rows = ByteBuffer.allocate(nRows * rowBytes).order(ByteOrder.LITTLE_ENDIAN);
    model.readTensor(tensor, (long) first * rowBytes, rows);
    float tail = tensor.type().tail() > 0 ? tail(tensor) : 1;
    float[] scales = new float[nRows];
    for (int i = 0; i < nRows; i++) {
      scales[i] = TernaryCodes.decode(tensor.type(), rows.position(i * rowBytes), codes) * tail;
      if (Float.isNaN(scales[i])) {
        throw new UnsupportedModelException(
            "row " + (first + i) + " of tensor '" + tensor.name() + "' (" + tensor.type() + ") is not ternary: it would not keep its values");
      }
    }
    return scales;
  }

  @Override
  public boolean isDerived(TensorInfo tensor) {
    return !scales.containsKey(tensor.name()) && model.isDerived(tensor);
  }

  @Override
  void read(TensorInfo tensor, long from, ByteBuffer dst) {
    Matrix matrix = matrices.get(tensor.name());
    if (matrix != null) {
      read(matrix, from, dst);
    } else if (scales.containsKey(tensor.name())) {
      byte[] bytes = ByteBuffer.allocate(Float.BYTES).order(ByteOrder.LITTLE_ENDIAN).putFloat(scales.get(tensor.name())).array();
      dst.put(bytes, (int) from, dst.remaining());
    } else {
      model.readTensor(tensor, from, dst);
    }
  }

  /** Of the rows that are left, in bytes; all of them may be more than an int tells. */
  static int windowBytes(int capacity, int nRows, int rowBytes) {
    return (int) Math.min(capacity, (long) nRows * rowBytes);
  }

  private void read(Matrix matrix, long from, ByteBuffer dst) {
    TensorInfo source = matrix.from;
    int inBytes = (int) source.rowBytes();
    int outBytes = (int) matrix.to.rowBytes();
    int nRows = (int) source.rows();
    byte[] codes = new byte[(int) source.columns()];
    ByteBuffer out = ByteBuffer.allocate(outBytes).order(ByteOrder.LITTLE_ENDIAN);
    ByteBuffer in = ByteBuffer.allocate(Math.max(1, WINDOW_BYTES / inBytes) * inBytes).order(ByteOrder.LITTLE_ENDIAN).limit(0);
    float tail = source.type().tail() > 0 ? tail(source) : 1;
    while (dst.hasRemaining() && from < (long) nRows * outBytes) {
      int row = (int) (from / outBytes);
      if (!in.hasRemaining()) {
        in.clear().limit(windowBytes(in.capacity(), nRows - row, inBytes));
        model.readTensor(source, (long) row * inBytes, in);
        in.flip();
      }
      float scale = TernaryCodes.decode(source.type(), in, codes) * tail;
      in.position(in.position() + inBytes);
      if (Float.isNaN(scale)) {
        throw new ModelFormatException("row " + row + " of tensor '" + source.name() + "' has changed", source.offset());
      }
      float kept = scale == 0 && !Float.isNaN(matrix.scale) ? matrix.scale : scale; // a row of zeros has any
      TernaryCodes.encode(matrix.to.type(), codes, matrix.beside ? 1 : kept, out.clear());
      out.position((int) (from % outBytes)).limit(Math.min(outBytes, out.position() + dst.remaining()));
      from += out.remaining();
      dst.put(out);
    }
    if (dst.hasRemaining()) { // the scale behind the rows
      ByteBuffer end = ByteBuffer.allocate(matrix.to.type().tail()).order(ByteOrder.LITTLE_ENDIAN).putFloat(0, matrix.beside ? 1 : matrix.scale);
      end.position((int) (from - (long) nRows * outBytes)).limit(end.position() + dst.remaining());
      dst.put(end);
    }
  }
}
