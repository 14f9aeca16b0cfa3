package dev.tern.kernel;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.tern.Sampling;
import org.junit.jupiter.api.Test;

class StepBatchTest {
  private final StepBatch batch = new StepBatch(new StepBatch.Limits(6, 2, 4, 2, 3));

  private void fill() {
    batch.clear();
    batch.beginSequence();
    batch.row(64, 128, 128, 70, 4, 28, 128);
    batch.segment(0, 4, 0, 1);
    batch.segment(28, 37, 28, 0);
    batch.token(0, 11);
    batch.penalize(7);
    batch.penalize(8);
    batch.penalize(7);
    batch.sampled(0, Sampling.defaults().seed(5), 129);
    batch.endSequence();
    batch.beginSequence();
    batch.row(1, 1, 1, 1, 2, 0, 1);
    batch.row(2, 2, 2, 2, 3, 0, 2);
    batch.segment(0, 3, 0, 1);
    batch.token(1, 12);
    batch.token(2, 13);
    batch.scored(1, 13);
    batch.penalize(9);
    batch.sampled(2, Sampling.greedy(), 3);
    batch.endSequence();
  }

  @Test
  void holdsWhatWasPut() {
    for (int i = 0; i < 2; i++) { // a cleared batch is as new
      fill();
      assertEquals(3, batch.nRows());
      assertEquals(2, batch.nSeqs());
      assertEquals(3, batch.nSegments());
      assertEquals(3, batch.nOutputs());
      assertEquals(70, batch.qPos.get(1));
      assertEquals(1, batch.rowBegin(1));
      assertEquals(3, batch.rowBegin(2));
      assertEquals(2, batch.segmentBegin(1));
      assertEquals(13, batch.targetOf(1));
      assertEquals(-1, batch.targetOf(2));
      assertEquals(5, batch.seedOf(0));
      assertEquals(129, batch.drawOf(0));
      assertEquals(2, batch.nPenalties(0), "each token once");
      assertEquals(0, batch.nPenalties(1));
      assertEquals(1, batch.nPenalties(2));
    }
  }

  @Test
  void neverWritesBeyondItsBuffers() {
    fill();
    batch.row(3, 3, 3, 3, 4, 0, 3);
    batch.row(4, 4, 4, 4, 4, 0, 4);
    batch.row(5, 5, 5, 5, 4, 0, 5);
    assertThrows(IndexOutOfBoundsException.class, () -> batch.row(6, 6, 6, 6, 4, 0, 6));
  }
}
