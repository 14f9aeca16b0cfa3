package dev.tern.format;

import com.sun.management.ThreadMXBean;
import java.lang.management.BufferPoolMXBean;
import java.lang.management.ManagementFactory;

/** Counts what this thread allocates, and what stays of direct buffers: a reader may take memory in proportion to its input, and no more. */
final class Allocation {
  private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();
  private static final long ALWAYS = 1 << 20; // buffers of fixed sizes

  private static final BufferPoolMXBean DIRECT = ManagementFactory.getPlatformMXBeans(BufferPoolMXBean.class).stream()
      .filter(pool -> pool.getName().equals("direct"))
      .findFirst()
      .orElseThrow();

  private Allocation() {}

  /** Bytes of all direct buffers that there are, those among them that the JDK keeps with each thread. */
  static long directBytes() {
    return DIRECT.getMemoryUsed();
  }

  /**
   * Runs a reader on an input of so many bytes; fails if it takes more than perByte for each of them. A reader that does is run again,
   * since the first time classes may have been loaded for it, and fuzzers instrument them on this thread.
   */
  static void bounded(long inputBytes, int perByte, Runnable reader) {
    long most = ALWAYS + perByte * inputBytes;
    long allocated = allocated(reader);
    for (int i = 0; i < 2 && allocated > most; i++) {
      allocated = allocated(reader);
    }
    if (allocated > most) {
      throw new AssertionError(allocated + " bytes allocated for an input of " + inputBytes + ", at most " + most + " are justified");
    }
  }

  private static long allocated(Runnable reader) {
    long direct = directBytes();
    long before = THREADS.getCurrentThreadAllocatedBytes();
    reader.run();
    return THREADS.getCurrentThreadAllocatedBytes() - before + Math.max(0, directBytes() - direct);
  }
}
