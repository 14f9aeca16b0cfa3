package dev.tern.format;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.function.Supplier;
import java.util.stream.IntStream;

/** Writes the model of a GGUF file as a directory in the layout of Hugging Face, by the plainest means. */
final class HfDirectory {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final String LLAMA3 =
      "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

  /** How a layer's matrices are written. */
  enum Weights {
    FLOATS, DIVIDED, MULTIPLIED, MASTER
  }

  /** Its bytes are made when they are written: a large model is never whole in memory. */
  private record Tensor(String dtype, List<Long> shape, int size, Supplier<byte[]> bytes) {}

  private final GgufFile model;
  private final ModelSpec spec;
  private final Weights weights;
  private final boolean bf16;
  private final Map<String, Tensor> tensors = new LinkedHashMap<>();
  final ObjectNode config = JSON.createObjectNode();
  final ObjectNode tokenizer = JSON.createObjectNode();

  HfDirectory(GgufFile model, Weights weights) {
    this(model, weights, false);
  }

  /** bf16: floats are written as BF16, which must hold the model's values exactly, and not as F32. */
  HfDirectory(GgufFile model, Weights weights, boolean bf16) {
    this.model = model;
    this.weights = weights;
    this.bf16 = bf16;
    spec = ModelSpec.from(model);
    config();
    tokenizer();
    for (WeightRef w : spec.weights()) {
      tensor(w);
    }
  }

