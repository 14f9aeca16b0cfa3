package dev.tern.format;

import dev.tern.UnsupportedModelException;
import java.util.Arrays;
import java.util.Map;
import java.util.stream.Collectors;

/**
 * The tensor element types that Tern reads, numbered as in GGUF; I2_S is bitnet.cpp's, IQ1_BN and IQ2_BN are ik_llama.cpp's. A row is
 * whole blocks, after a header in some types; a tensor is rows, with the scale of all of them behind in I2_S.
 */
public enum TensorType {
  F32(0, 1, 4),
  F16(1, 1, 2),
  Q4_0(2, 32, 18),
  Q8_0(8, 32, 34),
  Q6_K(14, 256, 210),
  BF16(30, 1, 2),
  TQ1_0(34, 256, 54),
  TQ2_0(35, 256, 66),
  I2_S(36, 128, 32, 0, 32),
  Q2_0(42, 64, 18),
  IQ1_BN(134, 64, 13, 2, 0),
  IQ2_BN(135, 64, 16, 4, 0);

  /** Names of types that other programs write, so that a refusal can say what it met. */
  private static final Map<Integer, String> FOREIGN =
      Map.ofEntries(
          Map.entry(3, "Q4_1"), Map.entry(6, "Q5_0"), Map.entry(7, "Q5_1"), Map.entry(9, "Q8_1"), Map.entry(10, "Q2_K"),
          Map.entry(11, "Q3_K"), Map.entry(12, "Q4_K"), Map.entry(13, "Q5_K"), Map.entry(15, "Q8_K"), Map.entry(16, "IQ2_XXS"),
          Map.entry(17, "IQ2_XS"), Map.entry(18, "IQ3_XXS"), Map.entry(19, "IQ1_S"), Map.entry(20, "IQ4_NL"), Map.entry(21, "IQ3_S"),
          Map.entry(22, "IQ2_S"), Map.entry(23, "IQ4_XS"), Map.entry(24, "I8"), Map.entry(25, "I16"), Map.entry(26, "I32"),
          Map.entry(27, "I64"), Map.entry(28, "F64"), Map.entry(29, "IQ1_M"), Map.entry(38, "TL1"), Map.entry(39, "TL2 or MXFP4"),
          Map.entry(335, "IQ2_BN_R4"));

  private final int id;
  private final int blockSize;
  private final int blockBytes;
  private final int rowHeader;
  private final int tail;

  TensorType(int id, int blockSize, int blockBytes) {
    this(id, blockSize, blockBytes, 0, 0);
  }

  TensorType(int id, int blockSize, int blockBytes, int rowHeader, int tail) {
    this.id = id;
    this.blockSize = blockSize;
    this.blockBytes = blockBytes;
    this.rowHeader = rowHeader;
    this.tail = tail;
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

  /** Bytes of a row before its first block. */
  int rowHeader() {
    return rowHeader;
  }

  /** Bytes of a tensor behind its rows. */
  int tail() {
    return tail;
  }

  /** Whether elements are -1, 0 and +1 times a scale. Q2_0 can hold +2 besides. */
  public boolean ternary() {
    return switch (this) {
      case TQ1_0, TQ2_0, I2_S, Q2_0, IQ1_BN, IQ2_BN -> true;
      default -> false;
    };
  }

  /** Whether values that happen to be ternary keep to this type at all: of more than two bits, only the wide ones do. */
  boolean mayHoldTernary() {
    return this != Q8_0 && this != Q6_K && this != Q4_0;
  }

  /**
   * Bytes of a row of n elements.
   *
   * @throws IllegalArgumentException if n is not positive, not whole blocks, or too large
   */
  public long rowBytes(long n) {
    if (n <= 0 || n % blockSize != 0 || n / blockSize > (Long.MAX_VALUE - rowHeader) / blockBytes) {
      throw new IllegalArgumentException("a row of " + n + " elements is not whole blocks of " + blockSize + " (" + this + ")");
    }
    return rowHeader + n / blockSize * blockBytes;
  }

  /**
   * Bytes of a tensor.
   *
   * @param dims the fastest first
   * @throws IllegalArgumentException if a dimension is not positive, or rows are not whole blocks
   * @throws ArithmeticException if it is too large
   */
  public long tensorBytes(long... dims) {
    long bytes = rowBytes(dims[0]);
    for (int i = 1; i < dims.length; i++) {
      if (dims[i] < 1) {
        throw new IllegalArgumentException("a dimension of " + dims[i]);
      }
      bytes = Math.multiplyExact(bytes, dims[i]);
    }
    return Math.addExact(bytes, tail);
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
