package dev.tern.format;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.function.Function;

/**
 * Buffers that tensors are translated in, used again and again: made anew for every piece they would fill the heap with what is no longer
 * needed, faster than a collector that has room sees a reason to run. There are as many as threads that read at once. Thread-safe.
 */
final class Scratch {
  private final ConcurrentLinkedQueue<ByteBuffer> free = new ConcurrentLinkedQueue<>();

  /** Runs an action with a little-endian buffer of exactly so many bytes, of any content, which is its own until it ends. */
  <T> T with(int nBytes, Function<ByteBuffer, T> action) {
    ByteBuffer whole = free.poll();
    if (whole == null || whole.capacity() < nBytes) {
      whole = ByteBuffer.allocate(nBytes); // a smaller one is let go
    }
    try {
      return action.apply(whole.slice(0, nBytes).order(ByteOrder.LITTLE_ENDIAN));
    } finally {
      free.add(whole);
    }
  }
}
