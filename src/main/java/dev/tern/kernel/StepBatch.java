package dev.tern.kernel;

import dev.tern.Sampling;
import dev.tern.cache.RowTable;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.IntBuffer;
import java.nio.LongBuffer;

/**
 * What one step computes, in direct buffers that are sized once: the Java side of tern_batch, see tern.h. Filled sequence by sequence:
 * {@link #beginSequence}, rows and segments, {@link #token} for each row, outputs, {@link #endSequence}. No native code is needed
 * to fill one. For one thread.
 */
public final class StepBatch implements RowTable {
  /**
   * Sizes of a step.
   *
   * @param maxRows query tokens
   * @param maxSeqs sequences
   * @param maxSegments segments, all sequences together
   * @param nRotations rotations of a query, 1 or 2
   * @param maxOutputs rows with logits
   */
  public record Limits(int maxRows, int maxSeqs, int maxSegments, int nRotations, int maxOutputs) {}

  private final Limits limits;
  final IntBuffer token;
  final IntBuffer slot;
  final LongBuffer ropePos;
  final LongBuffer qPos;
  final LongBuffer sinkEnd;
  final LongBuffer lo;
  final LongBuffer hi;
  final IntBuffer seqRowBegin;
  final IntBuffer seqSegmentBegin;
  final IntBuffer segmentSlot;
  final IntBuffer segmentLen;
  final LongBuffer segmentIndex;
  final IntBuffer segmentRotation;
  final IntBuffer outputRow;
  final IntBuffer target;
  final FloatBuffer temperature;
  final IntBuffer topK;
  final FloatBuffer topP;
  final FloatBuffer minP;
  final FloatBuffer repeatPenalty;
  final LongBuffer seed;
  final LongBuffer draw;
  final IntBuffer penaltyBegin;
  final IntBuffer penaltyToken;
  final IntBuffer outToken;
  final FloatBuffer outLogprob;
  private int nRows;
  private int nSeqs;
  private int nSegments;
  private int nOutputs;
  private int nPenalties;

  public StepBatch(Limits limits) {
    this.limits = limits;
    int rows = limits.maxRows;
    token = ints(rows);
    slot = ints(rows);
    ropePos = longs(rows);
    qPos = longs(Math.multiplyExact(rows, limits.nRotations));
    sinkEnd = longs(rows);
    lo = longs(rows);
    hi = longs(rows);
    seqRowBegin = ints(limits.maxSeqs + 1);
    seqSegmentBegin = ints(limits.maxSeqs + 1);
    segmentSlot = ints(limits.maxSegments);
    segmentLen = ints(limits.maxSegments);
    segmentIndex = longs(limits.maxSegments);
    segmentRotation = ints(limits.maxSegments);
    int outputs = limits.maxOutputs;
    outputRow = ints(outputs);
    target = ints(outputs);
    temperature = floats(outputs);
    topK = ints(outputs);
    topP = floats(outputs);
    minP = floats(outputs);
    repeatPenalty = floats(outputs);
    seed = longs(outputs);
    draw = longs(outputs);
    penaltyBegin = ints(outputs + 1);
    penaltyToken = ints(Math.multiplyExact(outputs, Sampling.PENALTY_WINDOW));
    outToken = ints(outputs);
    outLogprob = floats(outputs);
  }

  private static ByteBuffer bytes(int n, int size) {
    return ByteBuffer.allocateDirect(Math.multiplyExact(n, size)).order(ByteOrder.nativeOrder());
  }

  private static IntBuffer ints(int n) {
    return bytes(n, Integer.BYTES).asIntBuffer();
  }

  private static LongBuffer longs(int n) {
    return bytes(n, Long.BYTES).asLongBuffer();
  }

  private static FloatBuffer floats(int n) {
    return bytes(n, Float.BYTES).asFloatBuffer();
  }

  /** Empties the batch. */
  public void clear() {
    nRows = 0;
    nSeqs = 0;
    nSegments = 0;
    nOutputs = 0;
    nPenalties = 0;
  }

  public void beginSequence() {
    seqRowBegin.put(nSeqs, nRows);
    seqSegmentBegin.put(nSeqs, nSegments);
  }

  @Override
  public void row(int slot, long ropePos, long windowQPos, long sinkQPos, long sinkEnd, long lo, long hi) {
    this.slot.put(nRows, slot);
    this.ropePos.put(nRows, ropePos);
    qPos.put(nRows * limits.nRotations, windowQPos);
    if (limits.nRotations > 1) {
      qPos.put(nRows * limits.nRotations + 1, sinkQPos);
    }
    this.sinkEnd.put(nRows, sinkEnd);
    this.lo.put(nRows, lo);
    this.hi.put(nRows, hi);
    nRows++;
  }

