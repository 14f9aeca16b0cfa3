package dev.tern.kernel;

import dev.tern.KvType;
import dev.tern.StepProfile;
import dev.tern.kernel.abi.global.TernAbi;
import dev.tern.kernel.abi.tern_batch;
import dev.tern.kernel.abi.tern_engine;
import dev.tern.kernel.abi.tern_engine_config;
import dev.tern.kernel.abi.tern_profile;
import java.util.ArrayList;
import java.util.List;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.IntPointer;
import org.bytedeco.javacpp.LongPointer;
import org.bytedeco.javacpp.Pointer;

/**
 * KV arena and scratch of a model, and the step that uses them. The pointers of its {@link StepBatch} are wired once; a step sets counts
 * and calls. Steps take turns; close waits for the one in progress.
 */
public final class NativeEngine extends NativeHandle {
  private final NativeDevice device;
  private final tern_engine engine = new tern_engine();
  private final tern_batch struct = new tern_batch();
  private final StepBatch batch;
  private final Object stepLock = new Object();
  private final Pointer[] wired; // keeps the Java side of struct's pointers reachable

  public NativeEngine(NativeModel model, int nThreads, int nPages, KvType kvType, StepBatch batch) {
    super("engine");
    this.device = model.device();
    this.batch = batch;
    wired = wire();
    model.enter();
    try {
      create(model, nThreads, nPages, kvType);
    } catch (RuntimeException | Error e) {
      struct.close();
      throw e;
    } finally {
      model.leave();
    }
  }

  private void create(NativeModel model, int nThreads, int nPages, KvType kvType) {
    device.addEngine(nThreads);
    try (tern_engine_config config = config(nPages, kvType, batch.limits())) {
      Native.check(TernAbi.tern_engine_create(model.pointer(), config, engine));
    } catch (RuntimeException | Error e) {
      device.removeEngine();
      throw e;
    }
  }

  private static tern_engine_config config(int nPages, KvType kvType, StepBatch.Limits limits) {
    tern_engine_config config = new tern_engine_config();
    config.struct_size(config.sizeof());
    config.n_pages(nPages);
    config.kv_type(typeId(kvType));
    config.max_rows(limits.maxRows());
    config.max_seqs(limits.maxSeqs());
    config.max_segments(limits.maxSegments());
    config.max_rotations(limits.nRotations());
    config.max_outputs(limits.maxOutputs());
    return config;
  }

  private static int typeId(KvType type) {
    return switch (type) {
      case F32 -> TernAbi.TERN_TYPE_F32;
      case F16 -> TernAbi.TERN_TYPE_F16;
      case BF16 -> TernAbi.TERN_TYPE_BF16;
      case I8 -> TernAbi.TERN_TYPE_I8;
    };
  }

  private Pointer[] wire() {
    IntPointer[] ints = {
      new IntPointer(batch.token), new IntPointer(batch.slot), new IntPointer(batch.seqRowBegin), new IntPointer(batch.seqSegmentBegin),
      new IntPointer(batch.segmentSlot), new IntPointer(batch.segmentLen), new IntPointer(batch.segmentRotation),
      new IntPointer(batch.outputRow), new IntPointer(batch.target), new IntPointer(batch.topK), new IntPointer(batch.penaltyBegin),
      new IntPointer(batch.penaltyToken), new IntPointer(batch.outToken)
    };
    LongPointer[] longs = {
      new LongPointer(batch.ropePos), new LongPointer(batch.qPos), new LongPointer(batch.sinkEnd), new LongPointer(batch.lo),
      new LongPointer(batch.hi), new LongPointer(batch.segmentIndex), new LongPointer(batch.seed), new LongPointer(batch.draw)
    };
    FloatPointer[] floats = {
      new FloatPointer(batch.temperature), new FloatPointer(batch.topP), new FloatPointer(batch.minP),
      new FloatPointer(batch.repeatPenalty), new FloatPointer(batch.outLogprob)
    };
    struct.struct_size(struct.sizeof()).n_rotations(batch.limits().nRotations());
    struct.token(ints[0]).slot(ints[1]).seq_row_begin(ints[2]).seq_segment_begin(ints[3]);
    struct.segment_slot(ints[4]).segment_len(ints[5]).segment_rotation(ints[6]).output_row(ints[7]).target(ints[8]).top_k(ints[9]);
    struct.penalty_begin(ints[10]).penalty_token(ints[11]).out_token(ints[12]);
    struct.rope_pos(longs[0]).q_pos(longs[1]).sink_end(longs[2]).lo(longs[3]).hi(longs[4]).segment_index(longs[5]);
    struct.seed(longs[6]).draw(longs[7]);
    struct.temperature(floats[0]).top_p(floats[1]).min_p(floats[2]).repeat_penalty(floats[3]).out_logprob(floats[4]);
    Pointer[] all = new Pointer[ints.length + longs.length + floats.length];
    System.arraycopy(ints, 0, all, 0, ints.length);
    System.arraycopy(longs, 0, all, ints.length, longs.length);
    System.arraycopy(floats, 0, all, ints.length + longs.length, floats.length);
    return all;
  }

