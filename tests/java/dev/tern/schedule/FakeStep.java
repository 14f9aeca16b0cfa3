package dev.tern.schedule;

import dev.tern.kernel.StepBatch;

/**
 * A model of a few lines: a token is a hash of all keys that its row sees, and of seed and draw. Keys are read from the slots that the
 * batch names, so a wrong table gives wrong tokens.
 */
final class FakeStep implements Scheduler.Step {
  static final int VOCAB = 1000;
  /** A stream that sees this token has no finite logits. */
  static final int NAN_TOKEN = VOCAB;

  private final StepBatch batch;
  private final int[] tokenAt;
  private final long[] positionAt;
  int nSteps;
  int lastRows;
  int lastSeqs;
  int nSingleRows; // sequences of one row in all steps
  RuntimeException failNext;

  FakeStep(StepBatch batch, int nPages) {
    this.batch = batch;
    tokenAt = new int[nPages * 64];
    positionAt = new long[nPages * 64];
  }

  @Override
  public void run() {
    nSteps++;
    lastRows = batch.nRows();
    lastSeqs = batch.nSeqs();
    if (failNext != null) {
      RuntimeException e = failNext;
      failNext = null;
      throw e;
    }
    for (int row = 0; row < batch.nRows(); row++) {
      tokenAt[batch.slotOf(row)] = batch.tokenOf(row);
      positionAt[batch.slotOf(row)] = batch.positionOf(row);
    }
    int output = 0;
    for (int seq = 0; seq < batch.nSeqs(); seq++) {
      nSingleRows += batch.rowBegin(seq + 1) - batch.rowBegin(seq) == 1 ? 1 : 0;
      for (; output < batch.nOutputs() && batch.rowOf(output) < batch.rowBegin(seq + 1); output++) {
        compute(output, seq);
      }
    }
  }

  private void compute(int output, int seq) {
    long hash = batch.positionOf(batch.rowOf(output));
    boolean nan = false;
    for (int s = batch.segmentBegin(seq); s < batch.segmentBegin(seq + 1); s++) {
      for (int t = 0; t < batch.segmentLen(s); t++) {
        long index = batch.segmentIndex(s) + t;
        if (batch.sees(batch.rowOf(output), index)) {
          int slot = batch.segmentSlot(s) + t;
          if (positionAt[slot] != index) {
            throw new AssertionError("slot " + slot + " holds position " + positionAt[slot] + ", not " + index);
          }
          nan |= tokenAt[slot] == NAN_TOKEN;
          hash += mix(tokenAt[slot] * 31L + index);
        }
      }
    }
    int target = batch.targetOf(output);
    int token = (int) Math.floorMod(mix(hash + mix(batch.seedOf(output)) + batch.drawOf(output)), (long) VOCAB);
    float logprob = -Math.floorMod(mix(hash), 1000L) / 100f;
    batch.result(output, nan ? -1 : target >= 0 ? target : token, logprob);
  }

  private static long mix(long x) {
    x = (x ^ x >>> 33) * 0xff51afd7ed558ccdL;
    x = (x ^ x >>> 33) * 0xc4ceb9fe1a85ec53L;
    return x ^ x >>> 33;
  }

  @Override
  public void logits(int output, float[] logits) {
    logits[0] = batch.outToken(output);
  }
}
