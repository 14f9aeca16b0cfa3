package dev.tern.format;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.tern.ClosedException;
import dev.tern.ModelFormatException;
import java.nio.ByteBuffer;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/**
 * A model in the layout of Hugging Face as a {@link ModelFile}: config.json and tokenizer.json become metadata, safetensors become the
 * tensors that a GGUF file of the same model has. Metadata goes through {@link GgufReader}, and so through all of its checks.
 */
final class HfModel implements ModelFile {
  private static final long MAX_CONFIG = 16 << 20;
  private static final long MAX_TOKENIZER = 64 << 20;
  private static final int MAX_FILES = 4096;

  private final HfFiles directory;
  private final HfConfig config;
  private final GgufMetadata metadata;
  private final Map<String, SafetensorsFile> files = new LinkedHashMap<>();
  private final Map<String, SafetensorsFile> fileOf = new LinkedHashMap<>();
  private final Map<String, SafetensorsFile.Tensor> source = new LinkedHashMap<>();
  private final Map<String, HfTensor> tensors = new LinkedHashMap<>();
  private final Map<String, TensorInfo> infos = new LinkedHashMap<>();
  private final Scratch scratch = new Scratch();
  private volatile boolean closed;

  /** @param name of the model, if nothing else tells it */
  HfModel(HfFiles directory, String name) {
    this.directory = directory;
    ObjectNode configJson = Json.read(directory.open("config.json"), MAX_CONFIG);
    config = new HfConfig(configJson);
    metadata = metadata(configJson, name);
    try {
      openFiles();
      declareTensors();
    } catch (RuntimeException | Error e) {
      close();
      throw e;
    }
  }

  private GgufMetadata metadata(JsonNode configJson, String name) {
    GgufWriter out = new GgufWriter();
    config.write(out, name);
    if (directory.has("tokenizer.json")) {
      ObjectNode tokenizerConfig = optional("tokenizer_config.json");
      ObjectNode generation = optional("generation_config.json");
      new HfTokenizer(TokenizerJson.read(directory.open("tokenizer.json"), MAX_TOKENIZER), tokenizerConfig).write(out, configJson, generation);
      HfChat.writeTemplates(out, directory, tokenizerConfig);
      HfChat.writeSampling(out, generation);
    }
    return GgufReader.read(out.metadata(directory.name())).metadata();
  }

  private ObjectNode optional(String name) {
    return directory.has(name) ? Json.read(directory.open(name), MAX_CONFIG) : JsonNodeFactory.instance.objectNode();
  }

  private void openFiles() {
    String index = "model.safetensors.index.json";
    if (!directory.has(index)) {
      SafetensorsFile file = file("model.safetensors");
      file.tensors().forEach((name, tensor) -> add(name, tensor, file));
      return;
    }
    JsonNode map = Json.read(directory.open(index), MAX_CONFIG).path("weight_map");
    for (Map.Entry<String, JsonNode> entry : map.properties()) {
      String name = entry.getValue().asText("");
      if (!name.matches("[A-Za-z0-9_][A-Za-z0-9_.-]*\\.safetensors")) { // a plain name in this directory
        throw new ModelFormatException(index + ": tensor '" + entry.getKey() + "' is said to be in '" + name + "'", -1);
      }
      if (!file(name).tensors().containsKey(entry.getKey())) {
        throw new ModelFormatException(index + ": tensor '" + entry.getKey() + "' is not in " + name, -1);
      }
    }
    // All that the files hold, whether the index names it or not: what is not known is refused, and not passed over.
    files.values().forEach(file -> file.tensors().forEach((name, tensor) -> add(name, tensor, file)));
  }

  private SafetensorsFile file(String name) {
    SafetensorsFile file = files.get(name);
    if (file == null) {
      if (files.size() == MAX_FILES) {
        throw new ModelFormatException(directory.name() + " has more than " + MAX_FILES + " files of weights", -1);
      }
      file = new SafetensorsFile(directory.open(name), scratch);
      files.put(name, file);
    }
    return file;
  }

  private void add(String name, SafetensorsFile.Tensor tensor, SafetensorsFile file) {
    if (source.put(name, tensor) != null) {
      throw new ModelFormatException("tensor '" + name + "' is there twice, the second time in " + file.name(), tensor.offset());
    }
    fileOf.put(name, file);
  }

  private void declareTensors() {
    Set<String> left = new TreeSet<>(source.keySet());
    left.removeIf(name -> name.endsWith(".rotary_emb.inv_freq"));
    declare(left, "model.embed_tokens", "token_embd");
    declare(left, "model.norm", "output_norm");
    if (config.tied) {
      left.remove("lm_head.weight");
    } else {
      declare(left, "lm_head", "output");
    }
    float[] factors = config.ropeFactors();
    if (factors != null) {
      put(HfTensor.of("rope_freqs.weight", factors));
    }
    long qDim = (long) config.nHeads * config.headDim;
    long kvDim = (long) config.nKvHeads * config.headDim;
    for (int i = 0; i < config.nLayers && left.size() > 0; i++) {
      String from = "model.layers." + i + ".";
      String to = "blk." + i + ".";
      declare(left, from + "input_layernorm", to + "attn_norm");
      matrix(left, from + "self_attn.q_proj", to + "attn_q", config.permuted ? config.nHeads : 0, qDim, config.hiddenDim);
      matrix(left, from + "self_attn.k_proj", to + "attn_k", config.permuted ? config.nKvHeads : 0, kvDim, config.hiddenDim);
      matrix(left, from + "self_attn.v_proj", to + "attn_v", 0, kvDim, config.hiddenDim);
      declare(left, from + "self_attn.q_norm", to + "attn_q_norm");
      declare(left, from + "self_attn.k_norm", to + "attn_k_norm");
      declare(left, from + "self_attn.attn_sub_norm", to + "attn_sub_norm");
      declare(left, from + "self_attn.inner_attn_ln", to + "attn_sub_norm"); // in 1bitLLM's models
      matrix(left, from + "self_attn.o_proj", to + "attn_output", 0, config.hiddenDim, qDim);
      declare(left, from + "post_attention_layernorm", to + "ffn_norm");
      matrix(left, from + "mlp.gate_proj", to + "ffn_gate", 0, config.ffnDim, config.hiddenDim);
      matrix(left, from + "mlp.up_proj", to + "ffn_up", 0, config.ffnDim, config.hiddenDim);
      declare(left, from + "mlp.ffn_sub_norm", to + "ffn_sub_norm");
      declare(left, from + "mlp.ffn_layernorm", to + "ffn_sub_norm");
      matrix(left, from + "mlp.down_proj", to + "ffn_down", 0, config.hiddenDim, config.ffnDim);
    }
    for (String name : left) { // refused by name, as in any other file
      SafetensorsFile.Tensor tensor = source.get(name);
      put(HfTensor.plain(name, fileOf.get(name), tensor, 0));
    }
  }