  /** Runs the batch. */
  public void step() {
    synchronized (stepLock) {
      enter();
      try {
        struct.n_rows(batch.nRows()).n_seqs(batch.nSeqs()).n_segments(batch.nSegments()).n_outputs(batch.nOutputs());
        Native.check(TernAbi.tern_step(engine, struct));
      } finally {
        leave();
      }
    }
  }

  /** Copies the logits [vocabSize] of an output of the last step. */
  public void logits(int output, float[] logits) {
    synchronized (stepLock) {
      enter();
      try {
        Native.check(TernAbi.tern_engine_logits(engine, output, logits));
      } finally {
        leave();
      }
    }
  }

  /** Overwrites keys and values of some slots in every layer: NaN shows that nothing reads them. */
  public void fill(int slot, int len, float value) {
    synchronized (stepLock) {
      enter();
      try {
        Native.check(TernAbi.tern_engine_fill(engine, slot, len, value));
      } finally {
        leave();
      }
    }
  }

  /** Times the steps from now on, from zero, or stops. Of the CPU only. */
  public void setProfiling(boolean on) {
    synchronized (stepLock) {
      enter();
      try {
        Native.check(TernAbi.tern_engine_set_profiling(engine, on ? 1 : 0));
      } finally {
        leave();
      }
    }
  }

  /**
   * Where the time went.
   *
   * @throws IllegalArgumentException if steps are not timed
   */
  public StepProfile profile() {
    synchronized (stepLock) { // no step between the parts and their sum
      enter();
      try (tern_profile sums = new tern_profile()) {
        List<StepProfile.Part> parts = new ArrayList<>();
        for (int op = 0; op < TernAbi.TERN_PROFILE_COUNT; op++) {
          sums.struct_size(sums.sizeof());
          Native.check(TernAbi.tern_engine_profile(engine, op, sums));
          if (op != TernAbi.TERN_PROFILE_STEP) {
            parts.add(new StepProfile.Part(TernAbi.tern_profile_name(op).getString(), sums.calls(), sums.nanos(), sums.bytes()));
          }
        }
        return new StepProfile(parts, sums.calls(), sums.nanos()); // the last is the whole step
      } finally {
        leave();
      }
    }
  }

  public long kvBytes() {
    enter();
    try {
      return TernAbi.tern_engine_kv_bytes(engine);
    } finally {
      leave();
    }
  }

  public long scratchBytes() {
    enter();
    try {
      return TernAbi.tern_engine_scratch_bytes(engine);
    } finally {
      leave();
    }
  }

  @Override
  void destroy() {
    TernAbi.tern_engine_destroy(engine);
    engine.setNull();
    struct.close();
    for (Pointer p : wired) {
      p.close();
    }
    device.removeEngine();
  }
}
