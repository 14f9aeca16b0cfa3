package dev.tern;

import dev.tern.format.ChatSettings;
import dev.tern.format.GgufFile;
import dev.tern.format.ModelFile;
import dev.tern.format.ModelSpec;
import dev.tern.format.TensorType;
import dev.tern.format.Tokenizer;
import dev.tern.kernel.Native;
import dev.tern.kernel.NativeDevice;
import dev.tern.kernel.NativeEngine;
import dev.tern.kernel.NativeModel;
import dev.tern.kernel.StepBatch;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Path;
import java.util.Set;

/**
 * The weights of a model in native memory, with its tokenizer. Immutable and thread-safe; engines share it.
 *
 * <p>Close it when done. Engines made before stay usable: the native memory goes when the model and its last engine are closed.
 * Closing is idempotent; making an engine of a closed model throws {@link ClosedException}, what was known of it stays readable. A
 * model that is forgotten unclosed is reported in the log, not freed.
 */
public final class Model implements AutoCloseable {
  private static final String EMBEDDED = "/dev/tern/model/tern-stories.gguf";

  private final ModelSpec spec;
  private final Tokenizer tokenizer;
  private final ChatSettings chat;
  private final Device where;
  private final NativeDevice device;
  private final NativeModel weights;
  private final long weightBytes;
  private final long decodeBytes;
  private final LeakReporter leak;

  private Model(ModelFile file, Device where, LoadProgress progress) {
    spec = ModelSpec.from(file);
    tokenizer = Tokenizer.from(file);
    chat = ChatSettings.from(file.metadata());
    this.where = where;
    device = new NativeDevice(where, 0);
    try {
      weights = new NativeModel(device, file, spec, progress);
    } catch (RuntimeException | Error e) {
      device.close();
      throw e;
    }
    weightBytes = weights.bytes();
    decodeBytes = weights.decodeBytes();
    leak = LeakReporter.watch(this, "model " + spec.name() + " with " + weightBytes + " bytes");
  }

  /**
   * Loads a model: a GGUF file, whole or split, or a directory in the layout of Hugging Face (config.json, tokenizer.json and
   * safetensors). It may be moved or deleted afterwards.
   *
   * @throws ModelIoException if it cannot be read
   * @throws ModelFormatException if it breaks its format
   * @throws UnsupportedModelException if it is of a kind that Tern cannot run
   * @throws CapacityException if the weights do not fit in memory, or what reading them takes not in the Java heap
   * @throws DeviceUnavailableException if the native library cannot be loaded
   */
  public static Model load(Path path) {
    return load(path, Device.cpu(), LoadProgress.NONE);
  }

  /** {@link #load(Path)}, telling how far it has come. */
  public static Model load(Path path, LoadProgress progress) {
    return load(path, Device.cpu(), progress);
  }

  /**
   * {@link #load(Path)} to a device, telling how far it has come.
   *
   * @throws DeviceUnavailableException if the device cannot be used, with the reason
   */
  public static Model load(Path path, Device device, LoadProgress progress) {
    try (ModelFile file = ModelFile.open(path)) {
      return new Model(file, device, progress);
    } catch (OutOfMemoryError e) {
      throw new CapacityException("loading " + path + " takes more than the Java heap of " + (Runtime.getRuntime().maxMemory() >> 20)
          + " MiB, or the buffers beside it (a larger heap: -Xmx)", e);
    }
  }

  /**
   * Loads the small story model that comes with Tern.
   *
   * @throws ModelIoException if this build has none
   */
  public static Model embedded() {
    return embedded(Device.cpu());
  }

  /**
   * Loads the small story model that comes with Tern to a device.
   *
   * @throws ModelIoException if this build has none
   * @throws DeviceUnavailableException if the device cannot be used, with the reason
   */
  public static Model embedded(Device device) {
    try (InputStream in = Model.class.getResourceAsStream(EMBEDDED)) {
      if (in == null) {
        throw new ModelIoException("this build has no embedded model: " + EMBEDDED + " is not on the class path");
      }
      try (GgufFile file = GgufFile.read(in, "embedded model")) {
        return new Model(file, device, LoadProgress.NONE);
      }
    } catch (IOException e) {
      throw new ModelIoException("cannot read the embedded model: " + e.getMessage(), e);
    }
  }

  NativeEngine newEngine(int nThreads, int nPages, KvType kvType, StepBatch batch) {
    return new NativeEngine(weights, nThreads, nPages, kvType, batch);
  }

