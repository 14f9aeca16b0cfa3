package dev.tern.format;

import dev.tern.ModelIoException;
import java.io.BufferedOutputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.Channels;
import java.nio.channels.ClosedByInterruptException;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.LongConsumer;

/**
 * Writes a GGUF file, version 3, little-endian: metadata and tensors are declared, then everything is streamed in one pass, tensor contents
 * being produced as they are written. For one thread. Methods return this; they throw {@link IllegalArgumentException} for what a reader
 * would refuse.
 */
public final class GgufWriter {
  /** Produces the bytes of a tensor: exactly its size, no more and no less. */
  @FunctionalInterface
  public interface Content {
    void writeTo(OutputStream out) throws IOException;
  }

  private record Tensor(String name, TensorType type, long[] dims, long byteSize, Content content) {}

  private static final int BUFFER_BYTES = 1 << 18;
  private static final int COPY_BYTES = 1 << 20;

  private final Map<String, Bytes> metadata = new LinkedHashMap<>();
  private final Map<String, Tensor> tensors = new LinkedHashMap<>();
  private long alignment = GgufReader.DEFAULT_ALIGNMENT;

  /** Sets the alignment of tensors, a power of two from 8 to 65536; 32 if not called. */
  public GgufWriter alignment(int bytes) {
    if (bytes < 8 || bytes > GgufReader.MAX_ALIGNMENT || Integer.bitCount(bytes) != 1) {
      throw new IllegalArgumentException("alignment " + bytes + " is not a power of two from 8 to " + GgufReader.MAX_ALIGNMENT);
    }
    alignment = bytes;
    return number(GgufReader.ALIGNMENT_KEY, GgufType.UINT32, bytes);
  }

  public GgufWriter string(String key, String value) {
    return put(key, new Bytes().u32(GgufType.STRING.ordinal()).string(value));
  }

  public GgufWriter bool(String key, boolean value) {
    return put(key, new Bytes().u32(GgufType.BOOL.ordinal()).number(GgufType.BOOL, value ? 1 : 0));
  }

  /** A UINT32, as most hyperparameters are. */
  public GgufWriter uint32(String key, long value) {
    return number(key, GgufType.UINT32, value);
  }

  public GgufWriter float32(String key, float value) {
    return number(key, GgufType.FLOAT32, value);
  }

  /** A number of any type, its low bytes kept. */
  public GgufWriter number(String key, GgufType type, Number value) {
    return put(key, new Bytes().u32(type.ordinal()).number(type, value));
  }

  public GgufWriter strings(String key, List<String> values) {
    return put(key, Bytes.of(GgufStrings.of(values)));
  }

  /** An array of INT32. */
  public GgufWriter ints(String key, int[] values) {
    Number[] numbers = new Number[values.length];
    for (int i = 0; i < values.length; i++) {
      numbers[i] = values[i];
    }
    return numbers(key, GgufType.INT32, numbers);
  }

  /** An array of FLOAT32. */
  public GgufWriter floats(String key, float[] values) {
    Number[] numbers = new Number[values.length];
    for (int i = 0; i < values.length; i++) {
      numbers[i] = values[i];
    }
    return numbers(key, GgufType.FLOAT32, numbers);
  }

  /** An array of numbers (0 and 1 for BOOL) of any type. */
  public GgufWriter numbers(String key, GgufType type, Number... values) {
    Bytes bytes = new Bytes().u32(GgufType.ARRAY.ordinal()).u32(type.ordinal()).u64(values.length);
    for (Number value : values) {
      bytes.number(type, value);
    }
    return put(key, bytes);
  }

  /** Takes over all of a model: its metadata, and its tensors as they are read from it when the file is written. */
  public GgufWriter copy(ModelFile model) {
    for (String key : model.metadata().keys()) {
      if (!key.startsWith("split.") && !key.equals(GgufReader.ALIGNMENT_KEY)) {
        copy(key, model.metadata().entry(key));
      }
    }
    model.tensors().values().forEach(tensor -> tensor(tensor.name(), tensor.type(), tensor.dims(), out -> {
      ByteBuffer piece = ByteBuffer.allocate(COPY_BYTES);
      for (long at = 0; at < tensor.byteSize(); at += piece.limit()) {
        piece.clear().limit((int) Math.min(COPY_BYTES, tensor.byteSize() - at));
        model.readTensor(tensor, at, piece);
        out.write(piece.array(), 0, piece.limit());
      }
    }));
    return this;
  }

