package dev.tern.format;

import dev.tern.ClosedException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.Collections;
import java.util.Map;

/**
 * A GGUF file, version 2 or 3, little-endian: metadata in memory, tensors read on demand. The layout is described at
 * <a href="https://github.com/ggml-org/ggml/blob/master/docs/gguf.md">ggml's gguf.md</a>; what is refused, in docs/gguf.md.
 *
 * <p>Opening throws {@link dev.tern.ModelFormatException} for a file that breaks the format, {@link
 * dev.tern.UnsupportedModelException} for one that Tern cannot run, and {@link dev.tern.ModelIoException} for one that cannot be read.
 * Thread-safe: several threads may read tensors at once. After {@link #close}, reading a tensor throws {@link ClosedException}; metadata
 * stays readable.
 */
public final class GgufFile implements ModelFile {
  private final ByteSource source;
  private final int version;
  private final GgufMetadata metadata;
  private final Map<String, TensorInfo> tensors;
  private volatile boolean closed;

  GgufFile(ByteSource source, int version, GgufMetadata metadata, Map<String, TensorInfo> tensors) {
    this.source = source;
    this.version = version;
    this.metadata = metadata;
    this.tensors = Collections.unmodifiableMap(tensors);
  }

  /** Opens a file and reads its header. */
  public static GgufFile open(Path path) {
    return read(ByteSource.open(path));
  }

  /** Reads the header of a source, which the result owns from now on: it is closed with it, and at once if this throws. */
  public static GgufFile read(ByteSource source) {
    try {
      return GgufReader.read(source);
    } catch (RuntimeException | Error e) {
      source.close();
      throw e;
    }
  }

  /** Reads a stream to its end into memory; the stream stays open. Name is for messages. */
  public static GgufFile read(InputStream in, String name) {
    return read(ByteSource.of(in, name));
  }

  /** Path or name of the source. */
  @Override
  public String name() {
    return source.name();
  }

  /** 2 or 3. */
  public int version() {
    return version;
  }

  /** Bytes of the whole file. */
  @Override
  public long size() {
    return source.size();
  }

  @Override
  public GgufMetadata metadata() {
    return metadata;
  }

  /** Tensors by name, in the file's order; unmodifiable. */
  @Override
  public Map<String, TensorInfo> tensors() {
    return tensors;
  }

  /**
   * Fills dst with a tensor's bytes, as they are in the file.
   *
   * @param from first byte, counted from the tensor's start
   * @throws IllegalArgumentException if the range does not lie in the tensor
   * @throws dev.tern.ModelIoException if the file cannot be read, or has changed since it was opened
   * @throws ClosedException after close
   */
  @Override
  public void readTensor(TensorInfo tensor, long from, ByteBuffer dst) {
    if (closed) {
      throw new ClosedException(name() + " is closed");
    }
    if (!tensor.equals(tensors.get(tensor.name()))) {
      throw new IllegalArgumentException("tensor '" + tensor.name() + "' is not of " + name());
    }
    if (from < 0 || from > tensor.byteSize() - dst.remaining()) {
      throw new IllegalArgumentException(
          "bytes " + from + " + " + dst.remaining() + " of tensor '" + tensor.name() + "', which has " + tensor.byteSize());
    }
    source.read(tensor.offset() + from, dst);
  }

  /** Closes the source. Idempotent. */
  @Override
  public void close() {
    closed = true;
    source.close();
  }
}