  int nThreads() {
    return device.nThreads();
  }

  KvType defaultKvType() {
    if (where.isCuda()) {
      return KvType.F16;
    }
    boolean allF32 = nTernaryWeights() == 0 && spec.weights().stream().filter(w -> w.role().layerMatrix()).allMatch(w -> w.type() == TensorType.F32);
    return allF32 ? KvType.F32 : KvType.F16;
  }

  /** Where the weights are. */
  public Device device() {
    return where;
  }

  /** Text to token ids and back. */
  public Tokenizer tokenizer() {
    return tokenizer;
  }

  /** Names of the model's chat templates, "default" first; none if it is not made for conversations. */
  public Set<String> chatTemplates() {
    return chat.templates().keySet();
  }

  /**
   * How the model wants a conversation written.
   *
   * @throws UnsupportedModelException if it does not say
   * @throws ChatTemplateException if its template cannot be read
   */
  public ChatTemplate chatTemplate() {
    return chatTemplate(ChatSettings.DEFAULT);
  }

  /** {@link #chatTemplate()} of another of its {@link #chatTemplates} than the default one. */
  public ChatTemplate chatTemplate(String name) {
    String source = chat.templates().get(name);
    if (source == null) {
      throw new UnsupportedModelException(
          name() + " has no chat template" + (chat.templates().isEmpty() ? "" : " '" + name + "'; it has " + String.join(", ", chatTemplates())));
    }
    return ChatTemplate.of(source, tokenizer);
  }

  /** {@link Sampling#defaults()} with what the model's makers recommend (generation_config.json, or general.sampling of a GGUF file). */
  public Sampling sampling() {
    return chat.sampling();
  }

  /** The model's name in its file, or the file's name. */
  public String name() {
    return spec.name();
  }

  /** Architecture in its file: "llama", "bitnet-b1.58" and so on. */
  public String architecture() {
    return spec.arch();
  }

  /** Token ids are 0 to vocabSize - 1. */
  public int vocabSize() {
    return spec.vocabSize();
  }

  /** Tokens of context that the model was trained with. */
  public int contextLength() {
    return spec.contextLength();
  }

  public int nLayers() {
    return spec.nLayers();
  }

  public int nHeads() {
    return spec.nHeads();
  }

  public int nKvHeads() {
    return spec.nKvHeads();
  }

  public int headDim() {
    return spec.headDim();
  }

  public int hiddenDim() {
    return spec.hiddenDim();
  }

  public int ffnDim() {
    return spec.ffnDim();
  }

  /** Parameters in the file. */
  public long nParameters() {
    return spec.weights().stream().filter(w -> w.tensor() != null).mapToLong(w -> (long) w.nRows() * w.nCols()).sum();
  }

  /** Weight matrices that are kept as {-1, 0, +1} and multiplied in integers; the others are dense. */
  public int nTernaryWeights() {
    return weights.nTernary();
  }

  /** Weight matrices that are kept dense, the embedding among them. */
  public int nDenseWeights() {
    return weights.nDense();
  }

  /** Bytes that the weights take in native memory. */
  public long weightBytes() {
    return weightBytes;
  }

  /** Bytes of weights that each generated token must read: the floor of its time, over the memory's bandwidth. */
  public long decodeBytes() {
    return decodeBytes;
  }

  /**
   * What the device is and which kernels were chosen and why, as JSON.
   *
   * @throws ClosedException if the model is closed
   */
  public String describeDevice() {
    return device.describe();
  }

  /** One line: name, architecture, sizes, how the weights are kept. */
  public String describe() {
    return String.format(
        "%s: %s, %,d parameters, %d layers of %d, %d heads (%d kv) of %d, vocabulary %d, context %d; "
            + "%d ternary and %d dense matrices in %,d bytes",
        name(), architecture(), nParameters(), nLayers(), hiddenDim(), nHeads(), nKvHeads(), headDim(), vocabSize(), contextLength(),
        nTernaryWeights(), nDenseWeights(), weightBytes);
  }

  /** Bytes of native memory that Tern holds in this process now: models, engines, all of it. */
  public static long nativeBytes() {
    return Native.bytes();
  }

  public boolean isClosed() {
    return weights.isClosed();
  }

  @Override
  public void close() {
    weights.close();
    device.close();
    leak.closed();
  }
}
