package dev.tern.format;

import dev.tern.ModelFormatException;
import dev.tern.UnsupportedModelException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;

/** Makes a {@link ModelSpec} of a file, or says why not. */
final class ModelSpecReader {
  static final int MAX_LAYERS = 1024;
  static final int MAX_HEAD_DIM = 256;
  private static final int MAX_HEADS = 1024; // these limits are those of tern_model_create
  private static final int MAX_DIM = 1 << 20;
  private static final int MAX_VOCAB = 1 << 24;
  private static final List<String> ARCHITECTURES = List.of("llama", "qwen3", "bitnet", "bitnet-25", "bitnet-b1.58");

  /** Factors of other graphs, each with the value that leaves the result as it is. */
  private static final List<String> FACTORS =
      List.of("attention.scale", "embedding_scale", "residual_scale", "logit_scale", "rope.scaling.attn_factor");

  private static final List<String> CAPS =
      List.of("attn_logit_softcapping", "final_logit_softcapping", "attention.clamp_kqv", "attention.max_alibi_bias");

  private final ModelFile file;
  private final GgufMetadata metadata;
  private final String arch;
  private final List<WeightRef> weights = new ArrayList<>();
  private final Set<String> known = new HashSet<>();

  ModelSpecReader(ModelFile file) {
    this.file = file;
    metadata = file.metadata();
    arch = metadata.string("general.architecture");
    if (!ARCHITECTURES.contains(arch)) {
      throw new UnsupportedModelException("architecture '" + arch + "'; supported: " + String.join(", ", ARCHITECTURES));
    }
    if (file.tensors().isEmpty()) {
      throw new ModelFormatException(file.name() + " has no tensors: it is a vocabulary, not a model", -1);
    }
  }

  ModelSpec read() {
    refuseOtherGraphs();
    int nLayers = positive("block_count", MAX_LAYERS);
    int hiddenDim = positive("embedding_length", MAX_DIM);
    int ffnDim = positive("feed_forward_length", MAX_DIM);
    int nHeads = positive("attention.head_count", MAX_HEADS);
    int nKvHeads = metadata.has(key("attention.head_count_kv")) ? positive("attention.head_count_kv", MAX_HEADS) : nHeads;
    if (nHeads % nKvHeads != 0) {
      throw bad("attention.head_count_kv", nKvHeads + " KV heads do not divide " + nHeads + " heads");
    }
    int headDim = headDim(hiddenDim, nHeads);
    int ropeDim = metadata.has(key("rope.dimension_count")) ? positive("rope.dimension_count", headDim) : headDim;
    if (ropeDim % 2 != 0) {
      throw bad("rope.dimension_count", "it is " + ropeDim + ", an odd number");
    }
    int qDim = product(nHeads, headDim);
    int kvDim = product(nKvHeads, headDim);
    float eps = (float) positiveReal("attention.layer_norm_rms_epsilon", Double.NaN);
    double freqBase = positiveReal("rope.freq_base", 10000);
    if (freqBase < 1) {
      throw bad("rope.freq_base", "it is " + freqBase + ", expected 1 or more");
    }
    int contextLength = positive("context_length", Integer.MAX_VALUE);
    int slidingWindow = metadata.intValue(key("attention.sliding_window"), 0);
    if (slidingWindow > 0 && slidingWindow < contextLength) {
      throw new UnsupportedModelException("sliding-window attention ('" + key("attention.sliding_window") + "' = " + slidingWindow + ")");
    }
    boolean subNorms = subNorms();

    int vocabSize = vocabSize();
    matrix(WeightRole.TOKEN_EMBD, -1, vocabSize, hiddenDim);
    boolean tied = file.tensor("output.weight") == null;
    if (!tied) {
      matrix(WeightRole.OUTPUT, -1, vocabSize, hiddenDim);
    }
    vector(WeightRole.OUTPUT_NORM, -1, hiddenDim);
    ropeFactors(ropeDim);
    for (int layer = 0; layer < nLayers; layer++) {
      vector(WeightRole.ATTN_NORM, layer, hiddenDim);
      matrix(WeightRole.WQ, layer, qDim, hiddenDim);
      matrix(WeightRole.WK, layer, kvDim, hiddenDim);
      matrix(WeightRole.WV, layer, kvDim, hiddenDim);
      if (arch.equals("qwen3")) {
        vector(WeightRole.ATTN_Q_NORM, layer, headDim);
        vector(WeightRole.ATTN_K_NORM, layer, headDim);
      }
      if (subNorms) {
        vector(WeightRole.ATTN_SUB_NORM, layer, qDim);
      }
      matrix(WeightRole.WO, layer, hiddenDim, qDim);
      vector(WeightRole.FFN_NORM, layer, hiddenDim);
      matrix(WeightRole.W_GATE, layer, ffnDim, hiddenDim);
      matrix(WeightRole.W_UP, layer, ffnDim, hiddenDim);
      if (subNorms) {
        vector(WeightRole.FFN_SUB_NORM, layer, ffnDim);
      }
      matrix(WeightRole.W_DOWN, layer, hiddenDim, ffnDim);
      known.add("blk." + layer + ".attn_rot_embd.weight"); // frequencies that follow from the rest
    }
    refuseUnknownTensors(nLayers);
    ModelSpec.RopeStyle style = arch.equals("llama") ? ModelSpec.RopeStyle.ADJACENT : ModelSpec.RopeStyle.HALVES;
    String name = metadata.string("general.name", file.name());
    return new ModelSpec(arch, name, nLayers, nHeads, nKvHeads, headDim, hiddenDim, ffnDim, vocabSize, ropeDim, style, gate(nLayers, hiddenDim, ffnDim), subNorms,
        eps, freqBase, contextLength, tied, weights);
  }

