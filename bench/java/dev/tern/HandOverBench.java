package dev.tern;

import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OperationsPerInvocation;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;

/** A token on its way from the scheduler to its reader. */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
public class HandOverBench {
  private static final int CAPACITY = 64;

  /** An endless generation whose reader is on the same thread. */
  @State(Scope.Thread)
  public static class SameThread {
    private final Token token = new Token(7, "a", -1);
    private TokenQueue queue;
    private TokenFeed feed;
    private int id;

    @Setup
    public void setUp() {
      queue = new TokenQueue(CAPACITY);
      try (Model model = Model.embedded()) {
        id = model.tokenizer().encode("Once", false, false)[0];
        feed = new TokenFeed(Sampling.greedy().ignoreEos(true).maxTokens(0), model.tokenizer().eogIds(), model.tokenizer().decoder(true), queue);
      }
    }
  }

  /** A reader on a thread of its own that sends every token back. */
  @State(Scope.Thread)
  public static class OtherThread {
    private final Token token = new Token(7, "a", -1);
    private final TokenQueue there = new TokenQueue(CAPACITY);
    private final TokenQueue back = new TokenQueue(CAPACITY);
    private Thread reader;

    @Setup
    public void setUp() {
      reader = new Thread(() -> {
        try {
          while (there.await()) {
            back.put(there.poll());
          }
        } catch (InterruptedException e) {
          Thread.currentThread().interrupt();
        } finally {
          back.end(null);
        }
      }, "bench-reader");
      reader.setDaemon(true);
      reader.start();
    }

    @TearDown
    public void tearDown() throws InterruptedException {
      there.end(null);
      reader.join();
    }
  }

  /** The queue alone. */
  @Benchmark
  public Token queue(SameThread state) {
    state.queue.put(state.token);
    return state.queue.poll();
  }

  /** What the scheduler's thread does with a token's id: its text, the stops, the transcript and the queue. */
  @Benchmark
  public Token feed(SameThread state) {
    if (!state.feed.token(state.id, -1)) {
      throw new IllegalStateException("the generation has ended");
    }
    return state.queue.poll();
  }

  /** To a thread that waits: half of the way there and back. */
  @Benchmark
  @OperationsPerInvocation(2)
  public Token betweenThreads(OtherThread state) throws InterruptedException {
    state.there.put(state.token);
    if (!state.back.await()) {
      throw new IllegalStateException("the reader has ended");
    }
    return state.back.poll();
  }
}