  private void config() {
    config.put("model_type", spec.arch().startsWith("bitnet") ? "bitnet" : spec.arch()).put("num_hidden_layers", spec.nLayers()).put("hidden_size", spec.hiddenDim())
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
      case ATTN_Q_NORM -> layer + "self_attn.q_norm";
      case ATTN_K_NORM -> layer + "self_attn.k_norm";
      case WV -> layer + "self_attn.v_proj";
      case WO -> layer + "self_attn.o_proj";
      case FFN_NORM -> layer + "post_attention_layernorm";
      case FFN_SUB_NORM -> layer + "mlp.ffn_sub_norm";
      case W_GATE -> layer + "mlp.gate_proj";
      case W_UP -> layer + "mlp.up_proj";
      case W_DOWN -> layer + "mlp.down_proj";
      default -> throw new IllegalStateException(w.name());
    };
    List<Long> shape = w.nRows() == 1 ? List.of((long) w.nCols()) : List.of((long) w.nRows(), (long) w.nCols());
    int size = Math.multiplyExact(w.nRows(), w.nCols());
    if (w.role().layerMatrix() && (weights == Weights.DIVIDED || weights == Weights.MULTIPLIED)) {
      packed(name, w);
    } else if (bf16 && w.nRows() > 1) {
      tensors.put(name + ".weight", new Tensor("BF16", shape, Math.multiplyExact(size, 2), () -> w.type() == TensorType.BF16 ? raw(w) : bf16(values(w))));
    } else {
      tensors.put(name + ".weight", new Tensor("F32", shape, Math.multiplyExact(size, 4), () -> f32(values(w))));
    }
  }

  private byte[] raw(WeightRef w) {
    byte[] bytes = new byte[(int) w.byteSize()];
    w.read(model, 0, ByteBuffer.wrap(bytes));
    return bytes;
  }

  /** The values of a weight, its rows in the order that they have there. */
  private float[] values(WeightRef w) {
    ByteBuffer bytes = ByteBuffer.wrap(raw(w)).order(ByteOrder.LITTLE_ENDIAN);
    float[] values = new float[w.nRows() * w.nCols()];
    int part = Math.max(1, w.nRows() / 64);
    IntStream.range(0, (w.nRows() + part - 1) / part).parallel().forEach(i -> { // rows by rows: a scale behind them is w's own
      int n = Math.min(part, w.nRows() - i * part);
      ByteBuffer rows = bytes.slice((int) (i * part * w.rowBytes()), (int) (n * w.rowBytes())).order(ByteOrder.LITTLE_ENDIAN);
      float[] some = Dequantize.rows(w.type(), rows, w.nCols(), n);
      for (int j = 0; j < some.length; j++) {
        values[i * part * w.nCols() + j] = some[j] * w.scale();
      }
    });
    int heads = w.role() == WeightRole.WQ ? spec.nHeads() : w.role() == WeightRole.WK ? spec.nKvHeads() : 0;
    return heads > 0 && spec.ropeStyle() == ModelSpec.RopeStyle.ADJACENT ? halves(values, w.nRows() / heads, w.nCols()) : values;
  }

  private static byte[] f32(float... values) {
    ByteBuffer bytes = ByteBuffer.allocate(values.length * 4).order(ByteOrder.LITTLE_ENDIAN);
    bytes.asFloatBuffer().put(values);
    return bytes.array();
  }

  private static byte[] bf16(float... values) {
    ByteBuffer bytes = ByteBuffer.allocate(values.length * 2).order(ByteOrder.LITTLE_ENDIAN);
    for (float v : values) {
      if ((Float.floatToRawIntBits(v) & 0xffff) != 0) {
        throw new IllegalArgumentException(v + " is no BF16");
      }
      bytes.putShort((short) (Float.floatToRawIntBits(v) >>> 16));
    }
    return bytes.array();
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

  private void packed(String name, WeightRef w) {
    int quarter = w.nRows() / 4;
    tensors.put(name + ".weight", new Tensor("U8", List.of((long) quarter, (long) w.nCols()), quarter * w.nCols(), () -> {
      float[] values = values(w);
      byte[] bytes = new byte[quarter * w.nCols()];
      for (int r = 0; r < w.nRows(); r++) {
        for (int c = 0; c < w.nCols(); c++) {
          int code = 1 + (int) Math.signum(values[r * w.nCols() + c]);
          bytes[r % quarter * w.nCols() + c] |= (byte) (code << 2 * (r / quarter));
        }
      }
      return bytes;
    }));
    tensors.put(name + ".weight_scale", new Tensor("F32", List.of(1L), 4, () -> {
      float scale = 0;
      for (int r = 0; r < w.nRows() && scale == 0; r++) {
        ByteBuffer row = ByteBuffer.allocate((int) w.rowBytes()).order(ByteOrder.LITTLE_ENDIAN);
        w.read(model, r * w.rowBytes(), row);
        for (float v : Dequantize.rows(w.type(), row.flip(), w.nCols(), 1)) {
          scale = Math.max(scale, Math.abs(v * w.scale()));
        }
      }
      return f32(weights == Weights.DIVIDED ? 1 / scale : scale);
    }));
  }

  /** Changes a tensor's bytes before they are written. */
  HfDirectory change(String name, Consumer<byte[]> change) {
    tensors.computeIfPresent(name, (key, t) -> new Tensor(t.dtype, t.shape, t.size, () -> {
      byte[] bytes = t.bytes.get();
      change.accept(bytes);
      return bytes;
    }));
    return this;
  }

  /** Calls a tensor by another name. */
  void rename(String from, String to) {
    tensors.put(to, tensors.remove(from));
  }

  /** Writes a tensor once more, by another name. */
  void copy(String from, String to) {
    tensors.put(to, tensors.get(from));
  }

  List<String> names() {
    return List.copyOf(tensors.keySet());
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
        safetensors(directory.resolve("model.safetensors"), tensors);
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
        safetensors(directory.resolve(name), some);
      }
      Files.write(directory.resolve("model.safetensors.index.json"), JSON.writeValueAsBytes(index));
      return directory;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static void safetensors(Path path, Map<String, Tensor> tensors) throws IOException {
    ObjectNode header = JSON.createObjectNode();
    header.putObject("__metadata__").put("format", "pt");
    long at = 0;
    for (Map.Entry<String, Tensor> e : tensors.entrySet()) {
      ObjectNode t = header.putObject(e.getKey()).put("dtype", e.getValue().dtype());
      ArrayNode shape = t.putArray("shape");
      e.getValue().shape().forEach(shape::add);
      t.putArray("data_offsets").add(at).add(at += e.getValue().size());
    }
    byte[] json = JSON.writeValueAsBytes(header);
    try (OutputStream out = Files.newOutputStream(path)) {
      out.write(ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(json.length).array());
      out.write(json);
      for (Tensor t : tensors.values()) {
        out.write(t.bytes().get());
      }
    }
  }
}
