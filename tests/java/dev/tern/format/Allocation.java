package dev.tern.format;

import com.sun.management.ThreadMXBean;
import java.lang.management.ManagementFactory;

/** Counts what this thread allocates: a reader may take memory in proportion to its input, and no more. */
final class Allocation {
  private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();
  private static final long ALWAYS = 1 << 20; // buffers of fixed sizes

  private Allocation() {}

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
    long before = THREADS.getCurrentThreadAllocatedBytes();
    reader.run();
    return THREADS.getCurrentThreadAllocatedBytes() - before;
  }
}
