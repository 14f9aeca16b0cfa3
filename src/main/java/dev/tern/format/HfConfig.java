package dev.tern.format;

import com.fasterxml.jackson.databind.JsonNode;
import dev.tern.ModelFormatException;
import dev.tern.UnsupportedModelException;
import java.util.ArrayList;
import java.util.List;

/** What config.json of a Hugging Face model says, written as GGUF metadata. */
final class HfConfig {
  /** How the layers' matrices came to be ternary. */
  enum Ternary {
    /** They are not. */
    NONE,
    /** BitLinear: a packed weight's scale divides. */
    DIVIDES,
    /** AutoBitLinear: it multiplies. */
    MULTIPLIES
  }

  private static final List<String> TYPES = List.of("llama", "bitnet", "qwen3");

  private final JsonNode config;
  private final JsonNode rope;

  /** Architecture in GGUF's terms. */
  final String arch;

  final int nLayers;
  final int nHeads;
  final int nKvHeads;
  final int headDim;
  final int hiddenDim;
  final int ffnDim;
  final boolean tied;
  final Ternary ternary;

  /** Whether q and k are to be put in the order of GGUF's llama, which has the pairs of RoPE side by side. */
  final boolean permuted;

  private final boolean offline;
  private final List<String> notConverted = new ArrayList<>();

  HfConfig(JsonNode config) {
    this.config = config;
    String type = text("model_type", "");
    if (!TYPES.contains(type)) {
      throw new UnsupportedModelException("config.json: model_type '" + type + "'; supported: " + String.join(", ", TYPES));
    }
    // 1bitLLM's models call themselves llama, and are the first BitNet b1.58: sub-norms under other names, SiLU, masters.
    boolean first = type.equals("llama") && "BitnetForCausalLM".equals(config.path("architectures").path(0).asText());
    arch = type.equals("bitnet") || first ? "bitnet-b1.58" : type;
    permuted = arch.equals("llama");
    rope = config.path("rope_parameters").isObject() ? config.path("rope_parameters") : config.path("rope_scaling");
    nLayers = positive("num_hidden_layers");
    if (nLayers > ModelSpecReader.MAX_LAYERS) {
      throw new ModelFormatException("config.json: 'num_hidden_layers' is " + nLayers + ", expected at most " + ModelSpecReader.MAX_LAYERS, -1);
    }
    nHeads = positive("num_attention_heads");
    hiddenDim = positive("hidden_size");
    ffnDim = positive("intermediate_size");
    nKvHeads = has("num_key_value_heads") ? positive("num_key_value_heads") : nHeads;
    headDim = has("head_dim") ? positive("head_dim") : type.equals("qwen3") ? 128 : hiddenDim / nHeads;
    if (headDim == 0 || headDim % 8 != 0 || headDim > ModelSpecReader.MAX_HEAD_DIM) { // of 0 or 1 there would be no factors for RoPE
      throw new UnsupportedModelException("config.json: heads of " + headDim + " elements; supported: multiples of 8 up to " + ModelSpecReader.MAX_HEAD_DIM);
    }
    tied = flag("tie_word_embeddings", false);
    JsonNode quantization = config.path("quantization_config");
    ternary = first ? Ternary.MULTIPLIES : ternary(quantization);
    offline = quantization.path("quantization_mode").asText("").equals("offline");
    quantization.path("modules_to_not_convert").forEach(module -> notConverted.add(module.asText("")));
    for (String bias : List.of("attention_bias", "mlp_bias")) {
      if (flag(bias, false)) {
        throw new UnsupportedModelException("config.json: biases ('" + bias + "')");
      }
    }
    for (JsonNode node : List.of(config, rope)) {
      if (real(node, "partial_rotary_factor", 1) != 1) {
        throw new UnsupportedModelException("config.json: 'partial_rotary_factor' = " + node.get("partial_rotary_factor"));
      }
    }
    rope.properties().forEach(entry -> {
      if (entry.getValue().isObject()) {
        throw new UnsupportedModelException("config.json: RoPE of its own for layers of type '" + entry.getKey() + "'");
      }
    });
  }

  private static Ternary ternary(JsonNode quantization) {
    if (quantization.isMissingNode() || quantization.isNull()) {
      return Ternary.NONE;
    }
    String method = quantization.path("quant_method").asText("");
    if (!method.equals("bitnet")) {
      throw new UnsupportedModelException("config.json: quantization '" + method + "'; supported: bitnet");
    }
    if (quantization.path("use_rms_norm").asBoolean(false)) {
      throw new UnsupportedModelException("config.json: a norm within each linear layer ('use_rms_norm')");
    }
    String linear = quantization.path("linear_class").asText("bitlinear");
    return switch (linear) {
      case "bitlinear" -> Ternary.DIVIDES;
      case "autobitlinear" -> Ternary.MULTIPLIES;
      default -> throw new UnsupportedModelException("config.json: linear_class '" + linear + "'; supported: bitlinear, autobitlinear");
    };
  }

  /**
   * Whether a matrix of a layer that is given in floats is a master, to be made ternary.
   *
   * @param module its name without ".weight"
   * @throws UnsupportedModelException if it should have been packed
   */
  boolean isMaster(String module) {
    if (ternary == Ternary.NONE || notConverted.stream().anyMatch(name -> !name.isEmpty() && ("." + module + ".").contains("." + name + "."))) {
      return false;
    }
    if (offline) {
      throw new UnsupportedModelException(
          "config.json: quantization_mode 'offline', but tensor '" + module + ".weight' is not packed; supported: packed weights, or masters and mode 'online'");
    }
    return true;
  }

