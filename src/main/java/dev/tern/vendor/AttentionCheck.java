package dev.tern.vendor;

import dev.tern.NativeFaultException;
import java.nio.ByteBuffer;
import java.util.SplittableRandom;

/**
 * Compares attention with fp64 at some of its rows. What is allowed: scores in fp32 (each step off by at most 2^-22 of what it adds), so
 * probabilities off by twice that; probabilities rounded to the type of v; sums of them in fp32; the result rounded.
 */
final class AttentionCheck {
  private static final int SAMPLES = 16;
  private static final double STEP = 0x1p-22;

  /** Elements of one tensor: those of a sequence's heads, [length, nHeads, headDim]. */
  interface Sequence {
    byte[] bytes(int sequence);
  }

  private final AttentionShape shape;

  AttentionCheck(AttentionShape shape) {
    this.shape = shape;
  }

  /**
   * @return the largest error seen, as a part of its bound
   * @throws NativeFaultException if a bound is exceeded
   */
  double worst(Sequence q, Sequence k, Sequence v, Sequence o) {
    SplittableRandom random = new SplittableRandom(shape.kvLen());
    int sequence = shape.nSequences() - 1;
    ByteBuffer qs = GemmCheck.little(q.bytes(sequence));
    ByteBuffer ks = GemmCheck.little(k.bytes(sequence));
    ByteBuffer vs = GemmCheck.little(v.bytes(sequence));
    ByteBuffer os = GemmCheck.little(o.bytes(sequence));
    double worst = 0;
    for (int i = 0; i < SAMPLES; i++) {
      // The last row of the last head too.
      int row = i == 0 ? shape.qLen() - 1 : random.nextInt(shape.qLen());
      int head = i == 0 ? shape.nHeads() - 1 : random.nextInt(shape.nHeads());
      worst = Math.max(worst, row(qs, ks, vs, os, row, head));
    }
    return worst;
  }

  private double row(ByteBuffer q, ByteBuffer k, ByteBuffer v, ByteBuffer o, int row, int head) {
    int d = shape.headDim();
    int n = shape.visible(row);
    int kvHead = head / (shape.nHeads() / shape.nKvHeads());
    int at = (row * shape.nHeads() + head) * d;
    double[] p = new double[n];
    double[] slack = new double[n];
    double most = Double.NEGATIVE_INFINITY;
    for (int j = 0; j < n; j++) {
      int key = (j * shape.nKvHeads() + kvHead) * d;
      double magnitude = 0;
      for (int e = 0; e < d; e++) {
        double product = element(q, at + e) * element(k, key + e);
        p[j] += product * shape.scale();
        magnitude += Math.abs(product) * shape.scale();
      }
      slack[j] = (d + 4) * STEP * magnitude;
      most = Math.max(most, p[j]);
    }
    double sum = 0;
    double slackSum = 0;
    for (int j = 0; j < n; j++) {
      p[j] = Math.exp(p[j] - most);
      sum += p[j];
      slackSum += p[j] * slack[j];
    }
    double worst = 0;
    for (int e = 0; e < d; e++) {
      double exact = 0;
      double allowed = 0;
      for (int j = 0; j < n; j++) {
        double value = element(v, (j * shape.nKvHeads() + kvHead) * d + e);
        exact += p[j] / sum * value;
        // A probability below the type's normal numbers is off by at most the smallest of them.
        allowed += p[j] / sum * Math.abs(value) * (shape.type().reduced().unit() + 2 * slack[j] + 2 * slackSum / sum + (n + 16) * STEP)
            + Math.abs(value) / sum * 0x1p-25;
      }
      allowed += shape.type().reduced().unit() * Math.abs(exact) + 0x1p-25;
      double got = element(o, at + e);
      if (!(Math.abs(got - exact) <= allowed)) {
        throw new NativeFaultException("wrong attention: element " + e + " of row " + row + ", head " + head + " is " + got + ", not " + exact);
      }
      worst = Math.max(worst, Math.abs(got - exact) / allowed);
    }
    return worst;
  }

  private double element(ByteBuffer data, int index) {
    return shape.type().at(data, index);
  }
}
