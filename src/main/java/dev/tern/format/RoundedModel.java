package dev.tern.format;

import dev.tern.ModelFormatException;
import dev.tern.UnsupportedModelException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.stream.IntStream;

/**
 * A model whose embedding, and output matrix if it has one, are rounded from floats to a type of fewer bits: a third and more of what a ternary model reads
 * for a token. Nothing else changes. What is lost: {@link BlockRounding}. Thread-safe.
 */
public final class RoundedModel extends DerivedModel {
  private static final int WINDOW_BYTES = 256 << 10;

  private final TensorType type;

  /**
   * Reads no tensor yet.
   *
   * @param type Q8_0, Q6_K or Q4_0
   * @throws UnsupportedModelException if the embedding or the output matrix is neither F32, F16 nor BF16, or has rows that are not whole blocks of the type
   * @throws IllegalArgumentException for another type
   */
  public RoundedModel(ModelFile model, TensorType type) {
    super(model);
    if (!BlockRounding.to(type)) {
      throw new IllegalArgumentException(type + " is not a type that an embedding is rounded to: Q8_0, Q6_K or Q4_0");
    }
    this.type = type;
    tensors.putAll(model.tensors());
    for (WeightRef w : ModelSpec.from(model).weights()) {
      if (w.role() == WeightRole.TOKEN_EMBD || w.role() == WeightRole.OUTPUT) {
        tensors.put(w.name(), rounded(w.tensor()));
      }
    }
  }

  private TensorInfo rounded(TensorInfo from) {
    if (from.type() != TensorType.F32 && from.type() != TensorType.F16 && from.type() != TensorType.BF16) {
      throw new UnsupportedModelException("tensor '" + from.name() + "' is " + from.type() + ": what is rounded is F32, F16 or BF16");
    }
    if (from.columns() % type.blockSize() != 0) {
      throw new UnsupportedModelException(
          "tensor '" + from.name() + "' has rows of " + from.columns() + " elements, which are not whole blocks of " + type);
    }
    return new TensorInfo(from.name(), type, from.dims(), 0, type.tensorBytes(from.dims()));
  }

  @Override
  void read(TensorInfo tensor, long from, ByteBuffer dst) {
    TensorInfo source = model.tensor(tensor.name());
    if (source.equals(tensor)) {
      model.readTensor(tensor, from, dst);
      return;
    }
    int inBytes = (int) source.rowBytes();
    int outBytes = (int) tensor.rowBytes();
    int window = Math.max(1, WINDOW_BYTES / inBytes);
    while (dst.hasRemaining()) { // rows of a window, all of each that dst wants a part of
      int first = (int) (from / outBytes);
      int skipped = (int) (from % outBytes);
      int nRows = (int) Math.min(window, (skipped + (long) dst.remaining() + outBytes - 1) / outBytes);
      ByteBuffer in = ByteBuffer.allocate(nRows * inBytes).order(ByteOrder.LITTLE_ENDIAN);
      byte[] out = new byte[nRows * outBytes];
      model.readTensor(source, (long) first * inBytes, in);
      IntStream.range(0, nRows).parallel().forEach(i -> round(source, first + i, in, i * inBytes, ByteBuffer.wrap(out, i * outBytes, outBytes)));
      int n = Math.min(out.length - skipped, dst.remaining());
      dst.put(out, skipped, n);
      from += n;
    }
  }

  private void round(TensorInfo source, int row, ByteBuffer in, int at, ByteBuffer out) {
    float[] values = new float[(int) source.columns()];
    for (int i = 0; i < values.length; i++) {
      values[i] = switch (source.type()) {
        case F32 -> in.getFloat(at + 4 * i);
        case F16 -> Half.toFloat(in.getShort(at + 2 * i));
        default -> Float.intBitsToFloat(in.getShort(at + 2 * i) << 16);
      };
      if (!Float.isFinite(values[i])) {
        throw new ModelFormatException("row " + row + " of tensor '" + source.name() + "' has a value that is not a number or infinite", source.offset());
      }
    }
    BlockRounding.round(type, values, out.order(ByteOrder.LITTLE_ENDIAN));
  }
}
