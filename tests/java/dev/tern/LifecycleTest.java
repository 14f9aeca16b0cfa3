package dev.tern;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Who closes what, when, from which thread: always an exception, never more, and all memory comes back. */
@Timeout(240)
class LifecycleTest {
  private static final Sampling ENDLESS = Sampling.greedy().maxTokens(0).ignoreEos(true);
  private static Model model;

  @BeforeAll
  static void load() {
    model = TestModels.stories();
  }

  @AfterAll
  static void unload() {
    model.close();
  }

  private static Engine engine() {
    return Engine.builder(model).maxSequences(4).prefillChunk(16).build();
  }

  /** Runs a body, which may meet TernExceptions and nothing else, in a thread. */
  private static Thread thread(CyclicBarrier start, AtomicReference<Throwable> failure, Runnable body) {
    Thread thread = new Thread(() -> {
      try {
        start.await();
        body.run();
      } catch (TernException e) {
        // what the test is about: allowed
      } catch (Throwable e) {
        failure.set(e);
      }
    });
    thread.start();
    return thread;
  }

  private static void join(List<Thread> threads, AtomicReference<Throwable> failure) throws InterruptedException {
    for (Thread thread : threads) {
      thread.join();
    }
    if (failure.get() != null) {
      throw new AssertionError(failure.get());
    }
  }

  @Test
  void nativeBytesComeBackToWhereTheyWere() {
    long before = Model.nativeBytes();
    for (int i = 0; i < 5; i++) {
      try (Model own = TestModels.stories()) {
        assertTrue(Model.nativeBytes() >= before + own.weightBytes());
        long loaded = Model.nativeBytes();
        Engine engine = Engine.builder(own).maxSequences(3).build();
        assertTrue(Model.nativeBytes() >= loaded + engine.kvBytes() + engine.scratchBytes());
        engine.newSession().generate("x", ENDLESS.maxTokens(3)).result();
        engine.close();
        assertEquals(loaded, Model.nativeBytes());
      }
      assertEquals(before, Model.nativeBytes());
    }
  }

  @Test
  void aModelMayBeClosedBeforeItsEngines() {
    long before = Model.nativeBytes();
    Model own = TestModels.stories();
    Engine engine = Engine.builder(own).build();
    own.close();
    own.close();
    assertTrue(own.isClosed());
    Session session = engine.newSession();
    assertEquals("Once", session.generate("", ENDLESS.maxTokens(10)).result().text().substring(0, 4));
    assertThrows(ClosedException.class, () -> Engine.builder(own).build());
    assertThrows(ClosedException.class, own::describeDevice);
    assertTrue(Model.nativeBytes() > before);
    engine.close();
    assertEquals(before, Model.nativeBytes());
  }

  @Test
  void useAfterCloseIsAnExceptionEverywhere() {
    Engine engine = engine();
    Session closed = engine.newSession();
    Generation running = closed.generate("x", ENDLESS);
    closed.close();
    closed.close();
    assertThrows(ClosedException.class, () -> running.forEachRemaining(t -> {}));
    assertThrows(ClosedException.class, () -> closed.generate("x", ENDLESS));
    assertThrows(ClosedException.class, () -> closed.score(1, 2));
    assertThrows(ClosedException.class, () -> closed.logits(1));
    assertThrows(ClosedException.class, closed::reset);
    for (int i = 0; i < 4; i++) {
      engine.newSession(); // its place is free at once
    }
    Engine[] engines = {engine};
    engines[0].close();
    assertThrows(ClosedException.class, () -> engines[0].newSession());
  }

  @Test
  void closingAnEngineWhileOthersReadAndSubmit() throws Exception {
    long before = Model.nativeBytes();
    AtomicInteger read = new AtomicInteger();
    for (int i = 0; i < 400; i++) {
      Engine engine = engine();
      CyclicBarrier start = new CyclicBarrier(4);
      AtomicReference<Throwable> failure = new AtomicReference<>();
      List<Thread> threads = new ArrayList<>();
      Session session = engine.newSession();
      threads.add(thread(start, failure, () -> session.generate("Once", ENDLESS).forEachRemaining(t -> read.incrementAndGet())));
      threads.add(thread(start, failure, () -> {
        while (true) {
          try (Session own = engine.newSession()) {
            own.generate("x", ENDLESS.maxTokens(2)).result();
          }
        }
      }));
      threads.add(thread(start, failure, engine::close));
      start.await();
      engine.close();
      join(threads, failure);
      assertEquals(before, Model.nativeBytes(), "close returns when all is freed");
    }
    assertTrue(read.get() >= 0);
  }

