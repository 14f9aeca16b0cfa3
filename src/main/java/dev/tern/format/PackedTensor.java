package dev.tern.format;

import java.nio.ByteBuffer;

/**
 * A matrix of trits as a directory in the layout of Hugging Face packs it, four rows to a byte: the bytes of TERN_TYPE_HF_PACKED in tern.h.
 * The native side takes them as they are; only the rows of {@link TensorInfo} are made from them. Immutable; thread-safe.
 */
public final class PackedTensor {
  private final SafetensorsFile file;
  private final SafetensorsFile.Tensor tensor;
  private final float scale;

  PackedTensor(SafetensorsFile file, SafetensorsFile.Tensor tensor, float scale) {
    this.file = file;
    this.tensor = tensor;
    this.scale = scale;
  }

  /** What multiplies the trits, beside {@link WeightRef#scale(ModelFile)}. */
  public float scale() {
    return scale;
  }

  /**
   * Fills dst with bytes of rows: a row is a byte an element, and the rows of the file come four times over.
   *
   * @param from first byte, counted from the first of all rows
   * @throws IllegalArgumentException if the range does not lie in the rows
   * @throws dev.tern.ModelIoException if the file cannot be read or has changed
   * @throws dev.tern.ClosedException after the file was closed
   */
  public void read(long from, ByteBuffer dst) {
    if (from < 0 || from > 4 * tensor.byteSize() - dst.remaining()) {
      throw new IllegalArgumentException("bytes " + from + " + " + dst.remaining() + " of the rows of tensor '" + tensor.name() + "'");
    }
    int end = dst.limit();
    while (dst.position() < end) {
      long at = from % tensor.byteSize();
      int n = (int) Math.min(end - dst.position(), tensor.byteSize() - at);
      file.read(tensor, at, dst.limit(dst.position() + n));
      from += n;
      dst.limit(end);
    }
  }
}
