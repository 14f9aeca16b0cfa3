package dev.tern.format;

import dev.tern.UnsupportedModelException;
import java.util.Arrays;
import java.util.Map;
import java.util.stream.Collectors;

/** The tensor element types that Tern reads, numbered as in GGUF. A row is whole blocks. */
public enum TensorType {
  F32(0, 1, 4),
  F16(1, 1, 2),
  Q8_0(8, 32, 34),
  TQ1_0(34, 256, 54),
  TQ2_0(35, 256, 66);

  /** Names of types that other programs write, so that a refusal can say what it met. */
  private static final Map<Integer, String> FOREIGN =
      Map.ofEntries(
          Map.entry(2, "Q4_0"), Map.entry(3, "Q4_1"), Map.entry(6, "Q5_0"), Map.entry(7, "Q5_1"), Map.entry(9, "Q8_1"),
          Map.entry(10, "Q2_K"), Map.entry(11, "Q3_K"), Map.entry(12, "Q4_K"), Map.entry(13, "Q5_K"), Map.entry(14, "Q6_K"),
          Map.entry(15, "Q8_K"), Map.entry(20, "IQ4_NL"), Map.entry(23, "IQ4_XS"), Map.entry(24, "I8"), Map.entry(25, "I16"),
          Map.entry(26, "I32"), Map.entry(27, "I64"), Map.entry(28, "F64"), Map.entry(30, "BF16"), Map.entry(36, "I2_S"),
          Map.entry(38, "TL1"), Map.entry(39, "TL2"), Map.entry(42, "Q2_0"), Map.entry(134, "IQ1_BN"), Map.entry(135, "IQ2_BN"));

  private final int id;
  private final int blockSize;
  private final int blockBytes;

  TensorType(int id, int blockSize, int blockBytes) {
    this.id = id;
    this.blockSize = blockSize;
    this.blockBytes = blockBytes;
  }

  /** The type's number in a GGUF file, and in tern.h. */
  public int id() {
    return id;
  }

  /** Elements of one block. */
  public int blockSize() {
    return blockSize;
  }

  /** Bytes of one block. */
  public int blockBytes() {
    return blockBytes;
  }

  /** Whether elements are -1, 0 and +1 times a scale per block. */
  public boolean ternary() {
    return this == TQ1_0 || this == TQ2_0;
  }

  /**
   * Bytes of n elements.
   *
   * @throws IllegalArgumentException if n is negative, not whole blocks, or too large
   */
  public long bytes(long n) {
    if (n < 0 || n % blockSize != 0 || n / blockSize > Long.MAX_VALUE / blockBytes) {
      throw new IllegalArgumentException(n + " elements are not whole blocks of " + blockSize + " (" + this + ")");
    }
    return n / blockSize * blockBytes;
  }

  /**
   * The type with this number.
   *
   * @throws UnsupportedModelException if there is none; the message names the tensor, the type, and what is supported
   */
  static TensorType of(long id, String tensor) {
    for (TensorType type : values()) {
      if (type.id == id) {
        return type;
      }
    }
    String foreign = id <= Integer.MAX_VALUE ? FOREIGN.get((int) id) : null;
    throw new UnsupportedModelException(
        "tensor '" + tensor + "' has type " + id + (foreign == null ? "" : " (" + foreign + ")") + "; supported: "
            + Arrays.stream(values()).map(t -> t.name() + " (" + t.id + ")").collect(Collectors.joining(", ")));
  }
}
