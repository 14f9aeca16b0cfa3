package dev.tern.vendor;

import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.tern.NativeFaultException;
import dev.tern.Seed;
import java.nio.ByteBuffer;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

/** The check itself, against a plain attention in fp32 with probabilities in 16 bits, as fused kernels compute it. */
class AttentionCheckTest {
  private final SplittableRandom random = new SplittableRandom(Seed.VALUE);

  /** What one kernel might do wrong. */
  private enum Mistake {
    NONE,
    HEADS_IN_TURN,
    MASK_FROM_THE_FIRST_KEY,
    NO_SCALE
  }

  private static byte[] attention(AttentionShape s, byte[] q, byte[] k, byte[] v, Mistake mistake) {
    ByteBuffer qs = GemmCheck.little(q);
    ByteBuffer ks = GemmCheck.little(k);
    ByteBuffer vs = GemmCheck.little(v);
    Reduced type = s.type().reduced();
    ByteBuffer o = GemmCheck.little(new byte[q.length]);
    int d = s.headDim();
    for (int row = 0; row < s.qLen(); row++) {
      int n = mistake == Mistake.MASK_FROM_THE_FIRST_KEY ? row + 1 : s.visible(row);
      for (int head = 0; head < s.nHeads(); head++) {
        int kvHead = mistake == Mistake.HEADS_IN_TURN ? head % s.nKvHeads() : head / (s.nHeads() / s.nKvHeads());
        float[] p = new float[n];
        float most = Float.NEGATIVE_INFINITY;
        for (int j = 0; j < n; j++) {
          for (int e = 0; e < d; e++) {
            p[j] += (float) (s.type().at(qs, (row * s.nHeads() + head) * d + e) * s.type().at(ks, (j * s.nKvHeads() + kvHead) * d + e));
          }
          p[j] *= mistake == Mistake.NO_SCALE ? 1 : (float) s.scale();
          most = Math.max(most, p[j]);
        }
        float sum = 0;
        for (int j = 0; j < n; j++) {
          p[j] = (float) Math.exp(p[j] - most);
          sum += p[j];
          p[j] = type.value(type.bits(p[j]));
        }
        for (int e = 0; e < d; e++) {
          float value = 0;
          for (int j = 0; j < n; j++) {
            value += p[j] * (float) s.type().at(vs, (j * s.nKvHeads() + kvHead) * d + e);
          }
          o.putShort(type.bits(value / sum));
        }
      }
    }
    return o.array();
  }

  private double worst(AttentionShape shape, Mistake mistake) {
    byte[] q = shape.type().random((int) shape.queryBytes(), random);
    byte[] k = shape.type().random((int) shape.keyBytes(), random);
    byte[] v = shape.type().random((int) shape.keyBytes(), random);
    byte[] o = attention(shape, q, k, v, mistake);
    return new AttentionCheck(shape).worst(i -> q, i -> k, i -> v, i -> o);
  }

  @Test
  void rightAttentionPasses() {
    for (Elements type : new Elements[] {Elements.F16, Elements.BF16}) {
      assertTrue(worst(new AttentionShape(type, 1, 9, 9, 4, 4, 16, true), Mistake.NONE) <= 1, Seed.text());
      assertTrue(worst(new AttentionShape(type, 1, 7, 70, 8, 2, 32, true), Mistake.NONE) <= 1, Seed.text());
      assertTrue(worst(new AttentionShape(type, 1, 1, 201, 10, 2, 64, false), Mistake.NONE) <= 1, Seed.text());
    }
  }

  @Test
  void wrongAttentionDoesNot() {
    AttentionShape shape = new AttentionShape(Elements.F16, 1, 7, 40, 8, 2, 32, true);
    for (Mistake mistake : Mistake.values()) {
      if (mistake != Mistake.NONE) {
        assertThrows(NativeFaultException.class, () -> worst(shape, mistake), mistake + ", " + Seed.text());
      }
    }
  }
}
