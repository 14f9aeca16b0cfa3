package dev.tern.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.tern.CancelledException;
import dev.tern.ClosedException;
import dev.tern.Model;
import dev.tern.Timings;
import dev.tern.format.ModelShape;
import dev.tern.format.RandomModel;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What is served; how fast is no matter here. */
class RequestRunnerTest {
  @TempDir
  Path directory;

  private Model model() {
    Path file = directory.resolve("m.gguf");
    new RandomModel(ModelShape.of("tern-tiny")).write(file);
    return Model.load(file);
  }

  @Test
  void everyRequestIsServedOnce() {
    AtomicInteger open = new AtomicInteger();
    AtomicInteger made = new AtomicInteger();
    try (Model model = model()) {
      for (int concurrency : new int[] {1, 3, 9}) {
        RequestTimes times = RequestRunner.run(model, 1, new RequestLoad(150, 6, concurrency, 7, 1e9), () -> {
          open.incrementAndGet();
          made.incrementAndGet();
          return open::decrementAndGet;
        });
        assertEquals(7, times.requests().size());
        assertEquals(7 * 150, times.promptRows());
        assertEquals(7 * 6, times.decodedTokens());
        assertTrue(times.steps() <= 7 * (2 + 5), "a prompt is two chunks: " + times.steps());
        for (Timings t : times.requests()) {
          assertTrue(0 <= t.queuedNanos() && t.queuedNanos() <= t.firstTokenNanos() && t.firstTokenNanos() + t.decodeNanos() <= t.totalNanos(), t.toString());
          assertTrue(t.totalNanos() <= times.nanos(), t.toString());
        }
        assertEquals(7, times.firstToken().count());
        assertEquals(times.latency().max(), times.requests().stream().mapToLong(Timings::totalNanos).max().orElseThrow() * 1e-9, 1e-12);
      }
      assertEquals(3, made.get());
      assertEquals(0, open.get());
    }
  }

  /** The time is over at once: every stream serves one, and no other begins. */
  @Test
  void noneBeginsAfterTheTime() {
    try (Model model = model()) {
      RequestTimes times = RequestRunner.run(model, 1, new RequestLoad(3, 1, 2, 100, 1e-9), () -> () -> {});
      assertEquals(2, times.requests().size());
      assertEquals(null, times.perToken());
    }
  }

  @Test
  void aFailureIsTold() {
    AtomicInteger open = new AtomicInteger();
    Model model = model();
    assertThrows(IllegalStateException.class, () -> RequestRunner.run(model, 1, new RequestLoad(3, 2, 1, 1, 1), () -> {
      throw new IllegalStateException("no meter");
    }));
    model.close();
    assertThrows(ClosedException.class, () -> RequestRunner.run(model, 1, new RequestLoad(3, 2, 1, 1, 1), () -> open::incrementAndGet));
    assertEquals(0, open.get());
  }

  /** While requests are served: what goes on beside them ends, and so do the clients and the engine. */
  @Test
  void anInterruptEndsIt() {
    AtomicInteger open = new AtomicInteger();
    Thread caller = Thread.currentThread();
    try (Model model = model()) {
      assertThrows(CancelledException.class, () -> RequestRunner.run(model, 1, new RequestLoad(3, 500, 2, Integer.MAX_VALUE, 1e9), () -> {
        open.incrementAndGet();
        caller.interrupt();
        return open::decrementAndGet;
      }));
      assertTrue(Thread.interrupted());
      assertEquals(0, open.get());
      assertEquals(1, RequestRunner.run(model, 1, new RequestLoad(3, 2, 1, 1, 1), () -> () -> {}).requests().size(), "the device is free for others");
    }
  }

  @Test
  void timesAreOfTheirTokens() {
    RequestTimes times = new RequestTimes(new RequestLoad(10, 5, 2, 2, 1), 1,
        List.of(new Timings(1, 1_000_000_000L, 2_000_000_000L, 3_000_000_000L), new Timings(1, 2_000_000_000L, 4_000_000_000L, 6_000_000_000L)), 10_000_000_000L, 0, 0, 0);
    assertEquals(0.75, times.perToken().mean(), 1e-12); // 2 s and 4 s of four tokens each
    assertEquals(1.5, times.firstToken().mean(), 1e-12);
    assertEquals(4.5, times.latency().mean(), 1e-12);
    assertEquals(30 / 10.0, times.rate(), 1e-12);
    assertEquals(10 / 10.0, times.generationRate(), 1e-12);
  }
}