  /** Translates NAME.weight, if it is there: as it is. */
  private void declare(Set<String> left, String name, String to) {
    if (left.remove(name + ".weight")) {
      put(HfTensor.plain(to + ".weight", fileOf.get(name + ".weight"), source.get(name + ".weight"), 0));
    } // ModelSpec says so, if it is needed
  }

  /**
   * Translates a matrix of a layer. permutedHeads: its heads, if rows are to be reordered for RoPE. Dimensions are checked before a weight is
   * read.
   */
  private void matrix(Set<String> left, String name, String to, int permutedHeads, long nRows, long nCols) {
    SafetensorsFile.Tensor tensor = source.get(name + ".weight");
    if (tensor == null) {
      return;
    }
    left.remove(name + ".weight");
    SafetensorsFile file = fileOf.get(name + ".weight");
    HfTensor made;
    if (tensor.dtype().equals("U8")) {
      left.remove(name + ".weight_scale");
      made = HfTensor.packed(to + ".weight", file, tensor, permutedHeads, weightScale(name));
    } else if (config.isMaster(name)) {
      made = HfTensor.master(to + ".weight", file, tensor, permutedHeads);
    } else {
      made = HfTensor.plain(to + ".weight", file, tensor, permutedHeads);
    }
    if (!made.info().hasDims(nCols, nRows)) {
      throw ModelSpecReader.dims(made.info(), "[" + nCols + ", " + nRows + "]");
    }
    put(made);
    if (made.isMaster()) {
      put(HfTensor.mean(to + ".scale", made));
    } else if (made.scale() != 1) {
      put(HfTensor.of(to + ".scale", new float[] {made.scale()}));
    }
  }

  /** What multiplies the trits of a packed weight. */
  private float weightScale(String name) {
    SafetensorsFile.Tensor tensor = source.get(name + ".weight_scale");
    if (tensor == null || config.ternary == HfConfig.Ternary.NONE) {
      throw new ModelFormatException(
          "tensor '" + name + ".weight' is packed, but " + (tensor == null ? "has no weight_scale" : "config.json has no quantization_config"), -1);
    }
    if (tensor.rows() != 1 || tensor.columns() != 1) {
      throw new ModelFormatException("tensor '" + tensor.name() + "' is " + tensor.rows() + " x " + tensor.columns() + ", expected one element", tensor.offset());
    }
    float stored = HfTensor.floats(fileOf.get(tensor.name()), tensor)[0];
    float scale = config.ternary == HfConfig.Ternary.DIVIDES ? 1 / stored : stored;
    if (!(stored > 0) || Float.isInfinite(stored) || !(scale > 0) || Float.isInfinite(scale)) {
      throw new ModelFormatException("tensor '" + tensor.name() + "' is " + stored + ", expected a positive number", tensor.offset());
    }
    return scale;
  }

  private void put(HfTensor tensor) {
    if (tensors.put(tensor.info().name(), tensor) != null) {
      throw new ModelFormatException("tensor '" + tensor.info().name() + "' is there twice", -1);
    }
    infos.put(tensor.info().name(), tensor.info());
  }

  @Override
  public String name() {
    return directory.name();
  }

  @Override
  public GgufMetadata metadata() {
    return metadata;
  }

  @Override
  public Map<String, TensorInfo> tensors() {
    return Collections.unmodifiableMap(infos);
  }

  @Override
  public boolean isDerived(TensorInfo tensor) {
    HfTensor made = tensors.get(tensor.name());
    return made != null && made.isDerived();
  }

  @Override
  public PackedTensor packed(TensorInfo tensor) {
    return tensor.equals(infos.get(tensor.name())) ? tensors.get(tensor.name()).asPacked() : null;
  }

  @Override
  public void readTensor(TensorInfo tensor, long from, ByteBuffer dst) {
    if (closed) {
      throw new ClosedException(name() + " is closed");
    }
    if (!tensor.equals(infos.get(tensor.name()))) {
      throw new IllegalArgumentException("tensor '" + tensor.name() + "' is not of " + name());
    }
    if (from < 0 || from > tensor.byteSize() - dst.remaining()) {
      throw new IllegalArgumentException(
          "bytes " + from + " + " + dst.remaining() + " of tensor '" + tensor.name() + "', which has " + tensor.byteSize());
    }
    tensors.get(tensor.name()).read(from, dst);
  }

  @Override
  public long size() {
    return files.values().stream().mapToLong(SafetensorsFile::size).sum();
  }

  @Override
  public void close() {
    closed = true;
    files.values().forEach(SafetensorsFile::close);
  }
}