  void copy(String key, GgufMetadata.Entry entry) {
    if (entry.value() instanceof GgufMetadata.Array array) {
      if (array.element() == GgufType.STRING) {
        put(key, Bytes.of(array.strings()));
      } else {
        put(key, new Bytes().u32(GgufType.ARRAY.ordinal()).u32(array.element().ordinal()).u64(array.length()).raw(array.raw()));
      }
    } else if (entry.value() instanceof String text) {
      string(key, text);
    } else if (entry.value() instanceof Boolean value) {
      bool(key, value);
    } else {
      number(key, entry.type(), (Number) entry.value());
    }
  }

  /** Declares a tensor; dims are the fastest first. Tensors are written in the order they are declared. */
  public GgufWriter tensor(String name, TensorType type, long[] dims, Content content) {
    int nameBytes = name.getBytes(StandardCharsets.UTF_8).length;
    if (nameBytes < 1 || nameBytes > GgufReader.MAX_NAME_BYTES || tensors.containsKey(name)) {
      throw new IllegalArgumentException("tensor name '" + name + "' is empty, too long, or there already");
    }
    if (dims.length < 1 || dims.length > GgufReader.MAX_DIMS) {
      throw new IllegalArgumentException("tensor '" + name + "' has " + dims.length + " dimensions");
    }
    tensors.put(name, new Tensor(name, type, dims.clone(), type.tensorBytes(dims), content));
    return this;
  }

