package dev.tern.schedule;

import dev.tern.Device;
import dev.tern.KvType;
import dev.tern.LoadProgress;
import dev.tern.Model;
import dev.tern.Sampling;
import dev.tern.TernException;
import dev.tern.cache.CachePolicy;
import dev.tern.cache.PageAllocator;
import dev.tern.cache.SequenceCache;
import dev.tern.format.GgufFile;
import dev.tern.format.ModelSpec;
import dev.tern.kernel.NativeDevice;
import dev.tern.kernel.NativeEngine;
import dev.tern.kernel.NativeModel;
import dev.tern.kernel.StepBatch;
import java.io.IOException;
import java.io.InputStream;
import java.util.Arrays;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;

/**
 * One turn of the scheduler in which every stream gets its next token: Java's part of it over a step that does nothing, the native step on
 * the same batch without the scheduler, and both. Streams are endless, with sinks and a rolling window, and the model is the embedded one:
 * the smaller a model, the larger Java's share.
 */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
public class SchedulerBench {
  private static final CachePolicy POLICY = CachePolicy.sinksAndWindow(4, 59);
  private static final int CHUNK = 16;
  private static final int PROMPT = 8;

  /** Streams that generate, over a step of anybody's. */
  private static final class Rig {
    final StepBatch batch;
    final int pages;
    Scheduler scheduler;

    Rig(int n) {
      pages = (n + 1) * SequenceCache.maxPages(POLICY, CHUNK);
      batch = new StepBatch(new StepBatch.Limits(n + CHUNK, n, pages + n, SequenceCache.nRotations(POLICY), n + CHUNK));
    }

    /** Feeds the prompts, and fills the windows: from then on all turns are alike. */
    void begin(int n, Scheduler.Step step) {
      PageAllocator allocator = new PageAllocator(pages);
      scheduler = new Scheduler(batch, step, allocator, CHUNK, 1);
      for (int i = 0; i < n; i++) {
        int[] prompt = new int[PROMPT];
        Arrays.setAll(prompt, j -> 3 + j);
        Sequence sequence = new Sequence(new SequenceCache(POLICY, allocator, CHUNK));
        scheduler.submit(Task.generate(sequence, prompt, Sampling.greedy(), failure -> fail(failure)));
      }
      for (int turn = 0; turn < n + 2 * PageAllocator.PAGE_LEN; turn++) {
        turn(scheduler);
      }
      if (batch.nRows() != n) {
        throw new IllegalStateException(batch.nRows() + " rows of " + n + " streams");
      }
    }

    private static void fail(TernException failure) {
      throw new IllegalStateException("a stream ended", failure);
    }
  }

  private static int turn(Scheduler scheduler) {
    int work = scheduler.doWork();
    if (work == 0) {
      throw new IllegalStateException("nothing to do");
    }
    return work;
  }

  /** A step that costs next to nothing. */
  @State(Scope.Thread)
  public static class NoModel {
    @Param({"1", "8", "64"})
    int streams;

    private Rig rig;

    @Setup
    public void setUp() {
      rig = new Rig(streams);
      rig.begin(streams, new Scheduler.Step() {
        @Override
        public void run() {
          for (int i = 0; i < rig.batch.nOutputs(); i++) {
            rig.batch.result(i, 7, -1);
          }
        }

        @Override
        public void logits(int output, float[] logits) {}
      });
    }
  }

  /** Steps of the embedded model, on one thread. */
  @State(Scope.Thread)
  public static class Embedded {
    @Param({"1", "8", "64"})
    int streams;

    private NativeDevice device;
    private NativeModel model;
    private NativeEngine engine;
    private Rig rig;

    @Setup
    public void setUp() throws IOException {
      device = new NativeDevice(Device.cpu(), 1);
      try (InputStream in = Model.class.getResourceAsStream("/dev/tern/model/tern-stories.gguf"); GgufFile file = GgufFile.read(in, "embedded model")) {
        model = new NativeModel(device, file, ModelSpec.from(file), LoadProgress.NONE);
      }
      rig = new Rig(streams);
      engine = new NativeEngine(model, 1, rig.pages, KvType.F16, rig.batch);
      rig.begin(streams, new Scheduler.Step() {
        @Override
        public void run() {
          engine.step();
        }

        @Override
        public void logits(int output, float[] logits) {
          engine.logits(output, logits);
        }
      });
    }

    @TearDown
    public void tearDown() {
      engine.close();
      model.close();
      device.close();
    }
  }

  /** Java alone: which rows, where their keys lie, what to draw, and handing the tokens out. */
  @Benchmark
  public int java(NoModel state) {
    return turn(state.rig.scheduler);
  }

  /** The native step alone, on the batch of the last turn again and again. */
  @Benchmark
  public void step(Embedded state) {
    state.engine.step();
  }

  /** A turn as it is: Java and the step. */
  @Benchmark
  public int turn(Embedded state) {
    return turn(state.rig.scheduler);
  }
}
