package dev.tern.format;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;

/** A small valid model whose every value and tensor a test can change, take away or add to. */
final class TinyModel {
  static final int HIDDEN = 32;
  static final int FFN = 64;
  static final int VOCAB = 260;
  static final int KV = 16;

  private record Tensor(TensorType type, long[] dims, float fill) {}

  private final Map<String, Consumer<GgufWriter>> metadata = new LinkedHashMap<>();
  private final Map<String, Tensor> tensors = new LinkedHashMap<>();
  private final String arch;

  /** Two layers, 4 heads and 2 KV heads of 8, SentencePiece vocabulary of 256 bytes and 4 more. */
  TinyModel(String arch) {
    this.arch = arch;
    string("general.architecture", arch).string("general.name", "tiny");
    uint32(arch + ".context_length", 64).uint32(arch + ".embedding_length", HIDDEN).uint32(arch + ".block_count", 2);
    uint32(arch + ".feed_forward_length", FFN).uint32(arch + ".attention.head_count", 4).uint32(arch + ".attention.head_count_kv", 2);
    real(arch + ".attention.layer_norm_rms_epsilon", 1e-5);
    spm();
    f32("token_embd.weight", HIDDEN, VOCAB).f32("output_norm.weight", HIDDEN);
    for (int layer = 0; layer < 2; layer++) {
      String blk = "blk." + layer + ".";
      f32(blk + "attn_norm.weight", HIDDEN).f32(blk + "attn_q.weight", HIDDEN, HIDDEN).f32(blk + "attn_k.weight", HIDDEN, KV);
      f32(blk + "attn_v.weight", HIDDEN, KV).f32(blk + "attn_output.weight", HIDDEN, HIDDEN);
      f32(blk + "ffn_norm.weight", HIDDEN).f32(blk + "ffn_gate.weight", HIDDEN, FFN).f32(blk + "ffn_up.weight", HIDDEN, FFN);
      f32(blk + "ffn_down.weight", FFN, HIDDEN);
    }
    if (arch.equals("bitnet-b1.58") || arch.equals("bitnet-25")) {
      subNorms();
    }
  }

  static TinyModel llama() {
    return new TinyModel("llama");
  }

  TinyModel subNorms() {
    for (int layer = 0; layer < 2; layer++) {
      f32("blk." + layer + ".attn_sub_norm.weight", HIDDEN).f32("blk." + layer + ".ffn_sub_norm.weight", FFN);
    }
    return this;
  }

  private void spm() {
    String[] tokens = new String[VOCAB];
    float[] scores = new float[VOCAB];
    int[] types = new int[VOCAB];
    String[] others = {"<unk>", "<s>", "</s>", "\u2581"};
    for (int i = 0; i < VOCAB; i++) {
      tokens[i] = i < 3 ? others[i] : i < 259 ? String.format("<0x%02X>", i - 3) : others[3];
      types[i] = i == 0 ? 2 : i < 3 ? 3 : i < 259 ? 6 : 1;
    }
    string("tokenizer.ggml.model", "llama").strings("tokenizer.ggml.tokens", tokens);
    put("tokenizer.ggml.scores", w -> w.floats("tokenizer.ggml.scores", scores));
    ints("tokenizer.ggml.token_type", types);
  }

  /** Replaces the tokenizer by byte-level BPE: 256 bytes, "ab", "abc", "<end>" of type CONTROL, "<user>" of type USER_DEFINED. */
  TinyModel bpe(String pre, String... merges) {
    String[] tokens = new String[VOCAB];
    int[] types = new int[VOCAB];
    String[] others = {"ab", "abc", "<end>", "<user>"};
    for (int i = 0; i < VOCAB; i++) {
      tokens[i] = i < 256 ? String.valueOf(BpeTokenizer.spelling(i)) : others[i - 256];
      types[i] = i == 258 ? 3 : i == 259 ? 4 : 1;
    }
    without("tokenizer.ggml.scores").string("tokenizer.ggml.model", "gpt2").string("tokenizer.ggml.pre", pre);
    return strings("tokenizer.ggml.tokens", tokens).ints("tokenizer.ggml.token_type", types).strings("tokenizer.ggml.merges", merges);
  }

  TinyModel string(String key, String value) {
    return put(key, w -> w.string(key, value));
  }

  TinyModel uint32(String key, long value) {
    return put(key, w -> w.uint32(key, value));
  }

  TinyModel real(String key, double value) {
    return put(key, w -> w.float32(key, (float) value));
  }

  TinyModel bool(String key, boolean value) {
    return put(key, w -> w.bool(key, value));
  }

  TinyModel strings(String key, String... values) {
    return put(key, w -> w.strings(key, List.of(values)));
  }

  TinyModel ints(String key, int... values) {
    return put(key, w -> w.ints(key, values));
  }

  TinyModel floats(String key, float... values) {
    return put(key, w -> w.floats(key, values));
  }

  TinyModel put(String key, Consumer<GgufWriter> value) {
    metadata.put(key, value);
    return this;
  }

  /** Sets a hyperparameter of the architecture. */
  TinyModel arch(String key, long value) {
    return uint32(arch + "." + key, value);
  }

  TinyModel f32(String name, long... dims) {
    return tensor(name, TensorType.F32, 0, dims);
  }

  /** A tensor; fill is the value of all its elements if it is F32, others are zero bytes. */
  TinyModel tensor(String name, TensorType type, float fill, long... dims) {
    tensors.put(name, new Tensor(type, dims, fill));
    return this;
  }

  TinyModel without(String name) {
    if (metadata.remove(name) == null && tensors.remove(name) == null) {
      throw new IllegalArgumentException(name);
    }
    return this;
  }

  TinyModel withoutTensors() {
    tensors.clear();
    return this;
  }

  byte[] bytes() {
    GgufWriter writer = new GgufWriter();
    metadata.values().forEach(value -> value.accept(writer));
    tensors.forEach((name, t) -> {
      int n = 1;
      for (long dim : t.dims) {
        n *= (int) dim;
      }
      if (t.type == TensorType.F32) {
        float[] values = new float[n];
        java.util.Arrays.fill(values, t.fill);
        writer.tensor(name, t.dims, values);
      } else {
        byte[] zeros = new byte[(int) t.type.tensorBytes(t.dims)];
        writer.tensor(name, t.type, t.dims, out -> out.write(zeros));
      }
    });
    return writer.toBytes();
  }

  GgufFile file() {
    return GgufFile.read(ByteSource.of(bytes(), "tiny"));
  }
}
