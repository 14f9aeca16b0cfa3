package dev.tern.format;

import dev.tern.CapacityException;
import dev.tern.ModelFormatException;
import dev.tern.ModelIoException;
import dev.tern.UnsupportedModelException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * A model on disk, in the terms of GGUF: metadata in memory, tensors read on demand. GGUF files are that already; others are translated
 * while they are read. Thread-safe: several threads may read tensors at once. After {@link #close}, reading a tensor throws {@link
 * dev.tern.ClosedException}; metadata stays readable.
 */
public interface ModelFile extends AutoCloseable {
  /** Path or name of the source. */
  String name();

  GgufMetadata metadata();

  /** Tensors by name, in the file's order; unmodifiable. */
  Map<String, TensorInfo> tensors();

  /** The tensor of this name, or null. */
  default TensorInfo tensor(String name) {
    return tensors().get(name);
  }

  /**
   * Fills dst with a tensor's bytes, as its type has them.
   *
   * @param from first byte, counted from the tensor's start
   * @throws IllegalArgumentException if the range does not lie in the tensor
   * @throws ModelIoException if the file cannot be read, or has changed since it was opened
   * @throws ModelFormatException if what is read breaks the format
   * @throws dev.tern.ClosedException after close
   */
  void readTensor(TensorInfo tensor, long from, ByteBuffer dst);

  /** A tensor's bytes before they were translated to what {@link #readTensor} gives, where the native side takes those too; else null. */
  default PackedTensor packed(TensorInfo tensor) {
    return null;
  }

  /** Whether a tensor's values are computed from all of another's when they are first read, which takes as long as reading that. */
  default boolean isDerived(TensorInfo tensor) {
    return false;
  }

  /** Bytes on disk, of all files together. */
  long size();

  /** Idempotent. */
  @Override
  void close();

  /**
   * Opens a model: a GGUF file, the first or any other file of one that is split, a directory with exactly one GGUF model in it, or a
   * directory in the layout of Hugging Face (config.json, tokenizer.json and safetensors).
   *
   * @throws ModelIoException if it cannot be read, or a directory holds none of these, or several
   * @throws ModelFormatException if it breaks its format
   * @throws UnsupportedModelException if it is of a kind that Tern cannot run; the message names it
   * @throws CapacityException if what must be kept of it (vocabulary, names) does not fit in the Java heap
   */
  static ModelFile open(Path path) {
    try {
      return openAny(path);
    } catch (OutOfMemoryError e) {
      throw new CapacityException(path + " does not fit in the Java heap of " + (Runtime.getRuntime().maxMemory() >> 20) + " MiB (a larger one: -Xmx)", e);
    }
  }

  private static ModelFile openAny(Path path) {
    if (!Files.isDirectory(path)) {
      String name = path.getFileName() == null ? "" : path.getFileName().toString();
      boolean part = name.endsWith(".safetensors") || name.endsWith(".safetensors.index.json") || name.equals("config.json");
      return part && path.toAbsolutePath().getParent() != null ? huggingFace(path.toAbsolutePath().getParent()) : SplitGguf.open(path);
    }
    if (Files.exists(path.resolve("model.safetensors")) || Files.exists(path.resolve("model.safetensors.index.json"))) {
      return huggingFace(path);
    }
    List<Path> files;
    try (Stream<Path> entries = Files.list(path)) {
      files = entries.filter(p -> p.toString().endsWith(".gguf") && SplitGguf.isFirst(p)).sorted().collect(Collectors.toList());
    } catch (IOException e) {
      throw new ModelIoException("cannot list " + path + ": " + e.getMessage(), e);
    }
    if (files.size() == 1) {
      return SplitGguf.open(HfFiles.contained(path, files.get(0).getFileName().toString()));
    }
    if (files.size() > 1) {
      String names = files.stream().limit(8).map(p -> p.getFileName().toString()).collect(Collectors.joining(", "));
      throw new ModelIoException(path + " is a directory with " + files.size() + " GGUF models; give one of them: " + names);
    }
    if (Files.exists(path.resolve("pytorch_model.bin")) || Files.exists(path.resolve("pytorch_model.bin.index.json"))) {
      throw new UnsupportedModelException(path + " holds a PyTorch checkpoint (pytorch_model.bin); safetensors and GGUF are read");
    }
    throw new ModelIoException(path + " is a directory with neither model.safetensors (or its index) nor a GGUF model");
  }

  private static ModelFile huggingFace(Path directory) {
    try {
      Path name = directory.toAbsolutePath().normalize().getFileName();
      return new HfModel(HfFiles.in(directory), name == null ? directory.toString() : name.toString());
    } catch (NoClassDefFoundError e) {
      throw new UnsupportedModelException(
          directory + " is a Hugging Face directory, which is read with jackson-databind; it is not on the class path (" + e.getMessage() + ")");
    }
  }
}
