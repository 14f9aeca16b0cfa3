package dev.tern;

import dev.tern.cache.SequenceCache;
import dev.tern.format.Tokenizer;
import dev.tern.schedule.Sequence;
import dev.tern.schedule.Runner;
import dev.tern.schedule.Task;
import java.util.ConcurrentModificationException;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Function;

/**
 * One stream of tokens in an engine: what is fed and what is generated are appended to it, and its cache stays between calls. A
 * second generation goes on where the first ended, so that a conversation is never fed twice.
 *
 * <p>A session does one thing at a time: starting another while a generation runs throws
 * {@link ConcurrentModificationException}. Different sessions are independent. {@link #close()} may be called from any
 * thread, ends what runs with {@link ClosedException}, and is idempotent.
 *
 * <p>The last token generated is in the stream, but in the cache only once something follows it; the next call feeds it first. After
 * a cancelled generation the stream also holds the tokens that were generated but not read, and what was fed of the prompt.
 */
public final class Session implements AutoCloseable {
  private final Engine engine;
  private final Tokenizer tokenizer;
  private final ReentrantLock busy = new ReentrantLock(); // held by the one call that is in progress
  private final Object state = new Object();
  private volatile Sequence sequence;
  private Generation generation; // the last one; guarded by busy
  private Task task; // the last one; guarded by state
  private boolean closed; // guarded by state

  Session(Engine engine) {
    this.engine = engine;
    tokenizer = engine.model().tokenizer();
    sequence = engine.newSequence();
  }

  /**
   * Appends text to the stream and generates. On an empty stream of a model that has a begin token, that comes first; the text may be
   * empty then, and also after a generation. Control tokens in the text are not parsed: use
   * {@link #generate(int[], Sampling)} for those.
   *
   * @return a handle on the running generation; close it when you leave it early
   * @throws IllegalArgumentException if there is nothing to feed
   * @throws ContextFullException if a dense cache cannot hold the text
   * @throws NumericalException if an earlier generation of this stream failed: reset first
   * @throws ClosedException if the session or the engine is closed
   */
  public Generation generate(String text, Sampling sampling) {
    Objects.requireNonNull(text, "text");
    Objects.requireNonNull(sampling, "sampling");
    return call(() -> {
      boolean first = sequence.length() == 0;
      int[] tokens = tokenizer.encode(text, first && tokenizer.addsBos(), false);
      if (tokens.length == 0 && first && tokenizer.bosId() >= 0) {
        tokens = new int[] {tokenizer.bosId()};
      }
      return startGeneration(tokens, sampling);
    });
  }

  /** {@link #generate(String, Sampling)} of tokens as they are: no begin token is added. The array is copied. */
  public Generation generate(int[] tokens, Sampling sampling) {
    int[] copy = tokens.clone();
    Objects.requireNonNull(sampling, "sampling");
    return call(() -> startGeneration(copy, sampling));
  }

  private Generation startGeneration(int[] tokens, Sampling sampling) {
    check(tokens, !sequence.hasPending());
    for (int id : sampling.stopTokens()) {
      checkId(id, "a stop token");
    }
    boolean atStart = sequence.length() == 0;
    for (int id : tokens) {
      atStart &= tokenizer.isControl(id);
    }
    TokenQueue queue = new TokenQueue(engine.queueCapacity());
    Set<Integer> eogIds = tokenizer.eogIds();
    TokenFeed feed = new TokenFeed(sampling, eogIds, tokenizer.decoder(atStart), queue);
    Task started = start(s -> Task.generate(s, tokens, sampling, feed));
    generation = new Generation(started, feed, queue, engine.waker());
    return generation;
  }

  /**
   * Appends tokens to the stream and waits for the logits that follow the last of them.
   *
   * @return [vocabSize] logits
   * @throws CancelledException if the thread is interrupted; the flag stays set
   */
  public float[] logits(int... tokens) {
    int[] copy = tokens.clone();
    return call(() -> {
      check(copy, true);
      float[] logits = new float[engine.model().vocabSize()];
      Waiter waiter = new Waiter(0);
      Runner.checkMayWait();
      await(waiter, start(s -> Task.logits(s, copy, logits, waiter)));
      return logits;
    });
  }