  /** Declares an F32 tensor of these values. */
  public GgufWriter tensor(String name, long[] dims, float[] values) {
    ByteBuffer bytes = ByteBuffer.allocate(values.length * Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    bytes.asFloatBuffer().put(values);
    return tensor(name, TensorType.F32, dims, out -> out.write(bytes.array()));
  }

  /** Bytes of the whole file. */
  public long size() {
    long size = header().size();
    for (Tensor tensor : tensors.values()) {
      size += align(tensor.byteSize);
    }
    return size;
  }

  /**
   * Writes the file as NAME.part beside its own, and renames it when it is whole and on disk: a reader sees the old file or the new one, and
   * after a failure, or an interrupt of this thread, nothing is left. Links are not followed, devices and pipes not replaced.
   *
   * @throws ModelIoException if it cannot be written; if NAME.part is there, which is another's work or the rest of a killed one
   */
  public void write(Path path) {
    write(path, written -> {});
  }

  /** {@link #write(Path)}, telling after every tensor how many bytes are written. */
  public void write(Path path, LongConsumer progress) {
    requireReplaceable(path);
    Path temporary = path.resolveSibling(path.getFileName() + ".part");
    FileChannel made;
    try {
      made = FileChannel.open(temporary, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE, LinkOption.NOFOLLOW_LINKS);
    } catch (FileAlreadyExistsException e) {
      throw new ModelIoException(temporary + " is there: another process writes it, or one was killed; then remove it", e);
    } catch (IOException e) {
      throw new ModelIoException("cannot write " + path + ": " + e, e);
    }
    try {
      try (FileChannel channel = made) {
        OutputStream out = new BufferedOutputStream(Channels.newOutputStream(channel), BUFFER_BYTES);
        write(out, progress);
        out.flush();
        channel.force(true);
      }
      requireReplaceable(path);
      Files.move(temporary, path, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    } catch (ClosedByInterruptException e) {
      throw new ModelIoException("interrupted while writing " + path, e);
    } catch (IOException e) {
      throw new ModelIoException("cannot write " + path + ": " + e, e);
    } finally {
      try {
        Files.deleteIfExists(temporary); // there only after a failure
      } catch (IOException e) {
        // the failure that left it there says more
      }
    }
  }

  private static void requireReplaceable(Path path) {
    if (path.getFileName() == null || Files.exists(path, LinkOption.NOFOLLOW_LINKS) && !Files.isRegularFile(path, LinkOption.NOFOLLOW_LINKS)) {
      String what = Files.isSymbolicLink(path) ? "a link; name the file itself" : "no regular file";
      throw new ModelIoException(path + " is there already, and is " + what);
    }
  }

  /** The whole file in memory. */
  public byte[] toBytes() {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    try {
      write(out, written -> {});
    } catch (IOException e) {
      throw new ModelIoException("cannot write to memory: " + e, e);
    }
    return out.toByteArray();
  }

  /** The file as a source, without a copy; no tensors may be declared. */
  ByteSource metadata(String name) {
    if (!tensors.isEmpty()) {
      throw new IllegalStateException(tensors.size() + " tensors are declared");
    }
    Bytes header = header();
    return ByteSource.of(ByteBuffer.wrap(header.array(), 0, header.size()), name);
  }

  private void write(OutputStream out, LongConsumer progress) throws IOException {
    Bytes header = header();
    header.writeTo(out);
    long written = header.size();
    for (Tensor tensor : tensors.values()) {
      Counted counted = new Counted(out, tensor);
      tensor.content.writeTo(counted);
      if (counted.left != 0) {
        throw new IllegalStateException("tensor '" + tensor.name + "' lacks " + counted.left + " bytes");
      }
      out.write(new byte[(int) (align(tensor.byteSize) - tensor.byteSize)]);
      written += align(tensor.byteSize);
      progress.accept(written);
    }
  }

  private Bytes header() {
    Bytes bytes = new Bytes(metadata.values().stream().mapToInt(Bytes::size).reduce(1 << 16, Math::addExact));
    bytes.u32(GgufReader.MAGIC).u32(3).u64(tensors.size()).u64(metadata.size());
    metadata.forEach((key, value) -> bytes.string(key).raw(value));
    long offset = 0;
    for (Tensor tensor : tensors.values()) {
      bytes.string(tensor.name).u32(tensor.dims.length);
      for (long dim : tensor.dims) {
        bytes.u64(dim);
      }
      bytes.u32(tensor.type.id()).u64(offset);
      offset += align(tensor.byteSize);
    }
    return bytes.raw(new byte[(int) (align(bytes.size()) - bytes.size())]);
  }

  private long align(long n) {
    return (n + alignment - 1) & -alignment;
  }

  private GgufWriter put(String key, Bytes value) {
    int keyBytes = key.getBytes(StandardCharsets.UTF_8).length;
    if (keyBytes < 1 || keyBytes > GgufReader.MAX_KEY_BYTES || metadata.putIfAbsent(key, value) != null) {
      throw new IllegalArgumentException("key '" + key + "' is empty, too long, or there already");
    }
    return this;
  }

  /** Little-endian values in the making. */
  private static final class Bytes extends ByteArrayOutputStream {
    Bytes() {}

    Bytes(int capacity) {
      super(capacity);
    }

    static Bytes of(GgufStrings values) {
      int n = values.size();
      Bytes bytes = new Bytes(Math.addExact(Math.multiplyExact(n, Long.BYTES), n == 0 ? 16 : values.end(n - 1) + 16));
      bytes.u32(GgufType.ARRAY.ordinal()).u32(GgufType.STRING.ordinal()).u64(n);
      for (int i = 0; i < n; i++) {
        int length = values.end(i) - values.begin(i);
        bytes.u64(length).write(values.data(), values.begin(i), length);
      }
      return bytes;
    }

    Bytes u32(long value) {
      return number(GgufType.UINT32, value);
    }

    Bytes u64(long value) {
      return number(GgufType.UINT64, value);
    }

    Bytes string(String value) {
      byte[] utf8 = value.getBytes(StandardCharsets.UTF_8);
      return u64(utf8.length).raw(utf8);
    }

    Bytes raw(byte[] bytes) {
      writeBytes(bytes);
      return this;
    }

    byte[] array() {
      return buf;
    }

    Bytes raw(Bytes other) {
      write(other.buf, 0, other.count);
      return this;
    }

    Bytes number(GgufType type, Number value) {
      if (type.width() == 0) {
        throw new IllegalArgumentException(type + " is no number");
      }
      long bits = switch (type) {
        case FLOAT32 -> Float.floatToRawIntBits(value.floatValue());
        case FLOAT64 -> Double.doubleToRawLongBits(value.doubleValue());
        default -> value.longValue();
      };
      byte[] bytes = new byte[type.width()];
      for (int i = 0; i < bytes.length; i++) {
        bytes[i] = (byte) (bits >> 8 * i);
      }
      return raw(bytes);
    }
  }

  /** Passes at most a tensor's bytes on. */
  private static final class Counted extends OutputStream {
    private final OutputStream out;
    private final Tensor tensor;
    long left;

    Counted(OutputStream out, Tensor tensor) {
      this.out = out;
      this.tensor = tensor;
      left = tensor.byteSize;
    }

    @Override
    public void write(int b) throws IOException {
      write(new byte[] {(byte) b}, 0, 1);
    }

    @Override
    public void write(byte[] bytes, int from, int n) throws IOException {
      left -= n;
      if (left < 0) {
        throw new IllegalStateException("tensor '" + tensor.name + "' has more than its " + tensor.byteSize + " bytes");
      }
      out.write(bytes, from, n);
    }
  }
}