  private String key(String name) {
    return arch + "." + name;
  }

  private ModelFormatException bad(String name, String why) {
    return new ModelFormatException("'" + key(name) + "': " + why, metadata.offset(key(name)));
  }

  private int positive(String name, int max) {
    int value = metadata.intValue(key(name));
    if (value < 1 || value > max) {
      throw bad(name, "it is " + value + ", expected 1 to " + max);
    }
    return value;
  }

  private double positiveReal(String name, double fallback) {
    double value = Double.isNaN(fallback) ? metadata.doubleValue(key(name)) : metadata.doubleValue(key(name), fallback);
    if (!(value > 0) || Double.isInfinite(value)) {
      throw bad(name, "it is " + value + ", expected a positive number");
    }
    return value;
  }

  private static int product(int a, int b) {
    return Checked.toInt(Checked.multiply(a, b, "heads x head dimension", -1), "heads x head dimension", -1);
  }

  private int headDim(int hiddenDim, int nHeads) {
    int headDim;
    if (metadata.has(key("attention.key_length"))) {
      headDim = positive("attention.key_length", MAX_HEAD_DIM);
    } else {
      if (hiddenDim % nHeads != 0) {
        throw bad("attention.head_count", nHeads + " heads do not divide embedding length " + hiddenDim);
      }
      headDim = hiddenDim / nHeads;
    }
    int valueLength = metadata.intValue(key("attention.value_length"), headDim);
    if (valueLength != headDim) {
      throw new UnsupportedModelException("keys of " + headDim + " and values of " + valueLength + " elements a head; they must be equal");
    }
    if (headDim % 8 != 0 || headDim > MAX_HEAD_DIM) {
      throw new UnsupportedModelException("heads of " + headDim + " elements; supported: multiples of 8 up to " + MAX_HEAD_DIM);
    }
    return headDim;
  }

  private void refuseOtherGraphs() {
    if (metadata.longValue(key("expert_count"), 0) != 0) {
      throw new UnsupportedModelException("mixture of experts ('" + key("expert_count") + "' is not 0)");
    }
    if (!metadata.boolValue(key("attention.causal"), true)) {
      throw new UnsupportedModelException("attention that is not causal ('" + key("attention.causal") + "')");
    }
    for (String name : FACTORS) {
      refuseUnless(name, 1);
    }
    for (String name : CAPS) {
      refuseUnless(name, 0);
    }
  }

  private void refuseUnless(String name, double neutral) {
    double value = metadata.doubleValue(key(name), neutral);
    if (value != neutral) {
      throw new UnsupportedModelException("'" + key(name) + "' = " + value + " is not implemented");
    }
  }