  /**
   * Appends tokens to the stream and waits for the log-probability (natural) of each, given all before it in the cache. The first
   * token of an empty stream has none: the result is one shorter than tokens then, as it is right after {@link #logits}. The
   * perplexity of a text is exp(-mean).
   *
   * @throws CancelledException if the thread is interrupted; the flag stays set
   */
  public float[] score(int... tokens) {
    int[] copy = tokens.clone();
    return call(() -> {
      check(copy, true);
      Waiter waiter = new Waiter(sequence.hasPending() ? copy.length : copy.length - 1);
      Runner.checkMayWait();
      await(waiter, start(s -> Task.score(s, copy, waiter)));
      return waiter.logprobs();
    });
  }

  private void await(Waiter waiter, Task started) {
    try {
      waiter.await();
    } catch (InterruptedException e) {
      started.cancel();
      engine.waker().run();
      waiter.awaitUninterruptibly();
      Thread.currentThread().interrupt();
      throw new CancelledException("the waiting thread was interrupted", e);
    }
  }

  /**
   * A conversation on this stream, written as the model's own template does.
   *
   * @throws UnsupportedModelException if the model has no chat template
   * @throws ChatTemplateException if it cannot be read
   */
  public Chat chat() {
    return chat(engine.model().chatTemplate());
  }

  /** A conversation on this stream with a template of one's own. */
  public Chat chat(ChatTemplate template) {
    return new Chat(this, template);
  }

  private interface Call<T> {
    T run();
  }

  /** Runs a call as the only one, on a stream where nothing runs. */
  private <T> T call(Call<T> call) {
    if (!busy.tryLock()) {
      throw new ConcurrentModificationException("another thread uses this session: give each its own");
    }
    try {
      checkOpen();
      if (generation != null && generation.isRunning()) {
        throw new ConcurrentModificationException("a generation of this session runs: read it to its end, or close it");
      } else if (generation != null) {
        generation.awaitEnd();
      }
      if (sequence.failure() != null) {
        throw sequence.failure();
      }
      return call.run();
    } finally {
      busy.unlock();
    }
  }

  private Task start(Function<Sequence, Task> make) {
    synchronized (state) {
      checkOpen();
      Task started = make.apply(sequence);
      engine.submit(started);
      task = started;
      return started;
    }
  }

  private void checkOpen() {
    synchronized (state) {
      if (closed) {
        throw new ClosedException("the session is closed");
      }
    }
    engine.checkOpen();
  }

  private void check(int[] tokens, boolean notEmpty) {
    if (notEmpty && tokens.length == 0) {
      throw new IllegalArgumentException("nothing to feed: the prompt is empty and the stream has no begin token or unfed token before it");
    }
    for (int i = 0; i < tokens.length; i++) {
      checkId(tokens[i], "token " + i);
    }
    long needed = sequence.length() + tokens.length;
    long limit = SequenceCache.maxLength(engine.cachePolicy());
    if (needed > limit) {
      throw new ContextFullException(
          tokens.length + " more tokens after " + sequence.length() + " do not fit in a dense cache of " + limit
              + "; shorten the prompt, reset the session, or use a larger or a rolling cache");
    }
  }

  private void checkId(int id, String what) {
    int vocabSize = engine.model().vocabSize();
    if (id < 0 || id >= vocabSize) {
      throw new IllegalArgumentException(what + " is " + id + ", ids of this model are 0 to " + (vocabSize - 1));
    }
  }

  /** Tokens in the stream, evicted ones included. */
  public long length() {
    return sequence.length();
  }

  /** Empties the stream, ending what runs as {@link Generation#cancel()} does. A failed session is as new. */
  public void reset() {
    synchronized (state) {
      checkOpen();
      if (task != null) {
        task.cancel();
      }
      engine.release(sequence);
      sequence = engine.newSequence();
      task = null;
    }
  }

  public Engine engine() {
    return engine;
  }

  public boolean isClosed() {
    synchronized (state) {
      return closed || engine.isClosed();
    }
  }

  @Override
  public void close() {
    synchronized (state) {
      if (closed) {
        return;
      }
      closed = true;
      if (task != null) {
        task.cancel(new ClosedException("the session was closed"));
      }
      engine.release(sequence);
    }
    engine.removeSession();
  }
}
