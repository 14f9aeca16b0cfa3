package dev.tern.bench;

import dev.tern.CancelledException;
import dev.tern.Engine;
import dev.tern.EngineStats;
import dev.tern.Generation;
import dev.tern.Model;
import dev.tern.Sampling;
import dev.tern.Session;
import dev.tern.TernException;
import dev.tern.Timings;
import dev.tern.cache.CachePolicy;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Supplier;

/** Serves requests through an engine of its own, as a program with so many clients would, a thread for each. */
public final class RequestRunner {
  private RequestRunner() {}

  /** What goes on beside the requests that are timed; made when they begin, closed when they have ended. */
  public interface Observer extends AutoCloseable {
    @Override
    void close();
  }

  /**
   * Serves them, after as many as are served at once that nobody times.
   *
   * @param threads 0: one per core
   * @throws TernException what made one fail
   */
  public static RequestTimes run(Model model, int threads, RequestLoad load, Supplier<? extends Observer> observer) {
    try (Engine engine = Engine.builder(model).threads(threads).maxSequences(load.concurrency()).prefillChunk(SpeedRunner.PREFILL_CHUNK)
        .cachePolicy(CachePolicy.dense(load.nPrompt() + load.nGen() + 1)).build()) {
      List<Session> sessions = new ArrayList<>();
      for (int i = 0; i < load.concurrency(); i++) {
        sessions.add(engine.newSession());
      }
      Clients clients = new Clients(load, sessions, model.vocabSize());
      clients.serve(load.concurrency(), Long.MAX_VALUE);
      EngineStats before = engine.stats();
      List<Timings> all;
      long nanos;
      Observer beside = observer.get();
      long start = System.nanoTime();
      try {
        all = clients.serve(load.maxRequests(), start + (long) (load.seconds() * 1e9));
        nanos = System.nanoTime() - start;
      } finally {
        beside.close();
      }
      EngineStats after = engine.stats();
      return new RequestTimes(load, engine.threads(), all, nanos, after.steps() - before.steps(), after.promptRows() - before.promptRows(),
          after.decodedTokens() - before.decodedTokens());
    }
  }

  private record Clients(RequestLoad load, List<Session> sessions, int vocabSize) {
    List<Timings> serve(int max, long deadline) {
      AtomicInteger next = new AtomicInteger();
      ExecutorService threads = Executors.newFixedThreadPool(sessions.size());
      try {
        List<Future<List<Timings>>> running = new ArrayList<>();
        for (Session session : sessions) {
          running.add(threads.submit(() -> serve(session, next, max, deadline)));
        }
        List<Timings> all = new ArrayList<>();
        for (Future<List<Timings>> one : running) {
          all.addAll(one.get());
        }
        return all;
      } catch (ExecutionException e) {
        throw e.getCause() instanceof RuntimeException cause ? cause : new IllegalStateException(e.getCause());
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new CancelledException("interrupted while requests were served", e);
      } finally {
        threads.shutdownNow(); // interrupts those that wait for a generation, which cancels it
      }
    }

    private List<Timings> serve(Session session, AtomicInteger next, int max, long deadline) {
      Sampling sampling = Sampling.greedy().maxTokens(load.nGen()).ignoreEos(true);
      List<Timings> served = new ArrayList<>();
      while (served.isEmpty() || System.nanoTime() < deadline) {
        int request = next.getAndIncrement();
        if (request >= max) {
          break;
        }
        session.reset();
        int[] prompt = new SplittableRandom(request).ints(load.nPrompt(), 0, vocabSize).toArray();
        try (Generation generation = session.generate(prompt, sampling)) {
          served.add(generation.result().timings());
        }
      }
      return served;
    }
  }
}
