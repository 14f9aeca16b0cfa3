package dev.tern.kernel;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.tern.ClosedException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class NativeHandleTest {
  private static final class Handle extends NativeHandle {
    final AtomicInteger inUse = new AtomicInteger();
    final AtomicInteger destroyed = new AtomicInteger();
    volatile int inUseWhenDestroyed;

    Handle() {
      super("handle");
    }

    @Override
    void destroy() {
      inUseWhenDestroyed = inUse.get();
      destroyed.incrementAndGet();
    }

    void use() {
      enter();
      try {
        inUse.incrementAndGet();
        Thread.onSpinWait();
        assertEquals(0, destroyed.get());
        inUse.decrementAndGet();
      } finally {
        leave();
      }
    }
  }

  @Test
  void isDestroyedOnceAndNeverInUse() throws InterruptedException {
    for (int i = 0; i < 2000; i++) {
      Handle handle = new Handle();
      List<Thread> threads = new ArrayList<>();
      for (int t = 0; t < 2; t++) {
        threads.add(new Thread(() -> assertThrows(ClosedException.class, () -> {
          while (true) {
            handle.use();
          }
        })));
        threads.add(new Thread(() -> {
          handle.close();
          assertEquals(1, handle.destroyed.get(), "close returns when it is done");
        }));
      }
      threads.forEach(Thread::start);
      for (Thread thread : threads) {
        thread.join();
      }
      assertEquals(1, handle.destroyed.get());
      assertEquals(0, handle.inUseWhenDestroyed);
      assertTrue(handle.isClosed());
    }
  }

  @Test
  void closingKeepsTheInterruptFlag() throws InterruptedException {
    Handle handle = new Handle();
    handle.enter();
    Thread closer = new Thread(() -> {
      Thread.currentThread().interrupt();
      handle.close();
      assertTrue(Thread.currentThread().isInterrupted());
      handle.inUse.set(42);
    });
    closer.start();
    while (!handle.isClosed()) {
      Thread.onSpinWait();
    }
    assertEquals(0, handle.destroyed.get());
    handle.leave();
    closer.join();
    assertEquals(42, handle.inUse.get());
  }
}
