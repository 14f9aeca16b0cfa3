package dev.tern.format;

import com.sun.management.ThreadMXBean;
import java.lang.management.ManagementFactory;

/** Counts what this thread allocates: a reader may take memory in proportion to its input, and no more. */
final class Allocation {
  private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();
  /** Classes being loaded, tables being filled, the JIT: what is there once, whatever the input. */
  private static final long ONCE = 8 << 20;

  private Allocation() {}

  /** Runs a reader on an input of so many bytes; fails if it takes more than perByte for each of them. */
  static void bounded(long inputBytes, int perByte, Runnable reader) {
    long before = THREADS.getCurrentThreadAllocatedBytes();
    reader.run();
    long allocated = THREADS.getCurrentThreadAllocatedBytes() - before;
    if (allocated > ONCE + perByte * inputBytes) {
      throw new AssertionError(allocated + " bytes allocated for an input of " + inputBytes);
    }
  }
}
