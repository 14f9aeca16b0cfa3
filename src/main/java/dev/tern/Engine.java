package dev.tern;

import dev.tern.cache.CachePolicy;
import dev.tern.cache.PageAllocator;
import dev.tern.cache.SequenceCache;
import dev.tern.kernel.NativeEngine;
import dev.tern.kernel.StepBatch;
import dev.tern.schedule.Runner;
import dev.tern.schedule.Scheduler;
import dev.tern.schedule.SchedulerStats;
import dev.tern.schedule.Sequence;
import dev.tern.schedule.Task;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Runs generations on one model: a KV cache of fixed size and a scheduler thread that batches what all sessions want into steps.
 * Thread-safe. A session's tokens are the same bits whatever else runs.
 *
 * <p>Closing ends the running generations with {@link ClosedException}, waits for the step in progress, and frees the native memory.
 * It is idempotent. The scheduler's thread is a daemon, and parks when there is nothing to do.
 */
public final class Engine implements AutoCloseable {
  private static final AtomicInteger COUNT = new AtomicInteger();

  private final Model model;
  private final EngineSettings settings;
  private final NativeEngine nativeEngine;
  private final PageAllocator pages;
  private final Scheduler scheduler;
  private final Runner runner;
  private final LeakReporter leak;
  private final AtomicInteger nSessions = new AtomicInteger();
  private final int threads;
  private final long kvBytes;
  private final long scratchBytes;
  private volatile boolean closed;

  private Engine(Model model, EngineSettings settings) {
    this.model = model;
    this.settings = settings;
    StepBatch batch = new StepBatch(settings.limits());
    nativeEngine = model.newEngine(settings.threads(), settings.kvPages(), settings.kvType(), batch);
    LeakReporter watch = null;
    try { // the model may be closed meanwhile, or there may be no more threads
      threads = model.nThreads();
      kvBytes = nativeEngine.kvBytes();
      scratchBytes = nativeEngine.scratchBytes();
      pages = new PageAllocator(settings.kvPages());
      scheduler = new Scheduler(batch, step(nativeEngine), pages, settings.prefillChunk(), settings.scoreRows());
      runner = new Runner(scheduler, "tern-engine-" + COUNT.incrementAndGet());
      watch = LeakReporter.watch(this, "an engine of " + model.name() + " with " + (kvBytes + scratchBytes) + " bytes");
      leak = watch;
      runner.start();
    } catch (RuntimeException | Error e) {
      nativeEngine.close();
      if (watch != null) {
        watch.closed();
      }
      throw e;
    }
  }

  private static Scheduler.Step step(NativeEngine nativeEngine) {
    return new Scheduler.Step() {
      @Override
      public void run() {
        nativeEngine.step();
      }

      @Override
      public void logits(int output, float[] logits) {
        nativeEngine.logits(output, logits);
      }
    };
  }

  /** An engine of this model, with defaults to change. */
  public static Builder builder(Model model) {
    return new Builder(model);
  }

  /**
   * A new, empty stream.
   *
   * @throws CapacityException if {@link Builder#maxSequences} sessions are open
   * @throws ClosedException if the engine is closed
   */
  public Session newSession() {
    checkOpen();
    int max = settings.maxSequences();
    if (nSessions.getAndUpdate(n -> Math.min(max, n + 1)) == max) {
      throw new CapacityException(max + " sessions are open: close one, or build the engine with more maxSequences");
    }
    try {
      return new Session(this);
    } catch (RuntimeException | Error e) {
      removeSession();
      throw e;
    }
  }

  void removeSession() {
    nSessions.decrementAndGet();
  }

  Sequence newSequence() {
    return new Sequence(new SequenceCache(settings.cachePolicy(), pages, settings.prefillChunk()));
  }

  void submit(Task task) {
    scheduler.submit(task);
    runner.wake();
  }

  void release(Sequence sequence) {
    scheduler.release(sequence);
    runner.wake();
  }

  Runnable waker() {
    return runner::wake;
  }

  void checkOpen() {
    if (closed) {
      throw new ClosedException("the engine is closed");
    }
    if (scheduler.terminated() != null) {
      throw scheduler.terminated();
    }
  }

  int queueCapacity() {
    return settings.queueCapacity();
  }

  /** For tests: overwrites each key and value that no later token can see with NaN. */
  void poisonEvicted() {
    scheduler.onEviction((slot, len) -> nativeEngine.fill(slot, len, Float.NaN));
  }

  public Model model() {
    return model;
  }

  public CachePolicy cachePolicy() {
    return settings.cachePolicy();
  }

  public KvType kvType() {
    return settings.kvType();
  }

  public int maxSequences() {
    return settings.maxSequences();
  }

  /** Threads that run the kernels. */
  public int threads() {
    return threads;
  }

  /** Bytes of the KV cache. */
  public long kvBytes() {
    return kvBytes;
  }

  /** Bytes of the buffers of a step. */
  public long scratchBytes() {
    return scratchBytes;
  }

