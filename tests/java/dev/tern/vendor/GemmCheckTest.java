package dev.tern.vendor;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.tern.NativeFaultException;
import dev.tern.Seed;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

/** The check itself: it lets a plain product pass, and nothing that is wrong. */
class GemmCheckTest {
  private static final int ROWS = 5;
  private static final int OUT = 7;
  private static final int IN = 33;

  private final SplittableRandom random = new SplittableRandom(Seed.VALUE);

  private static byte[] part(byte[] all, long index, int bytes) {
    return Arrays.copyOfRange(all, (int) index * bytes, ((int) index + 1) * bytes);
  }

  private static double worst(Elements in, Elements out, byte[] w, byte[] x, byte[] y) {
    return new GemmCheck(in, out, ROWS, OUT, IN).worst(row -> part(w, row, IN * in.bytes()), row -> part(x, row, IN * in.bytes()),
        element -> part(y, element, out.bytes()));
  }

  /** In fp32, last term first: another order than the check's. */
  private static byte[] product(Elements in, Elements out, byte[] w, byte[] x) {
    ByteBuffer ws = GemmCheck.little(w);
    ByteBuffer xs = GemmCheck.little(x);
    ByteBuffer y = GemmCheck.little(new byte[ROWS * OUT * out.bytes()]);
    for (int row = 0; row < ROWS; row++) {
      for (int column = 0; column < OUT; column++) {
        float sum = 0;
        for (int k = IN - 1; k >= 0; k--) {
          sum += (float) in.at(ws, column * IN + k) * (float) in.at(xs, row * IN + k);
        }
        switch (out) {
          case F32 -> y.putFloat(sum);
          case I32 -> y.putInt((int) sum);
          default -> y.putShort(out.reduced().bits(sum));
        }
      }
    }
    return y.array();
  }

  @Test
  void aRightProductPasses() {
    for (Elements in : new Elements[] {Elements.F32, Elements.F16, Elements.BF16}) {
      byte[] w = in.random(OUT * IN * in.bytes(), random);
      byte[] x = in.random(ROWS * IN * in.bytes(), random);
      assertTrue(worst(in, Elements.F32, w, x, product(in, Elements.F32, w, x)) <= 1, Seed.text());
    }
    byte[] w = Elements.BF16.random(OUT * IN * 2, random);
    byte[] x = Elements.BF16.random(ROWS * IN * 2, random);
    assertTrue(worst(Elements.BF16, Elements.BF16, w, x, product(Elements.BF16, Elements.BF16, w, x)) <= 1, Seed.text());
  }

  @Test
  void wholeNumbersAreEqual() {
    byte[] w = Elements.I8.random(OUT * IN, random);
    byte[] x = Elements.I8.random(ROWS * IN, random);
    byte[] y = product(Elements.I8, Elements.I32, w, x);
    assertEquals(0, worst(Elements.I8, Elements.I32, w, x, y));
    y[y.length - 4] ^= 1; // the last element is always looked at
    assertThrows(NativeFaultException.class, () -> worst(Elements.I8, Elements.I32, w, x, y), Seed.text());
  }

  @Test
  void aTransposedResultIsWrong() {
    byte[] w = Elements.F16.random(OUT * IN * 2, random);
    byte[] x = Elements.F16.random(ROWS * IN * 2, random);
    ByteBuffer y = GemmCheck.little(product(Elements.F16, Elements.F32, w, x));
    ByteBuffer transposed = GemmCheck.little(new byte[4 * ROWS * OUT]);
    for (int i = 0; i < ROWS; i++) {
      for (int j = 0; j < OUT; j++) {
        transposed.putFloat(4 * (j * ROWS + i), y.getFloat(4 * (i * OUT + j)));
      }
    }
    assertThrows(NativeFaultException.class, () -> worst(Elements.F16, Elements.F32, w, x, transposed.array()), Seed.text());
  }

  @Test
  void notANumberIsWrong() {
    byte[] w = Elements.F32.random(OUT * IN * 4, random);
    byte[] x = Elements.F32.random(ROWS * IN * 4, random);
    ByteBuffer y = GemmCheck.little(product(Elements.F32, Elements.F32, w, x));
    y.putFloat(4 * (ROWS * OUT - 1), Float.NaN);
    assertThrows(NativeFaultException.class, () -> worst(Elements.F32, Elements.F32, w, x, y.array()));
  }
}