  /**
   * relu² or SiLU, as the file says. "bitnet" without a word of it is SiLU (1bitLLM's models), but for one: converters of llama.cpp gave
   * BitNet b1.58 2B4T that name too, and no activation, which is relu². It is known by its sizes.
   */
  private ModelSpec.Gate gate(int nLayers, int hiddenDim, int ffnDim) {
    boolean relu2 = arch.equals("bitnet-b1.58") || arch.equals("bitnet-25")
        || arch.equals("bitnet") && nLayers == 30 && hiddenDim == 2560 && ffnDim == 6912;
    for (String key : List.of(key("hidden_activation"), key("hidden_act"), "general.hidden_act")) {
      if (metadata.has(key)) {
        String activation = metadata.string(key);
        relu2 = switch (activation.toLowerCase(Locale.ROOT)) {
          case "silu", "swish" -> false;
          case "relu2", "relu_squared", "relu_sqr", "squared_relu", "relu^2" -> true;
          default -> throw new UnsupportedModelException("activation '" + activation + "' ('" + key + "'); supported: silu, relu2");
        };
        break;
      }
    }
    return relu2 ? ModelSpec.Gate.RELU2 : ModelSpec.Gate.SILU;
  }

  private boolean subNorms() {
    return switch (arch) {
      case "llama", "qwen3" -> false;
      case "bitnet" -> file.tensor("blk.0.attn_sub_norm.weight") != null || file.tensor("blk.0.ffn_sub_norm.weight") != null;
      default -> true;
    };
  }

  /** Rows of the embedding. There may be more of them than tokens, never fewer. */
  private int vocabSize() {
    TensorInfo embedding = required("token_embd.weight");
    int rows = (int) Checked.atMost(embedding.rows(), MAX_VOCAB, "rows of 'token_embd.weight'", -1);
    int nTokens = metadata.has("tokenizer.ggml.tokens") ? metadata.strings("tokenizer.ggml.tokens").size() : rows;
    if (nTokens > rows) {
      throw new ModelFormatException("the tokenizer has " + nTokens + " tokens, and 'token_embd.weight' " + rows + " rows", -1);
    }
    long declared = metadata.longValue(key("vocab_size"), rows);
    if (declared != rows && declared != nTokens) {
      throw bad("vocab_size", "it is " + declared + ", and 'token_embd.weight' has " + rows + " rows");
    }
    return rows;
  }

  private void matrix(WeightRole role, int layer, int nRows, int nCols) {
    String base = role.tensorName(layer);
    TensorInfo tensor = required(base + ".weight");
    if (!tensor.hasDims(nCols, nRows)) {
      throw dims(tensor, "[" + nCols + ", " + nRows + "]");
    }
    boolean mayBeTernary = role.layerMatrix() && tensor.type().mayHoldTernary();
    TensorInfo factor = file.tensor(base + ".scale");
    TensorInfo derived = factor != null && file.isDerived(factor) ? factor : null;
    float scale = (derived == null ? scale(base + ".scale") : 1) * (tensor.type() == TensorType.I2_S ? tailScale(tensor) : 1);
    if (!Float.isFinite(scale)) {
      throw new ModelFormatException("the scales of tensor '" + tensor.name() + "' are " + scale + " together", tensor.offset());
    }
    weights.add(new WeightRef(role, layer, tensor.name(), tensor.type(), nRows, nCols, scale, derived, mayBeTernary, tensor, null));
    if (derived != null) {
      known.add(derived.name());
    }
  }

  private void vector(WeightRole role, int layer, int length) {
    TensorInfo tensor = required(role.tensorName(layer) + ".weight");
    if (!tensor.hasDims(length) && !tensor.hasDims(length, 1)) {
      throw dims(tensor, "[" + length + "]");
    }
    if (tensor.type() != TensorType.F32 && tensor.type() != TensorType.F16 && tensor.type() != TensorType.BF16) {
      throw new UnsupportedModelException("tensor '" + tensor.name() + "' is of type " + tensor.type() + "; norms are F32, F16 or BF16");
    }
    weights.add(new WeightRef(role, layer, tensor.name(), tensor.type(), 1, length, 1, null, false, tensor, null));
  }

