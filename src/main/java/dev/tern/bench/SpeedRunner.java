package dev.tern.bench;

import dev.tern.Engine;
import dev.tern.Generation;
import dev.tern.KvType;
import dev.tern.Model;
import dev.tern.Sampling;
import dev.tern.Session;
import dev.tern.StepProfile;
import dev.tern.Timings;
import dev.tern.cache.CachePolicy;
import dev.tern.kernel.MemoryBandwidth;
import dev.tern.kernel.NativeDevice;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;

/**
 * Times prefill, decode and requests of a model. Holds one engine at a time, made anew where a test needs another; a new engine is warmed up before
 * anything is timed. For one thread.
 */
public final class SpeedRunner implements AutoCloseable {
  private static final long MIN_BANDWIDTH_BYTES = 1 << 20;
  private static final long MAX_BANDWIDTH_BYTES = 1 << 30;
  private static final long BANDWIDTH_TRAFFIC = 4L << 30;
  private static final int SINKS = 4;
  private static final int WARM_UP = 8;
  /** Prompt rows of a step. */
  public static final int PREFILL_CHUNK = 128;

  /** What an engine is made for. */
  private record Key(int threads, int batch, int depth) {}

  /**
   * A profiled run.
   *
   * @param allCores bytes that all cores read in a second: the mean of right before and right after
   */
  public record Profiled(StepProfile profile, double allCores) {}

  private final Model model;
  private final int longest;
  private final int first;
  private Key key;
  private Engine engine;
  private final List<Session> sessions = new ArrayList<>();
  private List<Timings> timings = List.of();
  private boolean pending; // of every session: its last token was generated, and is fed by the next call

  /**
   * @param longest tokens of the longest test without depth
   */
  public SpeedRunner(Model model, int longest) {
    this.model = model;
    this.longest = Math.max(longest, 2 * WARM_UP);
    first = Math.max(0, model.tokenizer().bosId());
  }

  /**
   * Runs a test once.
   *
   * @param threads 0: one per core
   * @return wall time in nanoseconds
   */
  public long run(int threads, SpeedTest test) {
    prepare(threads, test);
    if (test.nGen() == 0) {
      timings = List.of();
      return prefill(test.nPrompt());
    }
    return test.decode() ? decode(test.nGen(), test.depth()) : requests(test);
  }

  /** Of each stream that generated in the last run. */
  public List<Timings> timings() {
    return timings;
  }

  /** A run of a decode test with the time of its parts, between two measurements of their floor. */
  public Profiled profile(int threads, SpeedTest test) {
    prepare(threads, test); // before the first measurement: a window takes its time to fill
    double before = bandwidth(0);
    engine.startProfile();
    decode(test.nGen(), test.depth());
    StepProfile profile = engine.profile();
    engine.stopProfile();
    return new Profiled(profile, (before + bandwidth(0)) / 2);
  }

  /** Threads of the engine of the last run. */
  public int threads() {
    return engine.threads();
  }

  /** Of its cache. */
  public KvType kvType() {
    return engine.kvType();
  }

  private void prepare(int threads, SpeedTest test) {
    Key wanted = new Key(threads, test.batch(), test.depth());
    if (wanted.equals(key)) {
      return;
    }
    close();
    engine = Engine.builder(model).threads(threads).maxSequences(test.batch()).cachePolicy(policy(test.depth())).prefillChunk(PREFILL_CHUNK)
        .queueCapacity(Math.min(65536, Math.max(64, longest))).build();
    for (int i = 0; i < test.batch(); i++) {
      sessions.add(engine.newSession());
    }
    pending = false;
    if (test.depth() > 0) {
      sessions.forEach(s -> s.logits(prompt(test.depth())));
    } else {
      prefill(WARM_UP);
    }
    decode(WARM_UP, test.depth());
    key = wanted;
  }

  /** With depth, every token sees so many keys: the sinks, the window, and itself. */
  private CachePolicy policy(int depth) {
    if (depth == 0) {
      return CachePolicy.dense(longest + 1);
    }
    return depth > SINKS ? CachePolicy.sinksAndWindow(SINKS, depth - SINKS - 1) : CachePolicy.sinksAndWindow(0, depth - 1);
  }

  private int[] prompt(int length) {
    return new SplittableRandom(1).ints(length, 0, model.vocabSize()).toArray();
  }

  private long prefill(int length) {
    int[] prompt = prompt(length);
    Session session = sessions.get(0);
    session.reset();
    long start = System.nanoTime();
    session.logits(prompt);
    return System.nanoTime() - start;
  }

  private long decode(int length, int depth) {
    if (depth == 0) {
      sessions.forEach(Session::reset);
      pending = false;
    }
    return generate(pending ? new int[0] : new int[] {first}, length);
  }

  private long requests(SpeedTest test) {
    if (test.depth() == 0) {
      sessions.forEach(Session::reset);
    }
    return generate(prompt(test.nPrompt()), test.nGen());
  }

  /** Feeds all sessions the same and has them generate. */
  private long generate(int[] feed, int length) {
    Sampling sampling = Sampling.greedy().maxTokens(length).ignoreEos(true);
    List<Generation> running = new ArrayList<>();
    try {
      long start = System.nanoTime();
      for (Session session : sessions) {
        running.add(session.generate(feed, sampling));
      }
      List<Timings> all = new ArrayList<>();
      for (Generation generation : running) {
        all.add(generation.result().timings());
      }
      long nanos = System.nanoTime() - start;
      pending = true;
      timings = all;
      return nanos;
    } finally {
      running.forEach(Generation::close);
    }
  }

  /** Bytes that so many threads (0: one per core) read in a second, from a block as large as the weights that a token reads. */
  public double bandwidth(int threads) {
    long block = Math.min(MAX_BANDWIDTH_BYTES, Math.max(MIN_BANDWIDTH_BYTES, model.decodeBytes()));
    try (NativeDevice device = new NativeDevice(model.device(), threads)) {
      return MemoryBandwidth.read(device, block, (int) Math.max(2, BANDWIDTH_TRAFFIC / block));
    }
  }

  @Override
  public void close() {
    key = null;
    sessions.clear(); // closed with their engine
    if (engine != null) {
      engine.close();
      engine = null;
    }
  }
}