  public EngineStats stats() {
    SchedulerStats s = scheduler.stats();
    return new EngineStats(
        s.steps(), s.stepNanos(), s.promptRows(), s.decodedTokens(), s.cancelled(), s.failed(), nSessions.get(), s.running(),
        s.usedPages(), pages.nPages());
  }

  /**
   * Times the parts of each step from now on, from zero. Costs some ten microseconds a step.
   *
   * @throws UnsupportedOperationException if the model is on a GPU, where a step is one graph
   * @throws ClosedException if the engine is closed
   */
  public void startProfile() {
    if (model.device().isCuda()) {
      throw new UnsupportedOperationException("a profile of steps is there for the cpu only: on a GPU a step is one graph");
    }
    nativeEngine.setProfiling(true);
  }

  /** Ends {@link #startProfile}. Does nothing if steps are not timed. */
  public void stopProfile() {
    nativeEngine.setProfiling(false);
  }

  /**
   * Where the time of the steps since {@link #startProfile} went.
   *
   * @throws IllegalStateException if steps are not timed
   * @throws ClosedException if the engine is closed
   */
  public StepProfile profile() {
    try {
      return nativeEngine.profile();
    } catch (IllegalArgumentException e) {
      throw new IllegalStateException("the engine does not time its steps: startProfile was not called", e);
    }
  }

  public boolean isClosed() {
    return closed;
  }

  @Override
  public synchronized void close() {
    if (closed) {
      return;
    }
    Runner.checkMayWait(); // before anything is changed: a later close can still do it
    closed = true;
    runner.close();
    scheduler.terminate(new ClosedException("the engine was closed"));
    nativeEngine.close();
    leak.closed();
  }

  /** Settings of an engine. Each refuses a value outside of its range with an {@link IllegalArgumentException}. Not thread-safe. */
  public static final class Builder {
    private final Model model;
    private int threads;
    private int maxSequences = 1;
    private CachePolicy cachePolicy;
    private KvType kvType;
    private int prefillChunk = 128;
    private int queueCapacity = 64;
    private int scoreRows = 32;
    private int kvPages;

    private Builder(Model model) {
      this.model = model;
      cachePolicy = EngineSettings.defaultPolicy(model.contextLength());
      kvType = model.defaultKvType();
    }

    private static int check(String name, int value, int min, int max) {
      if (value < min || value > max) {
        throw new IllegalArgumentException(name + " is " + value + ", it must be " + min + " to " + max);
      }
      return value;
    }

    /**
     * Threads that run the kernels, 1 to 256; 0, the default: as the model has them, at first one per core. A model's engines share
     * them.
     */
    public Builder threads(int n) {
      threads = check("threads", n, 0, 256);
      return this;
    }

    /** Sessions that may be open at once, 1 to 4096. Each has its own part of the KV cache. Default 1. */
    public Builder maxSequences(int n) {
      maxSequences = check("maxSequences", n, 1, 4096);
      return this;
    }

    /**
     * Which tokens stay in the cache. Default: 4 sinks, and a window such that a token sees as many keys as the model was trained
     * with, at most 4096.
     */
    public Builder cachePolicy(CachePolicy policy) {
      cachePolicy = Objects.requireNonNull(policy, "policy");
      return this;
    }

    /** Type of the cached keys and values. Default: F32 if all of the model's layer matrices are kept as F32, else F16. */
    public Builder kvType(KvType type) {
      kvType = Objects.requireNonNull(type, "type");
      return this;
    }

    /** Prompt tokens fed in one step at most, 1 to 8192, all sessions together. Default 128. */
    public Builder prefillChunk(int n) {
      prefillChunk = check("prefillChunk", n, 1, 8192);
      return this;
    }

    /** Tokens of a generation that may wait for their reader, 1 to 65536, before it pauses. Default 64. */
    public Builder queueCapacity(int n) {
      queueCapacity = check("queueCapacity", n, 1, 65536);
      return this;
    }

    /** Rows of one step that may have logits besides those that sample, 1 to 8192: how fast text is scored. Default 32. */
    public Builder scoreRows(int n) {
      scoreRows = check("scoreRows", n, 1, 8192);
      return this;
    }

    /**
     * Pages of the KV cache, of 64 tokens each. Default, 0: as many as all sessions can ever need. With fewer, a session may
     * have to wait for another to be closed or reset, and if all wait, the newest fails with {@link CapacityException}.
     */
    public Builder kvPages(int n) {
      kvPages = check("kvPages", n, 0, Integer.MAX_VALUE / PageAllocator.PAGE_LEN);
      return this;
    }

    /**
     * Makes the engine: takes all the memory it will ever take.
     *
     * @throws CapacityException if it does not fit
     * @throws ClosedException if the model is closed
     */
    public Engine build() {
      return new Engine(
          model,
          new EngineSettings(threads, maxSequences, cachePolicy, kvType, prefillChunk, queueCapacity, scoreRows, kvPages));
    }
  }
}
