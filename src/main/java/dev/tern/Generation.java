package dev.tern;

import dev.tern.schedule.Runner;
import dev.tern.schedule.Task;
import java.util.Iterator;
import java.util.NoSuchElementException;
import java.util.Spliterator;
import java.util.Spliterators;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executor;
import java.util.concurrent.Flow;
import java.util.concurrent.ForkJoinPool;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;

/**
 * A running generation. Read it in one way: iterate, {@link #stream()}, {@link #publisher()}, or take only the
 * {@link #future()}. A reader that is slow pauses this generation and no other; no token is dropped.
 *
 * <p>The iterator belongs to one thread at a time; {@link #cancel()}, {@link #close()} and {@link #future()} to any. If the reading
 * thread is interrupted, the generation is cancelled, the interrupt flag stays set, and {@link CancelledException} is thrown.
 *
 * <pre>{@code
 * try (Generation generation = session.generate("Once upon a time", Sampling.greedy())) {
 *   for (Token token : generation) System.out.print(token.text());
 * }
 * }</pre>
 */
public final class Generation implements Iterable<Token>, Iterator<Token>, AutoCloseable {
  private enum Reader {
    NOBODY,
    ITERATOR,
    PUBLISHER,
    FUTURE
  }

  private final Task task;
  private final TokenFeed feed;
  private final TokenQueue queue;
  private final Runnable wake;
  private final AtomicReference<Reader> reader = new AtomicReference<>(Reader.NOBODY);
  private final CompletableFuture<GenerationResult> future; // one, however often it is asked for
  private volatile boolean cancelled;
  private volatile boolean closed;

  /**
   * @param wake tells the scheduler that there may be something to do
   */
  Generation(Task task, TokenFeed feed, TokenQueue queue, Runnable wake) {
    this.task = task;
    this.feed = feed;
    this.queue = queue;
    this.wake = wake;
    future = feed.done().thenApplyAsync(result -> result);
  }

  /**
   * This generation itself: there is one pass over its tokens.
   *
   * @throws IllegalStateException if its tokens go elsewhere already
   */
  @Override
  public Iterator<Token> iterator() {
    claim(Reader.ITERATOR);
    return this;
  }

  /**
   * Waits for the next token or the end.
   *
   * @throws CancelledException if the generation was cancelled before it ended, or this thread is interrupted
   * @throws ClosedException if this generation, its session or its engine was closed
   * @throws TernException what made the generation fail, after the tokens before it
   * @throws IllegalStateException if its tokens go elsewhere
   */
  @Override
  public boolean hasNext() {
    claim(Reader.ITERATOR);
    checkReadable();
    boolean more;
    try {
      more = queue.await();
    } catch (InterruptedException e) {
      cancel();
      Thread.currentThread().interrupt();
      throw new CancelledException("the reading thread was interrupted", e);
    }
    checkReadable();
    if (!more && queue.failure() != null) {
      throw queue.failure();
    }
    return more;
  }

  @Override
  public Token next() {
    Token token = hasNext() ? poll() : null;
    if (token == null) {
      throw new NoSuchElementException("the generation has ended");
    }
    return token;
  }

  private void checkReadable() {
    if (closed) {
      throw new ClosedException("the generation is closed");
    }
    if (cancelled && (!feed.hasEnded() || feed.finishReason() == FinishReason.CANCELLED)) {
      throw new CancelledException("the generation was cancelled");
    }
  }

  private void claim(Reader wanted) {
    if (reader.get() != wanted && !reader.compareAndSet(Reader.NOBODY, wanted)) {
      throw new IllegalStateException(
          "the tokens go to " + reader.get() + " already, not to " + wanted + ": a generation has one reader, the first that asked");
    }
  }

  /** The next token, or null if there is none now. */
  Token poll() {
    Token token = queue.poll();
    if (token != null) {
      wakeIfAwaited();
    }
    return token;
  }

  private void wakeIfAwaited() {
    if (task.waitsForRoom()) {
      wake.run();
    }
  }

  TokenQueue queue() {
    return queue;
  }

  /** The tokens as a sequential stream; closing it closes the generation. */
  public Stream<Token> stream() {
    iterator();
    return StreamSupport.stream(Spliterators.spliteratorUnknownSize(this, Spliterator.ORDERED | Spliterator.NONNULL), false)
        .onClose(this::close);
  }

  /** {@link #publisher(Executor)} on the common pool. */
  public Flow.Publisher<Token> publisher() {
    return publisher(ForkJoinPool.commonPool());
  }

  /**
   * The tokens for one subscriber, as it requests them, on threads of the executor. Cancelling the subscription cancels the
   * generation.
   *
   * @throws IllegalStateException if its tokens go elsewhere already
   */
  public Flow.Publisher<Token> publisher(Executor executor) {
    if (!reader.compareAndSet(Reader.NOBODY, Reader.PUBLISHER)) {
      claim(Reader.NOBODY);
    }
    return new TokenPublisher(this, executor);
  }

  /**
   * Completes when the generation has ended: with the result, also after {@link #cancel()}, or exceptionally with what made it fail.
   * If nobody reads the tokens yet, they go only into the result from now on and the generation runs freely; so start to iterate
   * before you call this, if you want both. Completing or cancelling the future does nothing to the
   * generation; all calls return the same one.
   */
  public CompletableFuture<GenerationResult> future() {
    if (reader.compareAndSet(Reader.NOBODY, Reader.FUTURE)) {
      queue.discard();
      wakeIfAwaited();
    }
    return future;
  }

  /**
   * Runs to the end and returns the result. Tokens that the iterator has not read yet are only in the result then.
   *
   * @throws CancelledException if this thread is interrupted; the generation is cancelled
   * @throws TernException what made the generation fail
   */
  public GenerationResult result() {
    reader.compareAndSet(Reader.NOBODY, Reader.FUTURE);
    if (reader.get() != Reader.PUBLISHER) {
      queue.discard();
      wakeIfAwaited();
    }
    if (!feed.hasEnded()) {
      Runner.checkMayWait();
    }
    try {
      return feed.done().get();
    } catch (InterruptedException e) {
      cancel();
      Thread.currentThread().interrupt();
      throw new CancelledException("the waiting thread was interrupted", e);
    } catch (ExecutionException e) {
      throw (TernException) e.getCause(); // the feed completes it with nothing else
    }
  }

  /** Why it ended, or null while it runs. */
  public FinishReason finishReason() {
    return feed.finishReason();
  }

  /** Tokens used so far. */
  public Usage usage() {
    return feed.usage();
  }

  /** Times so far. */
  public Timings timings() {
    return feed.timings();
  }

  /** Asks the generation to end after the step in progress. Returns at once; does nothing if it has ended. */
  public void cancel() {
    cancelled = true;
    task.cancel();
    wake.run();
  }

  /**
   * Cancels, and waits for the step in progress. Idempotent. Keeps the interrupt flag.
   *
   * @throws IllegalStateException on the scheduler's own thread, where an executor of {@link #publisher(Executor)} may have brought the
   *     caller: it would wait for itself; use {@link #cancel()} there
   */
  @Override
  public void close() {
    if (!feed.hasEnded()) {
      Runner.checkMayWait();
    }
    closed = true;
    if (!feed.hasEnded()) {
      cancel();
      awaitEnd();
    }
  }

  boolean isRunning() {
    return !feed.hasEnded() && !task.isCancelled();
  }

  void awaitEnd() {
    Runner.checkMayWait();
    queue.awaitEnd();
  }
}
