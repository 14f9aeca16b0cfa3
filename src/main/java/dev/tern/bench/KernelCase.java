package dev.tern.bench;

import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * One problem of one op, by its sizes alone. Sizes that an op does not have are 0. Two runs time the same if their cases are equal.
 *
 * <ul>
 *   <li>TERNARY, DENSE: x [nRows, nIn] times W^T with W [nOut, nIn]; dtype is that of W ("F16", "Q8_0", "I2_S"), x and the result are floats
 *       (TERNARY: x comes as int8 with a scale a row).
 *   <li>ATTENTION_DECODE: nRows sequences of one query row each; every one sees nIn keys of its own. nHeads query heads share nKvHeads heads
 *       of keys and values, of headDim elements; dtype is that of keys and values ("F16", "BF16", "I8", "F32").
 *   <li>ATTENTION_PREFILL: one sequence with nIn keys, whose last nRows tokens are the query rows: row i sees the first nIn - nRows + 1 + i keys.
 *   <li>NORM_QUANTIZE, GATE_NORM_QUANTIZE: nRows rows of nIn floats; dtype "F32".
 *   <li>ROPE_APPEND: nRows tokens; heads and dtype as for attention.
 *   <li>EMBED: nRows rows out of a table [nOut, nIn] of dtype.
 *   <li>SAMPLE: nRows rows of nIn logits; dtype "F32".
 * </ul>
 *
 * @param cold whether each call finds its data outside of the caches, as in a model that is larger than they are; else they are as the last
 *     call left them
 */
public record KernelCase(KernelOp op, String dtype, int nRows, int nOut, int nIn, int nHeads, int nKvHeads, int headDim, boolean cold) {
  private static final Pattern MATMUL = Pattern.compile("(\\d{1,9})x(\\d{1,9})x(\\d{1,9})");
  private static final Pattern ATTENTION = Pattern.compile("(\\d{1,9})x(\\d{1,9})x(\\d{1,9})/(\\d{1,9})x(\\d{1,9})");
  private static final Pattern ROPE = Pattern.compile("(\\d{1,9})x(\\d{1,9})/(\\d{1,9})x(\\d{1,9})");
  private static final Pattern ROWS = Pattern.compile("(\\d{1,9})x(\\d{1,9})");

  /**
   * The sizes, as {@link #of} reads them: ROWSxOUTxIN; ROWSxKEYSxHEADS/KV_HEADSxHEAD_DIM; ROWSxHEADS/KV_HEADSxHEAD_DIM for ROPE_APPEND;
   * ROWSxIN.
   */
  public String shape() {
    return switch (op) {
      case TERNARY, DENSE, EMBED -> nRows + "x" + nOut + "x" + nIn;
      case ATTENTION_DECODE, ATTENTION_PREFILL -> nRows + "x" + nIn + "x" + nHeads + "/" + nKvHeads + "x" + headDim;
      case ROPE_APPEND -> nRows + "x" + nHeads + "/" + nKvHeads + "x" + headDim;
      case NORM_QUANTIZE, GATE_NORM_QUANTIZE, SAMPLE -> nRows + "x" + nIn;
    };
  }

  /**
   * The case of an op with sizes as {@link #shape} writes them, or empty if the op has other ones.
   *
   * @throws IllegalArgumentException if one of them is 0, or if the heads do not share the heads of keys evenly
   */
  public static Optional<KernelCase> of(KernelOp op, String dtype, String shape, boolean cold) {
    Pattern pattern = switch (op) {
      case TERNARY, DENSE, EMBED -> MATMUL;
      case ATTENTION_DECODE, ATTENTION_PREFILL -> ATTENTION;
      case ROPE_APPEND -> ROPE;
      case NORM_QUANTIZE, GATE_NORM_QUANTIZE, SAMPLE -> ROWS;
    };
    Matcher m = pattern.matcher(shape);
    if (!m.matches()) {
      return Optional.empty();
    }
    int[] n = new int[m.groupCount()];
    for (int i = 0; i < n.length; i++) {
      n[i] = Integer.parseInt(m.group(i + 1));
      if (n[i] == 0) {
        throw new IllegalArgumentException(op.id() + " " + shape + ": a size of 0");
      }
    }
    KernelCase c = switch (op) {
      case TERNARY, DENSE, EMBED -> new KernelCase(op, dtype, n[0], n[1], n[2], 0, 0, 0, cold);
      case ATTENTION_DECODE, ATTENTION_PREFILL -> new KernelCase(op, dtype, n[0], 0, n[1], n[2], n[3], n[4], cold);
      case ROPE_APPEND -> new KernelCase(op, dtype, n[0], 0, 0, n[1], n[2], n[3], cold);
      case NORM_QUANTIZE, GATE_NORM_QUANTIZE, SAMPLE -> new KernelCase(op, dtype, n[0], 0, n[1], 0, 0, 0, cold);
    };
    if (c.nKvHeads > 0 && c.nHeads % c.nKvHeads != 0) {
      throw new IllegalArgumentException(op.id() + " " + shape + ": " + c.nHeads + " heads share " + c.nKvHeads + " heads of keys unevenly");
    }
    return Optional.of(c);
  }

  /** The same sizes in the caches, or not. */
  public KernelCase withCold(boolean isCold) {
    return new KernelCase(op, dtype, nRows, nOut, nIn, nHeads, nKvHeads, headDim, isCold);
  }

  /** "cold" or "warm". */
  public String cache() {
    return cold ? "cold" : "warm";
  }

  /** Everything in one line: what reports are compared by. */
  public String key() {
    return op.id() + " " + dtype + " " + shape() + " " + cache();
  }
}