  @Test
  void closingASessionWhileItGenerates() throws Exception {
    try (Engine engine = engine()) {
      for (int i = 0; i < 2000; i++) {
        Session session = engine.newSession();
        CyclicBarrier start = new CyclicBarrier(2);
        AtomicReference<Throwable> failure = new AtomicReference<>();
        Thread reader = thread(start, failure, () -> session.generate("Once upon a time", ENDLESS).forEachRemaining(t -> {}));
        start.await();
        if (i % 3 == 0) {
          session.reset();
        }
        session.close();
        join(List.of(reader), failure);
      }
      assertEquals(0, engine.stats().sessions());
      engine.newSession().generate("x", ENDLESS.maxTokens(1)).result();
      assertEquals(1, engine.stats().usedPages(), "pages of the closed sessions are free");
    }
  }

  @Test
  void cancellingFromAnotherThreadAtAnyTime() throws Exception {
    try (Engine engine = engine(); Session session = engine.newSession()) {
      for (int i = 0; i < 2000; i++) {
        Generation generation = session.generate("Tim", ENDLESS.maxTokens(1 + i % 5));
        CyclicBarrier start = new CyclicBarrier(2);
        AtomicReference<Throwable> failure = new AtomicReference<>();
        Thread canceller = thread(start, failure, i % 2 == 0 ? generation::cancel : generation::close);
        start.await();
        try {
          generation.forEachRemaining(t -> {});
        } catch (CancelledException | ClosedException e) {
          // either end of the race
        }
        join(List.of(canceller), failure);
        generation.close();
        assertTrue(generation.finishReason() == FinishReason.LENGTH || generation.finishReason() == FinishReason.CANCELLED);
      }
    }
  }

  @Test
  void twoThreadsOnOneSessionNeverMix() throws Exception {
    try (Engine engine = engine(); Session session = engine.newSession()) {
      AtomicInteger scored = new AtomicInteger();
      for (int i = 0; i < 200; i++) {
        CyclicBarrier start = new CyclicBarrier(2);
        AtomicReference<Throwable> failure = new AtomicReference<>();
        Runnable call = () -> {
          try {
            session.score(1, 5, 6);
            scored.incrementAndGet();
          } catch (java.util.ConcurrentModificationException e) {
            // the other was first
          }
        };
        join(List.of(thread(start, failure, call), thread(start, failure, call)), failure);
      }
      assertEquals(3L * scored.get(), session.length());
    }
  }

  @Test
  void aBadFileLeavesNothingBehind(@TempDir Path dir) throws IOException {
    long before = Model.nativeBytes();
    byte[] good = Files.readAllBytes(TestModels.STORIES);
    Path bad = dir.resolve("bad.gguf");
    for (int n : new int[] {0, 10, 5000, good.length / 2, good.length - 1}) {
      Files.write(bad, java.util.Arrays.copyOf(good, n));
      assertThrows(ModelFormatException.class, () -> Model.load(bad));
    }
    assertThrows(ModelIoException.class, () -> Model.load(Files.createDirectory(dir.resolve("empty"))));
    assertThrows(ModelFormatException.class, () -> Model.load(dir)); // the model in it
    assertThrows(ModelIoException.class, () -> Model.load(dir.resolve("absent.gguf")));
    IllegalStateException stop = new IllegalStateException("stop");
    assertThrows(IllegalStateException.class, () -> Model.load(TestModels.STORIES, (done, total) -> {
      if (done > total / 2) {
        throw stop;
      }
    }));
    assertEquals(before, Model.nativeBytes());
  }

  @Test
  void progressGoesFromNothingToAll() {
    List<Long> steps = new ArrayList<>();
    long[] total = {0};
    try (Model own = Model.load(TestModels.STORIES, (done, all) -> {
      steps.add(done);
      total[0] = all;
    })) {
      assertEquals(0, steps.get(0));
      assertEquals(total[0], steps.get(steps.size() - 1));
      assertEquals(own.nParameters() * 4, total[0]);
      for (int i = 1; i < steps.size(); i++) {
        assertTrue(steps.get(i) > steps.get(i - 1));
      }
    }
  }

  @Test
  void threadsAreDaemonsAndEnd() {
    Engine engine = engine();
    List<Thread> mine = Thread.getAllStackTraces().keySet().stream().filter(t -> t.getName().startsWith("tern-engine-")).toList();
    assertTrue(!mine.isEmpty() && mine.stream().allMatch(Thread::isDaemon));
    engine.close();
    assertTrue(mine.stream().anyMatch(t -> !t.isAlive()));
  }
}
