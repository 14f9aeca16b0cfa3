package dev.tern.format;

import java.nio.ByteBuffer;

/** A {@link ByteSource} over a buffer. */
final class MemorySource implements ByteSource {
  private final ByteBuffer bytes;
  private final String name;

  MemorySource(ByteBuffer bytes, String name) {
    this.bytes = bytes;
    this.name = name;
  }

  @Override
  public String name() {
    return name;
  }

  @Override
  public long size() {
    return bytes.capacity();
  }

  @Override
  public void read(long position, ByteBuffer dst) {
    if (position < 0 || position > bytes.capacity() - dst.remaining()) {
      throw new IllegalArgumentException("bytes " + position + " + " + dst.remaining() + " of " + bytes.capacity());
    }
    dst.put(bytes.slice((int) position, dst.remaining()));
  }

  @Override
  public void close() {}
}
