package dev.tern.bench;

import dev.tern.Model;

/**
 * Multiplications and additions of a model's forward pass, by its shapes: two for each weight that a row is multiplied with, and four for each
 * element of a query head and each key that it sees. Norms, gates, rotations and the softmax are not counted, nor is quantising.
 *
 * @param layerOps of a row through the matrices of all layers
 * @param headOps of a row that has logits, through the output matrix
 * @param attentionOps of a row and a key that it sees, all layers and heads
 */
public record ModelWork(long layerOps, long headOps, long attentionOps) {
  /** Of a loaded model. */
  public static ModelWork of(Model m) {
    return of(m.nLayers(), m.hiddenDim(), m.nHeads(), m.nKvHeads(), m.headDim(), m.ffnDim(), m.vocabSize());
  }

  static ModelWork of(long nLayers, long hiddenDim, long nHeads, long nKvHeads, long headDim, long ffnDim, long vocabSize) {
    long attention = 2 * hiddenDim * headDim * (nHeads + nKvHeads); // wq and wo, wk and wv
    return new ModelWork(nLayers * 2 * (attention + 3 * hiddenDim * ffnDim), 2 * hiddenDim * vocabSize, nLayers * 4 * nHeads * headDim);
  }

  /** How many matrices the layers of a model have: four of attention and three of the FFN each. */
  public static int layerMatrices(Model m) {
    return 7 * m.nLayers();
  }

  /** A stream's first n rows, the i-th of which sees i keys: how many keys they see together. */
  public static long keysSeen(long n) {
    return n * (n + 1) / 2;
  }

  /** Of the products of a request from an empty stream: its last token is not fed, and each that is generated has logits. */
  public long layerOps(RequestLoad load) {
    return layerOps * (load.nPrompt() + load.nGen() - 1L);
  }

  /** Of the output matrix. */
  public long headOps(RequestLoad load) {
    return headOps * load.nGen();
  }

  public long attentionOps(RequestLoad load) {
    return attentionOps * keysSeen(load.nPrompt() + load.nGen() - 1L);
  }

  public long ops(RequestLoad load) {
    return layerOps(load) + headOps(load) + attentionOps(load);
  }

  /** Of a token of a text of n, each with logits: the mean of all. */
  public double opsPerToken(long n) {
    return layerOps + headOps + attentionOps * (keysSeen(n) / (double) n);
  }
}
