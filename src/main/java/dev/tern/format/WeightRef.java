package dev.tern.format;

import dev.tern.ModelFormatException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * One weight to load: what it is, how its bytes look, and where they are. Most are a tensor of the file; the RoPE frequency factors are
 * computed, and hold their values. Immutable.
 *
 * @param role which weight
 * @param layer its layer, or -1
 * @param name the tensor's name, for messages
 * @param type of the bytes that {@link #read} gives
 * @param nRows rows; 1 for vectors
 * @param nCols elements of a row
 * @param scale multiplies the whole weight; 1 if the file has none for it
 * @param derived a tensor of one element that multiplies it too, not read before the weight is, because all of the weight must be read for
 *     it; or null, as of all files but masters in the layout of Hugging Face
 * @param mayBeTernary whether loading it as {-1, 0, +1} with one scale a row is worth trying; only its values tell
 * @param tensor where the bytes are, or null for a computed weight
 * @param computed its values, or null for a tensor
 */
public record WeightRef(
    WeightRole role,
    int layer,
    String name,
    TensorType type,
    int nRows,
    int nCols,
    float scale,
    TensorInfo derived,
    boolean mayBeTernary,
    TensorInfo tensor,
    float[] computed) {

  /** Bytes of one row. */
  public long rowBytes() {
    return type.rowBytes(nCols);
  }

  /** Bytes of all rows. */
  public long byteSize() {
    return rowBytes() * nRows;
  }

  /**
   * All that multiplies the whole weight.
   *
   * @param file the file that the spec was made from
   * @throws ModelFormatException if it is not a finite number
   * @throws dev.tern.ModelIoException if the file cannot be read or has changed
   */
  public float scale(ModelFile file) {
    if (derived == null) {
      return scale;
    }
    ByteBuffer bytes = ByteBuffer.allocate(Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    file.readTensor(derived, 0, bytes);
    float all = scale * bytes.getFloat(0);
    if (!Float.isFinite(all)) {
      throw new ModelFormatException("the scale of tensor '" + name + "' is " + all, tensor.offset());
    }
    return all;
  }

  /**
   * Fills dst with bytes of this weight.
   *
   * @param file the file that the spec was made from
   * @param from first byte, counted from the weight's start
   * @throws IllegalArgumentException if the range does not lie in the weight
   * @throws dev.tern.ModelIoException if the file cannot be read or has changed
   */
  public void read(ModelFile file, long from, ByteBuffer dst) {
    if (tensor != null) {
      file.readTensor(tensor, from, dst);
      return;
    }
    ByteBuffer bytes = ByteBuffer.allocate(computed.length * Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    bytes.asFloatBuffer().put(computed);
    MemorySource source = new MemorySource(bytes, name);
    source.read(from, dst);
  }
}
