package dev.tern.schedule;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.tern.ClosedException;
import dev.tern.NativeFaultException;
import dev.tern.Sampling;
import dev.tern.TernException;
import dev.tern.cache.CachePolicy;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class RunnerTest {
  private static class Waiting extends Collector {
    final CountDownLatch done = new CountDownLatch(1);

    Waiting(int limit) {
      super(limit);
    }

    @Override
    public void ended(TernException failure) {
      super.ended(failure);
      done.countDown();
    }
  }

  private final Rig rig = new Rig(CachePolicy.sinksAndWindow(4, 60), 2, 8);

  private Waiting submit(Runner runner, int n) {
    Waiting out = new Waiting(n);
    rig.scheduler.submit(Task.generate(rig.sequence(), Rig.prompt(10, 1), Sampling.greedy(), out));
    runner.wake();
    return out;
  }

  private static Thread threadNamed(String name) {
    return Thread.getAllStackTraces().keySet().stream().filter(t -> t.getName().equals(name)).findFirst().orElseThrow();
  }

  @Test
  void worksWhenWokenAndParksWhenIdle() throws Exception {
    try (Runner runner = new Runner(rig.scheduler, "runner-idle")) {
      runner.start();
      Thread thread = threadNamed("runner-idle");
      assertTrue(thread.isDaemon());
      for (int i = 0; i < 200; i++) {
        assertTrue(submit(runner, 5).done.await(30, TimeUnit.SECONDS));
      }
      long deadline = System.nanoTime() + Duration.ofSeconds(30).toNanos();
      while (thread.getState() != Thread.State.WAITING) {
        assertTrue(System.nanoTime() < deadline, "it never parks");
        Thread.sleep(1);
      }
    }
    assertTrue(Thread.getAllStackTraces().keySet().stream().noneMatch(t -> t.getName().equals("runner-idle")));
  }

  @Test
  void anInterruptDoesNotStopItNorMakeItSpin() throws Exception {
    try (Runner runner = new Runner(rig.scheduler, "runner-interrupted")) {
      runner.start();
      Thread thread = threadNamed("runner-interrupted");
      thread.interrupt();
      assertTrue(submit(runner, 5).done.await(30, TimeUnit.SECONDS));
      long deadline = System.nanoTime() + Duration.ofSeconds(30).toNanos();
      while (thread.getState() != Thread.State.WAITING || thread.isInterrupted()) {
        assertTrue(System.nanoTime() < deadline, "it never parks");
        Thread.sleep(1);
      }
    }
  }

  @Test
  void closingStopsBetweenStepsAndKeepsTheInterruptFlag() throws Exception {
    Runner runner = new Runner(rig.scheduler, "runner-closed");
    runner.start();
    Waiting endless = submit(runner, Integer.MAX_VALUE);
    while (endless.tokens.isEmpty()) {
      Thread.sleep(1);
    }
    Thread.currentThread().interrupt();
    runner.close();
    assertTrue(Thread.interrupted());
    runner.close();
    assertFalse(endless.ended);
    rig.scheduler.terminate(new ClosedException("closed"));
    assertEquals(1, endless.nEnded);
  }

  @Test
  void anErrorEndsWhatRuns() throws Exception {
    try (Runner runner = new Runner(rig.scheduler, "runner-error")) {
      runner.start();
      Waiting out = new Waiting(5) {
        @Override
        public boolean hasRoom() {
          throw new OutOfMemoryError("as if");
        }
      };
      rig.scheduler.submit(Task.generate(rig.sequence(), Rig.prompt(3, 1), Sampling.greedy(), out));
      runner.wake();
      assertTrue(out.done.await(30, TimeUnit.SECONDS));
      assertInstanceOf(NativeFaultException.class, out.failure);
    }
  }
}
