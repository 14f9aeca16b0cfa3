package dev.tern.vendor;

/**
 * q [nSequences, qLen, nHeads, headDim], k and v [nSequences, kvLen, nKvHeads, headDim], output as q; nHeads / nKvHeads query heads share one of
 * keys and values. Causal: query row i sees the first kvLen - qLen + 1 + i keys; else all.
 */
record AttentionShape(Elements type, int nSequences, int qLen, int kvLen, int nHeads, int nKvHeads, int headDim, boolean causal) {
  long queryBytes() {
    return (long) nSequences * qLen * nHeads * headDim * type.bytes();
  }

  long keyBytes() {
    return (long) nSequences * kvLen * nKvHeads * headDim * type.bytes();
  }

  double scale() {
    return 1 / Math.sqrt(headDim);
  }

  /** How many keys query row i sees. */
  int visible(int i) {
    return causal ? kvLen - qLen + 1 + i : kvLen;
  }
}