  private TensorInfo required(String name) {
    TensorInfo tensor = file.tensor(name);
    if (tensor == null) {
      throw new ModelFormatException("tensor '" + name + "' is absent", -1);
    }
    known.add(name);
    return tensor;
  }

  static ModelFormatException dims(TensorInfo tensor, String expected) {
    return new ModelFormatException(
        "tensor '" + tensor.name() + "' has dimensions " + Arrays.toString(tensor.dims()) + ", expected " + expected, -1);
  }

  private float scale(String name) {
    TensorInfo tensor = file.tensor(name);
    if (tensor == null) {
      return 1;
    }
    float scale = floats(tensor, 1)[0];
    if (!Float.isFinite(scale)) {
      throw new ModelFormatException("tensor '" + name + "' is " + scale, tensor.offset());
    }
    known.add(name);
    return scale;
  }

  /** The scale behind an I2_S tensor's rows. */
  private float tailScale(TensorInfo tensor) {
    ByteBuffer bytes = ByteBuffer.allocate(Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    long at = tensor.byteSize() - tensor.type().tail();
    file.readTensor(tensor, at, bytes);
    float scale = bytes.getFloat(0);
    if (!Float.isFinite(scale)) {
      throw new ModelFormatException("the scale of tensor '" + tensor.name() + "' is " + scale, tensor.offset() + at);
    }
    return scale;
  }

  /** A small F32 tensor of n elements. */
  private float[] floats(TensorInfo tensor, int n) {
    if (tensor.type() != TensorType.F32 || !tensor.hasDims(n)) {
      throw new ModelFormatException("tensor '" + tensor.name() + "' is " + tensor.type() + " " + Arrays.toString(tensor.dims())
          + ", expected F32 [" + n + "]", -1);
    }
    ByteBuffer bytes = ByteBuffer.allocate(n * Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    file.readTensor(tensor, 0, bytes);
    float[] values = new float[n];
    bytes.flip().asFloatBuffer().get(values);
    return values;
  }

  /** The divisor of each frequency: the file's own factors times that of linear scaling; no weight at all if every one is 1. */
  private void ropeFactors(int ropeDim) {
    double linear = linearScaling();
    TensorInfo tensor = file.tensor("rope_freqs.weight");
    if (tensor == null && linear == 1) {
      return;
    }
    float[] factors = new float[ropeDim / 2];
    Arrays.fill(factors, 1);
    if (tensor != null) {
      factors = floats(required(tensor.name()), factors.length);
    }
    for (int i = 0; i < factors.length; i++) {
      factors[i] *= (float) linear;
      if (!(factors[i] > 0) || Float.isInfinite(factors[i])) {
        throw new ModelFormatException("RoPE factor " + i + " is " + factors[i] + ", expected a positive number",
            tensor == null ? -1 : tensor.offset());
      }
    }
    weights.add(
        new WeightRef(WeightRole.ROPE_FREQS, -1, "rope_freqs.weight", TensorType.F32, 1, factors.length, 1, null, false, null, factors));
  }

  private double linearScaling() {
    String type = metadata.string(key("rope.scaling.type"), "linear");
    if (type.equals("none")) {
      return 1;
    }
    if (!type.equals("linear")) {
      throw new UnsupportedModelException("RoPE scaling '" + type + "' ('" + key("rope.scaling.type") + "'); supported: none, linear");
    }
    String name = metadata.has(key("rope.scaling.factor")) ? "rope.scaling.factor" : "rope.scale_linear";
    return metadata.doubleValue(key(name), 0) == 0 ? 1 : positiveReal(name, 1);
  }

  private void refuseUnknownTensors(int nLayers) {
    List<String> unknown = new ArrayList<>(file.tensors().keySet());
    unknown.removeAll(known);
    if (unknown.isEmpty()) {
      return;
    }
    String some = String.join(", ", unknown.subList(0, Math.min(8, unknown.size())));
    boolean biases = unknown.stream().anyMatch(name -> name.endsWith(".bias"));
    throw new UnsupportedModelException(
        unknown.size() + " tensors that would change the result are not known" + (biases ? " (biases are not implemented)" : "")
            + ", with " + nLayers + " layers of architecture " + arch + ": " + some + (unknown.size() > 8 ? ", ..." : ""));
  }
}
