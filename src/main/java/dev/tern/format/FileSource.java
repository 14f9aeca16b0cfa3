package dev.tern.format;

import dev.tern.ClosedException;
import dev.tern.ModelChangedException;
import dev.tern.ModelIoException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedByInterruptException;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.FileChannel;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileTime;
import java.util.Objects;

/**
 * A {@link ByteSource} over a regular file. Size and modification time are compared after each read. A file that was
 * replaced by a rename is still the file that was opened, and is not a change.
 */
final class FileSource implements ByteSource {
  /** For an array the JDK reads through a direct buffer of as many bytes, and keeps that for ever with the thread. */
  private static final int SLICE_BYTES = 64 << 10;

  private final Path path;
  private final FileChannel channel;
  private final long size;
  private final FileTime modified;
  private final Object key;

  FileSource(Path path) {
    this.path = path;
    BasicFileAttributes attributes = attributes(path);
    if (!attributes.isRegularFile()) {
      throw new ModelIoException(path + " is " + (attributes.isDirectory() ? "a directory" : "not a regular file") + "");
    }
    try {
      channel = FileChannel.open(path, StandardOpenOption.READ);
    } catch (IOException e) {
      throw failure(path, e);
    }
    size = attributes.size();
    modified = attributes.lastModifiedTime();
    key = attributes.fileKey();
  }

  private static BasicFileAttributes attributes(Path path) {
    try {
      return Files.readAttributes(path, BasicFileAttributes.class);
    } catch (IOException e) {
      throw failure(path, e);
    }
  }

  private static ModelIoException failure(Path path, IOException e) {
    if (e instanceof NoSuchFileException) {
      return new ModelIoException("no such file: " + path, e);
    }
    if (e instanceof AccessDeniedException) {
      return new ModelIoException("no permission to read " + path, e);
    }
    return new ModelIoException("cannot read " + path + ": " + e.getMessage(), e);
  }

  @Override
  public String name() {
    return path.toString();
  }

  @Override
  public long size() {
    return size;
  }

  @Override
  public void read(long position, ByteBuffer dst) {
    if (position < 0 || position > size - dst.remaining()) {
      throw new IllegalArgumentException("bytes " + position + " + " + dst.remaining() + " of " + size);
    }
    try {
      int end = dst.limit();
      while (dst.position() < end) {
        int n;
        try {
          n = channel.read(dst.isDirect() ? dst : dst.limit(Math.min(end, dst.position() + SLICE_BYTES)), position);
        } finally {
          dst.limit(end);
        }
        if (n < 0) {
          throw changed("it ends at byte " + position + ", and had " + size);
        }
        position += n;
      }
      verifyUnchanged();
    } catch (ClosedByInterruptException e) {
      throw new ModelIoException("interrupted while reading " + path, e);
    } catch (ClosedChannelException e) {
      throw new ClosedException(path + " is closed", e);
    } catch (IOException e) {
      throw failure(path, e);
    }
  }

  private void verifyUnchanged() throws IOException {
    long now = channel.size();
    if (now != size) {
      throw changed("its size went from " + size + " to " + now);
    }
    BasicFileAttributes attributes;
    try {
      attributes = Files.readAttributes(path, BasicFileAttributes.class);
    } catch (NoSuchFileException e) {
      return; // unlinked: the bytes stay with the open channel
    }
    if (Objects.equals(key, attributes.fileKey()) && !modified.equals(attributes.lastModifiedTime())) {
      throw changed("it was written to");
    }
  }

  private ModelChangedException changed(String how) {
    return new ModelChangedException(path + " changed while it was read: " + how);
  }

  @Override
  public void close() {
    try {
      channel.close();
    } catch (IOException e) {
      throw failure(path, e);
    }
  }
}
