package dev.tern;

import java.util.concurrent.Executor;
import java.util.concurrent.Flow;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;

/** The tokens of a generation for one subscriber, as it asks for them. Signals come one after another, on threads of an executor. */
final class TokenPublisher implements Flow.Publisher<Token> {
  private final Generation generation;
  private final Executor executor;
  private final AtomicBoolean subscribed = new AtomicBoolean();

  TokenPublisher(Generation generation, Executor executor) {
    this.generation = generation;
    this.executor = executor;
  }

  @Override
  public void subscribe(Flow.Subscriber<? super Token> subscriber) {
    if (subscriber == null) {
      throw new NullPointerException("subscriber");
    }
    if (subscribed.compareAndSet(false, true)) {
      new Subscription(subscriber).begin();
    } else {
      subscriber.onSubscribe(new Flow.Subscription() {
        @Override
        public void request(long n) {}

        @Override
        public void cancel() {}
      });
      subscriber.onError(new IllegalStateException("a generation has one subscriber"));
    }
  }

  private final class Subscription implements Flow.Subscription {
    private final Flow.Subscriber<? super Token> subscriber;
    private final AtomicLong demand = new AtomicLong();
    private final AtomicInteger signals = new AtomicInteger(); // > 0 while a drain runs or is about to
    private volatile IllegalArgumentException misuse;
    private volatile boolean over;

    Subscription(Flow.Subscriber<? super Token> subscriber) {
      this.subscriber = subscriber;
    }

    void begin() {
      signals.set(1); // holds back the drain until onSubscribe has returned
      subscriber.onSubscribe(this);
      generation.queue().onChange(this::signal);
      schedule();
    }

    @Override
    public void request(long n) {
      if (n <= 0) {
        misuse = new IllegalArgumentException("requested " + n + " tokens: it must be 1 or more");
      } else {
        demand.updateAndGet(d -> d + n < 0 ? Long.MAX_VALUE : d + n);
      }
      signal();
    }

    @Override
    public void cancel() {
      over = true;
      generation.cancel();
    }

    private void signal() {
      if (signals.getAndIncrement() == 0) {
        schedule();
      }
    }

    private void schedule() {
      try {
        executor.execute(this::drain);
      } catch (RuntimeException e) { // the executor refuses: nobody can be told
        over = true;
        generation.cancel();
      }
    }

    private void drain() {
      int seen = signals.get();
      do {
        try {
          deliver();
        } catch (Throwable e) { // a subscriber that throws has cancelled (Reactive Streams 2.13)
          over = true;
          generation.cancel();
          if (e instanceof Error error) {
            throw error;
          }
        }
        seen = signals.addAndGet(-seen);
      } while (seen != 0);
    }

    private void deliver() {
      while (!over) {
        if (misuse != null) {
          over = true;
          generation.cancel();
          subscriber.onError(misuse);
        } else if (demand.get() > 0 && deliverNext()) {
          demand.updateAndGet(d -> d == Long.MAX_VALUE ? d : d - 1);
        } else if (generation.queue().isExhausted()) {
          over = true;
          TernException failure = generation.queue().failure();
          if (failure == null) {
            subscriber.onComplete();
          } else {
            subscriber.onError(failure);
          }
        } else {
          return;
        }
      }
    }

    private boolean deliverNext() {
      Token token = generation.poll();
      if (token != null) {
        subscriber.onNext(token);
      }
      return token != null;
    }
  }
}
