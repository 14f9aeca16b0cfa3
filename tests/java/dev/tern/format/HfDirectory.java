package dev.tern.format;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;

/** Writes the model of a GGUF file as a directory in the layout of Hugging Face, by the plainest means. */
final class HfDirectory {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final String LLAMA3 =
      "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

  /** How a layer's matrices are written. */
  enum Weights {
    FLOATS, DIVIDED, MULTIPLIED, MASTER
  }

  private record Tensor(String dtype, List<Long> shape, byte[] bytes) {}

  private final GgufFile model;
  private final ModelSpec spec;
  private final Weights weights;
  private final Map<String, Tensor> tensors = new LinkedHashMap<>();
  final ObjectNode config = JSON.createObjectNode();
  final ObjectNode tokenizer = JSON.createObjectNode();

  HfDirectory(GgufFile model, Weights weights) {
    this.model = model;
    this.weights = weights;
    spec = ModelSpec.from(model);
    config();
    tokenizer();
    for (WeightRef w : spec.weights()) {
      tensor(w);
    }
  }

  private void config() {
    boolean llama = spec.arch().equals("llama");
    config.put("model_type", llama ? "llama" : "bitnet").put("num_hidden_layers", spec.nLayers()).put("hidden_size", spec.hiddenDim())
        .put("intermediate_size", spec.ffnDim()).put("num_attention_heads", spec.nHeads()).put("num_key_value_heads", spec.nKvHeads())
        .put("head_dim", spec.headDim()).put("vocab_size", spec.vocabSize()).put("max_position_embeddings", spec.contextLength())
        .put("rms_norm_eps", spec.normEps()).put("rope_theta", spec.ropeFreqBase()).put("tie_word_embeddings", spec.tiedOutput())
        .put("hidden_act", spec.gate() == ModelSpec.Gate.RELU2 ? "relu2" : "silu");
    if (weights != Weights.FLOATS) {
      ObjectNode quantization = config.putObject("quantization_config").put("quant_method", "bitnet");
      if (weights != Weights.DIVIDED) {
        quantization.put("linear_class", "autobitlinear");
      }
    }
  }

  private void tokenizer() {
    if (!model.metadata().string("tokenizer.ggml.model").equals("gpt2")) {
      return;
    }
    GgufStrings tokens = model.metadata().strings("tokenizer.ggml.tokens");
    int[] types = model.metadata().ints("tokenizer.ggml.token_type");
    ObjectNode bpe = tokenizer.putObject("model").put("type", "BPE").put("ignore_merges", true);
    ObjectNode vocab = bpe.putObject("vocab");
    ArrayNode added = tokenizer.putArray("added_tokens");
    for (int i = 0; i < types.length; i++) {
      if (types[i] == Vocabulary.CONTROL) {
        added.addObject().put("id", i).put("content", tokens.get(i)).put("special", true);
      } else {
        vocab.put(tokens.get(i), i);
      }
    }
    ArrayNode merges = bpe.putArray("merges");
    model.metadata().strings("tokenizer.ggml.merges").forEach(merges::add);
    ArrayNode pre = tokenizer.putObject("pre_tokenizer").put("type", "Sequence").putArray("pretokenizers");
    pre.addObject().put("type", "Split").put("behavior", "Isolated").put("invert", false).putObject("pattern").put("Regex", LLAMA3);
    pre.addObject().put("type", "ByteLevel").put("add_prefix_space", false).put("use_regex", false);
    String bos = tokens.get(model.metadata().intValue("tokenizer.ggml.bos_token_id"));
    tokenizer.putObject("post_processor").put("type", "TemplateProcessing").putArray("single").addObject().putObject("SpecialToken").put("id", bos);
    config.put("eos_token_id", model.metadata().intValue("tokenizer.ggml.eos_token_id"));
  }

  private void tensor(WeightRef w) {
    String layer = "model.layers." + w.layer() + ".";
    String name = switch (w.role()) {
      case TOKEN_EMBD -> "model.embed_tokens";
      case OUTPUT -> "lm_head";
      case OUTPUT_NORM -> "model.norm";
      case ATTN_NORM -> layer + "input_layernorm";
      case ATTN_SUB_NORM -> layer + "self_attn.attn_sub_norm";
      case WQ -> layer + "self_attn.q_proj";
      case WK -> layer + "self_attn.k_proj";
      case WV -> layer + "self_attn.v_proj";
      case WO -> layer + "self_attn.o_proj";
      case FFN_NORM -> layer + "post_attention_layernorm";
      case FFN_SUB_NORM -> layer + "mlp.ffn_sub_norm";
      case W_GATE -> layer + "mlp.gate_proj";
      case W_UP -> layer + "mlp.up_proj";
      case W_DOWN -> layer + "mlp.down_proj";
      default -> throw new IllegalStateException(w.name());
    };
    ByteBuffer bytes = ByteBuffer.allocate((int) w.byteSize()).order(ByteOrder.LITTLE_ENDIAN);
    w.read(model, 0, bytes);
    float[] values = Dequantize.floats(w.type(), bytes.flip(), w.nCols());
    int heads = w.role() == WeightRole.WQ ? spec.nHeads() : w.role() == WeightRole.WK ? spec.nKvHeads() : 0;
    if (heads > 0 && spec.ropeStyle() == ModelSpec.RopeStyle.ADJACENT) {
      values = halves(values, w.nRows() / heads, w.nCols());
    }
    List<Long> shape = w.nRows() == 1 ? List.of((long) w.nCols()) : List.of((long) w.nRows(), (long) w.nCols());
    if (w.role().layerMatrix() && (weights == Weights.DIVIDED || weights == Weights.MULTIPLIED)) {
      packed(name, values, w.nRows(), w.nCols());
    } else {
      ByteBuffer floats = ByteBuffer.allocate(values.length * 4).order(ByteOrder.LITTLE_ENDIAN);
      floats.asFloatBuffer().put(values);
      tensors.put(name + ".weight", new Tensor("F32", shape, floats.array()));
    }
  }