  private double ropeBase() {
    return real(rope, "rope_theta", real(config, "rope_theta", text("model_type", "").equals("bitnet") ? 500000 : 10000));
  }

  /** Writes everything but the tokenizer. */
  void write(GgufWriter out, String name) {
    out.string("general.architecture", arch)
        .string("general.name", name)
        .uint32(arch + ".context_length", positive("max_position_embeddings"))
        .uint32(arch + ".embedding_length", hiddenDim)
        .uint32(arch + ".block_count", nLayers)
        .uint32(arch + ".feed_forward_length", ffnDim)
        .uint32(arch + ".attention.head_count", nHeads)
        .uint32(arch + ".attention.head_count_kv", nKvHeads)
        .uint32(arch + ".attention.key_length", headDim)
        .uint32(arch + ".attention.value_length", headDim)
        .float32(arch + ".attention.layer_norm_rms_epsilon", (float) real(config, "rms_norm_eps", Double.NaN))
        .float32(arch + ".rope.freq_base", (float) ropeBase())
        .uint32(arch + ".rope.dimension_count", headDim)
        .uint32(arch + ".vocab_size", positive("vocab_size"))
        .string(arch + ".hidden_act", text("hidden_act", text("model_type", "").equals("bitnet") ? "relu2" : "silu"));
    if (flag("use_sliding_window", true) && has("sliding_window")) {
      out.uint32(arch + ".attention.sliding_window", positive("sliding_window"));
    }
    switch (ropeType()) {
      case "linear" -> out.string(arch + ".rope.scaling.type", "linear").float32(arch + ".rope.scaling.factor", (float) ropeReal("factor"));
      case "default", "llama3" -> {}
      default -> throw new UnsupportedModelException("config.json: RoPE scaling '" + ropeType() + "'; supported: default, linear, llama3");
    }
  }

  private String ropeType() {
    return rope.path("rope_type").asText(rope.path("type").asText("default"));
  }

  /** The divisors of each frequency in Llama 3.1's scaling, or null for others. (transformers, modeling_rope_utils: llama3) */
  float[] ropeFactors() {
    if (!ropeType().equals("llama3")) {
      return null;
    }
    double base = ropeBase();
    double factor = ropeReal("factor");
    double low = ropeReal("low_freq_factor");
    double high = ropeReal("high_freq_factor");
    double trained = ropeReal("original_max_position_embeddings");
    if (!(high > low)) {
      throw new ModelFormatException("config.json: 'high_freq_factor' " + high + " is not above 'low_freq_factor' " + low, -1);
    }
    float[] factors = new float[headDim / 2];
    for (int i = 0; i < factors.length; i++) {
      double wavelength = 2 * Math.PI * Math.pow(base, 2.0 * i / headDim);
      if (wavelength < trained / high) {
        factors[i] = 1;
      } else if (wavelength > trained / low) {
        factors[i] = (float) factor;
      } else {
        double smooth = (trained / wavelength - low) / (high - low);
        factors[i] = (float) (1 / ((1 - smooth) / factor + smooth));
      }
    }
    return factors;
  }

  private double ropeReal(String name) {
    if (!rope.path(name).isNumber()) {
      throw new ModelFormatException("config.json: RoPE scaling without '" + name + "'", -1);
    }
    return real(rope, name, 1);
  }

  private static double real(JsonNode node, String name, double fallback) {
    JsonNode value = node.path(name);
    if (value.isMissingNode() || value.isNull()) {
      return fallback;
    }
    double real = value.asDouble(Double.NaN);
    if (!value.isNumber() || !(real > 0) || Double.isInfinite(real)) {
      throw new ModelFormatException("config.json: '" + name + "' is " + value + ", expected a positive number", -1);
    }
    return real;
  }

  private boolean has(String name) {
    return config.hasNonNull(name);
  }

  private int positive(String name) {
    JsonNode value = config.path(name);
    if (!value.isIntegralNumber() || !value.canConvertToInt() || value.intValue() < 1) {
      throw new ModelFormatException("config.json: '" + name + "' is " + (value.isMissingNode() ? "absent" : value.toString()) + ", expected a positive integer", -1);
    }
    return value.intValue();
  }

  private boolean flag(String name, boolean fallback) {
    JsonNode value = config.path(name);
    if (!value.isMissingNode() && !value.isNull() && !value.isBoolean()) {
      throw new ModelFormatException("config.json: '" + name + "' is " + value + ", expected true or false", -1);
    }
    return value.isBoolean() ? value.booleanValue() : fallback;
  }

  private String text(String name, String fallback) {
    JsonNode value = config.path(name);
    return value.isTextual() ? value.textValue() : fallback;
  }

  /** A token id of config.json or generation_config.json, which is a number or a list of them; -1 if absent. */
  static int[] ids(JsonNode node, String name) {
    JsonNode value = node.path(name);
    if (value.isInt()) {
      return new int[] {value.intValue()};
    }
    IntList ids = new IntList();
    value.forEach(id -> {
      if (id.isInt()) {
        ids.add(id.intValue());
      }
    });
    return ids.toArray();
  }
}
