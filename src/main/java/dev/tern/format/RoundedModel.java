package dev.tern.format;

import dev.tern.ModelFormatException;
import dev.tern.UnsupportedModelException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

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
    float[] row = new float[(int) source.columns()];
    ByteBuffer out = ByteBuffer.allocate(outBytes).order(ByteOrder.LITTLE_ENDIAN);
    ByteBuffer in = ByteBuffer.allocate(Math.max(1, WINDOW_BYTES / inBytes) * inBytes).order(ByteOrder.LITTLE_ENDIAN).limit(0);
    while (dst.hasRemaining()) {
      int at = (int) (from / outBytes);
      if (!in.hasRemaining()) {
        in.clear().limit(RetypedModel.windowBytes(in.capacity(), (int) source.rows() - at, inBytes));
        model.readTensor(source, (long) at * inBytes, in);
        in.flip();
      }
      for (int i = 0; i < row.length; i++) {
        row[i] = switch (source.type()) {
          case F32 -> in.getFloat();
          case F16 -> Half.toFloat(in.getShort());
          default -> Float.intBitsToFloat(in.getShort() << 16);
        };
        if (!Float.isFinite(row[i])) {
          throw new ModelFormatException("row " + at + " of tensor '" + source.name() + "' has a value that is not a number or infinite", source.offset());
        }
      }
      BlockRounding.round(type, row, out.clear());
      out.position((int) (from % outBytes)).limit(Math.min(outBytes, out.position() + dst.remaining()));
      from += out.remaining();
      dst.put(out);
    }
  }
}
