package dev.tern.format;

import dev.tern.ModelIoException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.file.Path;

/**
 * Bytes that can be read at any position: a file, or memory. Reads are positional, so several threads may read at once.
 * Nothing is mapped: a file that shrinks is an exception here, not a fault of the process.
 */
public interface ByteSource extends AutoCloseable {
  /** What the bytes are, for messages. */
  String name();

  /** Bytes in the source, as they were when it was opened. */
  long size();

  /**
   * Fills dst from position on.
   *
   * @throws IllegalArgumentException if the range does not lie in the source
   * @throws ModelIoException if the bytes cannot be read, or the file has changed since it was opened
   * @throws dev.tern.ClosedException after close
   */
  void read(long position, ByteBuffer dst);

  /** All bytes from the first on, for one thread; they are read as {@link #read} does, with its exceptions. Closing it closes nothing. */
  default InputStream stream() {
    return new InputStream() {
      private long position;

      @Override
      public int read() {
        byte[] one = new byte[1];
        return read(one, 0, 1) < 0 ? -1 : one[0] & 255;
      }

      @Override
      public int read(byte[] bytes, int from, int n) {
        int some = (int) Math.min(n, size() - position);
        if (some == 0) {
          return n == 0 ? 0 : -1;
        }
        ByteSource.this.read(position, ByteBuffer.wrap(bytes, from, some));
        position += some;
        return some;
      }
    };
  }

  /** Lets the bytes go. Idempotent. */
  @Override
  void close();

  /**
   * Opens a regular file.
   *
   * @throws ModelIoException if it is absent, not a regular file (directories, pipes and devices are not opened), or not readable
   */
  static ByteSource open(Path path) {
    return new FileSource(path);
  }

  /** Bytes in memory, which must not be changed afterwards. */
  static ByteSource of(byte[] bytes, String name) {
    return new MemorySource(ByteBuffer.wrap(bytes), name);
  }

  /** The remaining bytes of a buffer, which must not be changed afterwards. */
  static ByteSource of(ByteBuffer bytes, String name) {
    return new MemorySource(bytes.slice(), name);
  }

  /**
   * Reads a stream to its end into memory; the stream stays open.
   *
   * @throws ModelIoException if it cannot be read, or holds more than 2 GiB
   */
  static ByteSource of(InputStream in, String name) {
    try {
      return of(in.readAllBytes(), name);
    } catch (IOException e) {
      throw new ModelIoException("cannot read " + name + ": " + e.getMessage(), e);
    } catch (OutOfMemoryError e) {
      throw new ModelIoException(name + " does not fit in the Java heap", e);
    }
  }
}