  /** Rows of each head from the order (i, 0), (i, 1) to (0, i), (1, i). */
  private static float[] halves(float[] values, int headDim, int columns) {
    float[] out = new float[values.length];
    for (int r = 0; r < values.length / columns; r++) {
      int head = r / headDim * headDim;
      int i = r % headDim / 2;
      int part = r % 2;
      System.arraycopy(values, r * columns, out, (head + part * headDim / 2 + i) * columns, columns);
    }
    return out;
  }

  private void packed(String name, float[] values, int nRows, int nCols) {
    float scale = 0;
    for (float v : values) {
      scale = Math.max(scale, Math.abs(v));
    }
    byte[] bytes = new byte[nRows / 4 * nCols];
    for (int r = 0; r < nRows; r++) {
      for (int c = 0; c < nCols; c++) {
        int code = 1 + (int) Math.signum(values[r * nCols + c]);
        bytes[r % (nRows / 4) * nCols + c] |= (byte) (code << 2 * (r / (nRows / 4)));
      }
    }
    float stored = weights == Weights.DIVIDED ? 1 / scale : scale;
    tensors.put(name + ".weight", new Tensor("U8", List.of(nRows / 4L, (long) nCols), bytes));
    tensors.put(name + ".weight_scale",
        new Tensor("F32", List.of(1L), ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN).putFloat(stored).array()));
  }

  /** Changes a tensor's bytes before they are written. */
  HfDirectory change(String name, Consumer<byte[]> change) {
    change.accept(tensors.get(name).bytes());
    return this;
  }

  HfDirectory without(String name) {
    tensors.remove(name);
    return this;
  }

  /** Writes it all, the weights to so many files. */
  Path write(Path directory, int nFiles) {
    try {
      Files.createDirectories(directory);
      Files.write(directory.resolve("config.json"), JSON.writeValueAsBytes(config));
      if (tokenizer.size() > 0) {
        Files.write(directory.resolve("tokenizer.json"), JSON.writeValueAsBytes(tokenizer));
      }
      if (nFiles == 1) {
        Files.write(directory.resolve("model.safetensors"), safetensors(tensors));
        return directory;
      }
      ObjectNode index = JSON.createObjectNode();
      ObjectNode map = index.putObject("weight_map");
      for (int f = 0; f < nFiles; f++) {
        String name = String.format("model-%05d-of-%05d.safetensors", f + 1, nFiles);
        Map<String, Tensor> some = new LinkedHashMap<>();
        int i = 0;
        for (Map.Entry<String, Tensor> e : tensors.entrySet()) {
          if (i++ % nFiles == f) {
            some.put(e.getKey(), e.getValue());
            map.put(e.getKey(), name);
          }
        }
        Files.write(directory.resolve(name), safetensors(some));
      }
      Files.write(directory.resolve("model.safetensors.index.json"), JSON.writeValueAsBytes(index));
      return directory;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static byte[] safetensors(Map<String, Tensor> tensors) throws IOException {
    ObjectNode header = JSON.createObjectNode();
    header.putObject("__metadata__").put("format", "pt");
    long at = 0;
    for (Map.Entry<String, Tensor> e : tensors.entrySet()) {
      ObjectNode t = header.putObject(e.getKey()).put("dtype", e.getValue().dtype());
      ArrayNode shape = t.putArray("shape");
      e.getValue().shape().forEach(shape::add);
      t.putArray("data_offsets").add(at).add(at += e.getValue().bytes().length);
    }
    byte[] json = JSON.writeValueAsBytes(header);
    ByteBuffer out = ByteBuffer.allocate(8 + json.length + (int) at).order(ByteOrder.LITTLE_ENDIAN);
    out.putLong(json.length).put(json);
    tensors.values().forEach(t -> out.put(t.bytes()));
    return out.array();
  }
}