  @Override
  public void segment(int slot, int len, long index, int rotation) {
    segmentSlot.put(nSegments, slot);
    segmentLen.put(nSegments, len);
    segmentIndex.put(nSegments, index);
    segmentRotation.put(nSegments, rotation);
    nSegments++;
  }

  /** The token of a row. */
  public void token(int row, int id) {
    token.put(row, id);
  }

  /** Logits for a row, and from them the log-probability of this token. Outputs come in ascending order of row. */
  public void scored(int row, int targetToken) {
    output(row, targetToken, Sampling.greedy(), 0);
  }

  /**
   * Logits for a row, and a token drawn from them. Tokens for the repetition penalty, each once, are given before by
   * {@link #penalize}.
   *
   * @param drawIndex the token's place in its stream
   */
  public void sampled(int row, Sampling sampling, long drawIndex) {
    output(row, -1, sampling, drawIndex);
  }

  /** Adds a token to the penalty list of the next output. */
  public void penalize(int id) {
    int begin = nOutputs == 0 ? 0 : penaltyBegin.get(nOutputs);
    for (int i = begin; i < nPenalties; i++) {
      if (penaltyToken.get(i) == id) {
        return;
      }
    }
    penaltyToken.put(nPenalties++, id);
  }

  private void output(int row, int targetToken, Sampling sampling, long drawIndex) {
    int o = nOutputs++;
    outputRow.put(o, row);
    target.put(o, targetToken);
    temperature.put(o, sampling.temperature());
    topK.put(o, sampling.topK());
    topP.put(o, sampling.topP());
    minP.put(o, sampling.minP());
    repeatPenalty.put(o, sampling.repeatPenalty());
    seed.put(o, sampling.seed());
    draw.put(o, drawIndex);
    penaltyBegin.put(0, 0);
    penaltyBegin.put(nOutputs, nPenalties);
  }

  public void endSequence() {
    nSeqs++;
    seqRowBegin.put(nSeqs, nRows);
    seqSegmentBegin.put(nSeqs, nSegments);
  }

  public Limits limits() {
    return limits;
  }

  public int nRows() {
    return nRows;
  }

  public int nSeqs() {
    return nSeqs;
  }

  public int nSegments() {
    return nSegments;
  }

  public int nOutputs() {
    return nOutputs;
  }

  /** After the step: the token of an output, or -1 if none of its logits was finite. */
  public int outToken(int output) {
    return outToken.get(output);
  }

  /** After the step: the natural log-probability of that token. */
  public float outLogprob(int output) {
    return outLogprob.get(output);
  }

  /** Sets a result, as a step does; for a step that is not native. */
  public void result(int output, int id, float logprob) {
    outToken.put(output, id);
    outLogprob.put(output, logprob);
  }

  // ---- what a step that is not native reads ----

  public int tokenOf(int row) {
    return token.get(row);
  }

  public long positionOf(int row) {
    return ropePos.get(row);
  }

  public int slotOf(int row) {
    return slot.get(row);
  }

  /** Whether a row sees the key of this index. */
  public boolean sees(int row, long index) {
    return index < sinkEnd.get(row) || lo.get(row) <= index && index <= hi.get(row);
  }

  /** First row of a sequence; of sequence nSeqs: the number of rows. */
  public int rowBegin(int seq) {
    return seqRowBegin.get(seq);
  }

  /** First segment of a sequence; of sequence nSeqs: the number of segments. */
  public int segmentBegin(int seq) {
    return seqSegmentBegin.get(seq);
  }

  public int segmentSlot(int segment) {
    return segmentSlot.get(segment);
  }

  public int segmentLen(int segment) {
    return segmentLen.get(segment);
  }

  public long segmentIndex(int segment) {
    return segmentIndex.get(segment);
  }

  public int rowOf(int output) {
    return outputRow.get(output);
  }

  public int targetOf(int output) {
    return target.get(output);
  }

  public long seedOf(int output) {
    return seed.get(output);
  }

  public long drawOf(int output) {
    return draw.get(output);
  }

  /** Number of tokens that an output's repetition penalty is for. */
  public int nPenalties(int output) {
    return penaltyBegin.get(output + 1) - penaltyBegin.get(output);
  }
}
