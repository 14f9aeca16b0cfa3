package dev.tern.bench;

import java.util.Locale;

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
  /** The sizes in words, as "rows 1, out 4096, in 14336"; without op, dtype, cold. */
  public String shape() {
    return switch (op) {
      case TERNARY, DENSE -> String.format(Locale.ROOT, "rows %d, out %d, in %d", nRows, nOut, nIn);
      case ATTENTION_DECODE, ATTENTION_PREFILL ->
          String.format(Locale.ROOT, "rows %d, keys %d, heads %d/%d of %d", nRows, nIn, nHeads, nKvHeads, headDim);
      case ROPE_APPEND -> String.format(Locale.ROOT, "rows %d, heads %d/%d of %d", nRows, nHeads, nKvHeads, headDim);
      case NORM_QUANTIZE, GATE_NORM_QUANTIZE -> String.format(Locale.ROOT, "rows %d, dim %d", nRows, nIn);
      case EMBED -> String.format(Locale.ROOT, "rows %d of %d, dim %d", nRows, nOut, nIn);
      case SAMPLE -> String.format(Locale.ROOT, "rows %d, vocab %d", nRows, nIn);
    };
  }

  /** Everything in one line: what reports are compared by. */
  public String key() {
    return op.id() + " " + dtype + " " + shape() + (cold ? " cold" : " warm");
  }
}
