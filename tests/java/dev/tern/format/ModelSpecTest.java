package dev.tern.format;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.tern.ModelFormatException;
import dev.tern.TernException;
import dev.tern.UnsupportedModelException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

class ModelSpecTest {
  private static final Class<?> FORMAT = ModelFormatException.class;
  private static final Class<?> UNSUPPORTED = UnsupportedModelException.class;

  private static Arguments kind(String name, Class<?> type, String message, TinyModel model) {
    return Arguments.of(name, type, message, model);
  }

  private static TinyModel llama() {
    return TinyModel.llama();
  }

  private static TinyModel bitnet() {
    return new TinyModel("bitnet");
  }

  static Stream<Arguments> kinds() {
    return Stream.of(
        kind("no architecture", FORMAT, "general.architecture", llama().without("general.architecture")),
        kind("architecture an integer", FORMAT, "expected STRING", llama().uint32("general.architecture", 1)),
        kind("architecture unknown", UNSUPPORTED, "'qwen2'", llama().string("general.architecture", "qwen2")),
        kind("vocabulary only", FORMAT, "no tensors", llama().withoutTensors()),
        kind("no layers", FORMAT, "block_count", llama().arch("block_count", 0)),
        kind("a million layers", FORMAT, "1 to 1024", llama().arch("block_count", 1_000_000)),
        kind("layers 2^32 - 1", FORMAT, "out of range", llama().arch("block_count", 0xffffffffL)),
        kind("more layers than tensors", FORMAT, "'blk.2.attn_norm.weight' is absent", llama().arch("block_count", 3)),
        kind("fewer layers than tensors", UNSUPPORTED, "blk.1.attn_norm.weight", llama().arch("block_count", 1)),
        kind("layers a float", FORMAT, "expected an integer", llama().real("llama.block_count", 2)),
        kind("no embedding length", FORMAT, "embedding_length", llama().without("llama.embedding_length")),
        kind("embedding length 0", FORMAT, "embedding_length", llama().arch("embedding_length", 0)),
        kind("embedding length another", FORMAT, "'token_embd.weight' has dimensions [32, 260], expected [64, 260]",
            llama().arch("embedding_length", 64)),
        kind("0 heads", FORMAT, "head_count", llama().arch("attention.head_count", 0)),
        kind("heads that do not divide", FORMAT, "do not divide", llama().arch("attention.head_count", 3).arch("attention.head_count_kv", 3)),
        kind("KV heads that do not divide", FORMAT, "do not divide", llama().arch("attention.head_count_kv", 3)),
        kind("0 KV heads", FORMAT, "head_count_kv", llama().arch("attention.head_count_kv", 0)),
        kind("heads per layer", FORMAT, "expected an integer", llama().ints("llama.attention.head_count_kv", 2, 2)),
        kind("head dimension 4", UNSUPPORTED, "heads of 4", llama().arch("attention.head_count", 8)),
        kind("head dimension 264", FORMAT, "1 to 256", llama().arch("attention.key_length", 264)),
        kind("head dimension 16 by key_length", FORMAT, "'blk.0.attn_q.weight' has dimensions [32, 32], expected [32, 64]",
            llama().arch("attention.key_length", 16)),
        kind("values of another length", UNSUPPORTED, "values of 16", llama().arch("attention.value_length", 16)),
        kind("heads 2^28", FORMAT, "1 to 1024", llama().arch("attention.head_count", 1 << 28).arch("attention.key_length", 8)),
        kind("FFN length another", FORMAT, "ffn_gate", llama().arch("feed_forward_length", 65)),
        kind("1,025 heads", FORMAT, "1 to 1024", llama().arch("attention.head_count", 1025)),
        kind("FFN length 2^20 + 1", FORMAT, "1 to 1048576", llama().arch("feed_forward_length", (1 << 20) + 1)),
        kind("embedding length 2^20 + 1", FORMAT, "1 to 1048576", llama().arch("embedding_length", (1 << 20) + 1)),
        kind("RoPE base below 1", FORMAT, "expected 1 or more", llama().real("llama.rope.freq_base", 0.99)),
        kind("no FFN length", FORMAT, "feed_forward_length", llama().without("llama.feed_forward_length")),
        kind("no epsilon", FORMAT, "rms_epsilon", llama().without("llama.attention.layer_norm_rms_epsilon")),
        kind("epsilon 0", FORMAT, "positive", llama().real("llama.attention.layer_norm_rms_epsilon", 0)),
        kind("epsilon NaN", FORMAT, "positive", llama().real("llama.attention.layer_norm_rms_epsilon", Double.NaN)),
        kind("epsilon infinite", FORMAT, "positive", llama().real("llama.attention.layer_norm_rms_epsilon", Double.POSITIVE_INFINITY)),
        kind("RoPE base negative", FORMAT, "positive", llama().real("llama.rope.freq_base", -1)),
        kind("RoPE base NaN", FORMAT, "positive", llama().real("llama.rope.freq_base", Double.NaN)),
        kind("RoPE dimension odd", FORMAT, "odd", llama().arch("rope.dimension_count", 7)),
        kind("RoPE dimension above the head's", FORMAT, "1 to 8", llama().arch("rope.dimension_count", 16)),
        kind("RoPE scaling yarn", UNSUPPORTED, "'yarn'", llama().string("llama.rope.scaling.type", "yarn")),
        kind("RoPE scaling longrope", UNSUPPORTED, "'longrope'", llama().string("llama.rope.scaling.type", "longrope")),
        kind("RoPE factor negative", FORMAT, "positive", llama().real("llama.rope.scaling.factor", -2)),
        kind("RoPE factors of another length", FORMAT, "rope_freqs", llama().f32("rope_freqs.weight", 8)),
        kind("RoPE factors 0", FORMAT, "RoPE factor 0", llama().f32("rope_freqs.weight", 4)),
        kind("RoPE factors NaN", FORMAT, "RoPE factor 0", llama().tensor("rope_freqs.weight", TensorType.F32, Float.NaN, 4)),
        kind("no context length", FORMAT, "context_length", llama().without("llama.context_length")),
        kind("context length 0", FORMAT, "context_length", llama().arch("context_length", 0)),
        kind("sliding window", UNSUPPORTED, "sliding-window", llama().arch("attention.sliding_window", 16)),
        kind("experts", UNSUPPORTED, "mixture of experts", llama().arch("expert_count", 8)),
        kind("not causal", UNSUPPORTED, "causal", llama().bool("llama.attention.causal", false)),
        kind("logit scale", UNSUPPORTED, "logit_scale", llama().real("llama.logit_scale", 0.5)),
        kind("soft cap", UNSUPPORTED, "softcapping", llama().real("llama.attn_logit_softcapping", 30)),
        kind("activation unknown", UNSUPPORTED, "'gelu'", bitnet().string("bitnet.hidden_activation", "gelu")),
        kind("no embedding", FORMAT, "'token_embd.weight' is absent", llama().without("token_embd.weight")),
        kind("no output norm", FORMAT, "'output_norm.weight' is absent", llama().without("output_norm.weight")),
        kind("no attn_q", FORMAT, "'blk.1.attn_q.weight' is absent", llama().without("blk.1.attn_q.weight")),
        kind("attn_q transposed", FORMAT, "[16, 32], expected [32, 16]", llama().f32("blk.0.attn_k.weight", 16, 32)),
        kind("matrix of 3 dimensions", FORMAT, "attn_v", llama().f32("blk.0.attn_v.weight", 32, 16, 1)),
        kind("norm of another length", FORMAT, "'blk.0.attn_norm.weight' has dimensions [31]", llama().f32("blk.0.attn_norm.weight", 31)),
        kind("norm in Q8_0", UNSUPPORTED, "norms are F32", llama().tensor("blk.0.attn_norm.weight", TensorType.Q8_0, 0, 32)),
        kind("output of another vocabulary", FORMAT, "'output.weight'", llama().f32("output.weight", 32, 261)),
        kind("fewer rows than tokens", FORMAT, "260 tokens", llama().f32("token_embd.weight", 32, 259)),
        kind("vocab_size another", FORMAT, "vocab_size", llama().arch("vocab_size", 300)),
        kind("bias", UNSUPPORTED, "biases are not implemented", llama().f32("blk.0.attn_q.bias", 32)),
        kind("tensor unknown", UNSUPPORTED, "blk.0.attn_q_norm.weight", llama().f32("blk.0.attn_q_norm.weight", 8)),
        kind("scale of 2 elements", FORMAT, "attn_q.scale", bitnet().f32("blk.0.attn_q.scale", 2)),
        kind("scale NaN", FORMAT, "is NaN", bitnet().tensor("blk.0.attn_q.scale", TensorType.F32, Float.NaN, 1)),
        kind("scale infinite", FORMAT, "is Infinity", bitnet().tensor("blk.0.attn_q.scale", TensorType.F32, Float.POSITIVE_INFINITY, 1)),
        kind("scale of a norm", UNSUPPORTED, "attn_norm.scale", bitnet().f32("blk.0.attn_norm.scale", 1)),
        kind("b1.58 without sub-norms", FORMAT, "'blk.0.attn_sub_norm.weight' is absent",
            new TinyModel("bitnet-b1.58").without("blk.0.attn_sub_norm.weight")),
        kind("one of two sub-norms", FORMAT, "'blk.0.ffn_sub_norm.weight' is absent", bitnet().f32("blk.0.attn_sub_norm.weight", 32)),
        kind("sub-norms in one layer only", FORMAT, "'blk.1.ffn_sub_norm.weight' is absent",
            bitnet().subNorms().without("blk.1.ffn_sub_norm.weight")),
        kind("sub-norms in llama", UNSUPPORTED, "attn_sub_norm", llama().subNorms()));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("kinds")
  void isRefused(String name, Class<? extends TernException> type, String message, TinyModel model) {
    GgufFile file = model.file();
    TernException e = assertThrows(TernException.class, () -> ModelSpec.from(file));
    assertEquals(type, e.getClass(), e.getMessage());
    assertTrue(e.getMessage().contains(message), e.getMessage());
  }

  @Test
  void stories260k() {
    try (GgufFile file = GgufFile.open(TestFiles.STORIES)) {
      ModelSpec spec = ModelSpec.from(file);
      assertEquals("llama stories260K", spec.arch() + " " + spec.name());
      assertArrayEquals(
          new int[] {5, 8, 4, 8, 64, 172, 512, 8, 512},
          new int[] {spec.nLayers(), spec.nHeads(), spec.nKvHeads(), spec.headDim(),
              spec.hiddenDim(), spec.ffnDim(), spec.vocabSize(), spec.ropeDim(), spec.contextLength()});
      assertEquals(ModelSpec.RopeStyle.ADJACENT, spec.ropeStyle());
      assertEquals(ModelSpec.Gate.SILU, spec.gate());
      assertEquals(1e-5f, spec.normEps());
      assertEquals(10000, spec.ropeFreqBase());
      assertFalse(spec.subNorms());
      assertFalse(spec.tiedOutput());
      assertEquals(3 + 5 * 9, spec.weights().size());
      for (WeightRef weight : spec.weights()) {
        assertEquals(weight.role().perLayer(), weight.layer() >= 0);
        ByteBuffer bytes = ByteBuffer.allocate((int) weight.byteSize());
        weight.read(file, 0, bytes);
        assertFalse(bytes.hasRemaining());
      }
    }
  }

  /** A model of published sizes: its metadata and its tensors' names and shapes, and no bytes. */
  private record Published(GgufMetadata metadata, Map<String, TensorInfo> tensors) implements ModelFile {
    static Published of(String arch, int nLayers, int hidden, int nHeads, int nKvHeads, int headDim, int ffn, int vocab, boolean tied, TensorType type) {
      GgufWriter out = new GgufWriter().string("general.architecture", arch).uint32(arch + ".context_length", 4096)
          .uint32(arch + ".embedding_length", hidden).uint32(arch + ".block_count", nLayers).uint32(arch + ".feed_forward_length", ffn)
          .uint32(arch + ".attention.head_count", nHeads).uint32(arch + ".attention.head_count_kv", nKvHeads)
          .uint32(arch + ".attention.key_length", headDim).float32(arch + ".attention.layer_norm_rms_epsilon", 1e-5f);
      Map<String, TensorInfo> tensors = new LinkedHashMap<>();
      put(tensors, "token_embd", TensorType.Q6_K, hidden, vocab);
      put(tensors, "output_norm", TensorType.F32, hidden);
      if (!tied) {
        put(tensors, "output", TensorType.Q6_K, hidden, vocab);
      }
      for (int i = 0; i < nLayers; i++) {
        String blk = "blk." + i + ".";
        put(tensors, blk + "attn_norm", TensorType.F32, hidden);
        put(tensors, blk + "ffn_norm", TensorType.F32, hidden);
        put(tensors, blk + "attn_q", type, hidden, (long) nHeads * headDim);
        put(tensors, blk + "attn_k", type, hidden, (long) nKvHeads * headDim);
        put(tensors, blk + "attn_v", type, hidden, (long) nKvHeads * headDim);
        put(tensors, blk + "attn_output", type, (long) nHeads * headDim, hidden);
        put(tensors, blk + "ffn_gate", type, hidden, ffn);
        put(tensors, blk + "ffn_up", type, hidden, ffn);
        put(tensors, blk + "ffn_down", type, ffn, hidden);
        if (arch.startsWith("bitnet")) {
          put(tensors, blk + "attn_sub_norm", TensorType.F32, (long) nHeads * headDim);
          put(tensors, blk + "ffn_sub_norm", TensorType.F32, ffn);
        } else if (arch.equals("qwen3")) {
          put(tensors, blk + "attn_q_norm", TensorType.F32, headDim);
          put(tensors, blk + "attn_k_norm", TensorType.F32, headDim);
        }
      }
      return new Published(GgufFile.read(ByteSource.of(out.toBytes(), "published")).metadata(), tensors);
    }

    private static void put(Map<String, TensorInfo> tensors, String name, TensorType type, long... dims) {
      tensors.put(name + ".weight", new TensorInfo(name + ".weight", type, dims, 0, type.tensorBytes(dims)));
    }

    @Override
    public String name() {
      return "published";
    }

    @Override
    public void readTensor(TensorInfo tensor, long from, ByteBuffer dst) {
      throw new IllegalStateException("nothing is read of " + tensor);
    }

    @Override
    public long size() {
      return 0;
    }

    @Override
    public void close() {}
  }

  /** The graph of each published model, and the activation that it was trained with. */
  @ParameterizedTest
  @CsvSource({
    "BitNet b1.58 2B4T, bitnet-b1.58, 30, 2560, 20, 5, 128, 6912, 128256, true, TQ2_0, RELU2, HALVES, true",
    "BitNet b1.58 2B4T as llama.cpp names it, bitnet, 30, 2560, 20, 5, 128, 6912, 128256, true, TQ1_0, RELU2, HALVES, true",
    "1bitLLM large, bitnet, 24, 1536, 16, 16, 96, 4096, 32002, true, TQ2_0, SILU, HALVES, true",
    "Llama3 8B 1.58, llama, 32, 4096, 32, 8, 128, 14336, 128256, false, TQ1_0, SILU, ADJACENT, false",
    "Falcon3 1B, llama, 18, 2048, 8, 4, 256, 8192, 131072, false, TQ2_0, SILU, ADJACENT, false",
    "Falcon3 3B, llama, 22, 3072, 12, 4, 256, 9216, 131072, false, TQ2_0, SILU, ADJACENT, false",
    "Falcon3 7B, llama, 28, 3072, 12, 4, 256, 23040, 131072, false, TQ2_0, SILU, ADJACENT, false",
    "Falcon3 10B, llama, 40, 3072, 12, 4, 256, 23040, 131072, false, TQ2_0, SILU, ADJACENT, false",
    "Bonsai 1.7B, qwen3, 28, 2048, 16, 8, 128, 6144, 151936, true, Q2_0, SILU, HALVES, false",
    "Bonsai 8B, qwen3, 36, 4096, 32, 8, 128, 12288, 151936, false, Q2_0, SILU, HALVES, false"
  })
  void publishedSizes(String name, String arch, int nLayers, int hidden, int nHeads, int nKvHeads, int headDim, int ffn, int vocab, boolean tied,
      TensorType type, ModelSpec.Gate gate, ModelSpec.RopeStyle style, boolean subNorms) {
    ModelSpec spec = ModelSpec.from(Published.of(arch, nLayers, hidden, nHeads, nKvHeads, headDim, ffn, vocab, tied, type));
    assertEquals(gate, spec.gate(), name);
    assertEquals(style, spec.ropeStyle(), name);
    assertEquals(subNorms, spec.subNorms(), name);
    assertEquals(tied, spec.tiedOutput(), name);
    assertEquals(7 * nLayers, spec.weights().stream().filter(WeightRef::mayBeTernary).count(), name);
  }

  @ParameterizedTest
  @CsvSource({
    "llama,,SILU,ADJACENT,false", "llama,silu,SILU,ADJACENT,false", "bitnet,,SILU,HALVES,false", "bitnet,relu2,RELU2,HALVES,false",
    "bitnet,relu_squared,RELU2,HALVES,false", "bitnet-b1.58,,RELU2,HALVES,true", "bitnet-25,,RELU2,HALVES,true", "bitnet-b1.58,silu,SILU,HALVES,true"
  })
  void architecturesAndActivations(String arch, String activation, ModelSpec.Gate gate, ModelSpec.RopeStyle style, boolean subNorms) {
    for (String key : new String[] {arch + ".hidden_activation", arch + ".hidden_act"}) {
      TinyModel model = new TinyModel(arch);
      ModelSpec spec = ModelSpec.from((activation == null ? model : model.string(key, activation)).file());
      assertEquals(gate, spec.gate());
      assertEquals(style, spec.ropeStyle());
      assertEquals(subNorms, spec.subNorms());
      assertTrue(spec.tiedOutput());
    }
    assertTrue(ModelSpec.from(new TinyModel("bitnet").subNorms().file()).subNorms());
  }

  @Test
  void scaleOfATensor() {
    ModelSpec spec = ModelSpec.from(new TinyModel("bitnet").tensor("blk.1.ffn_up.scale", TensorType.F32, 0.25f, 1).file());
    for (WeightRef weight : spec.weights()) {
      assertEquals(weight.role() == WeightRole.W_UP && weight.layer() == 1 ? 0.25f : 1f, weight.scale());
      assertEquals(weight.role().layerMatrix(), weight.mayBeTernary());
    }
  }

  @Test
  void linearScalingJoinsTheRopeFactors() {
    assertTrue(ModelSpec.from(TinyModel.llama().file()).weights().stream().noneMatch(w -> w.role() == WeightRole.ROPE_FREQS));
    assertRopeFactors(4, TinyModel.llama().real("llama.rope.scaling.factor", 4));
    assertRopeFactors(4, TinyModel.llama().real("llama.rope.scale_linear", 4));
    assertRopeFactors(2, TinyModel.llama().tensor("rope_freqs.weight", TensorType.F32, 2, 4));
    assertRopeFactors(2, TinyModel.llama().tensor("rope_freqs.weight", TensorType.F32, 2, 4)
        .string("llama.rope.scaling.type", "none").real("llama.rope.scaling.factor", 4));
    assertRopeFactors(6, TinyModel.llama().tensor("rope_freqs.weight", TensorType.F32, 2, 4)
        .string("llama.rope.scaling.type", "linear").real("llama.rope.scaling.factor", 3));
  }

  private static void assertRopeFactors(float expected, TinyModel model) {
    GgufFile file = model.file();
    WeightRef factors = ModelSpec.from(file).weights().stream().filter(w -> w.role() == WeightRole.ROPE_FREQS).findFirst().orElseThrow();
    ByteBuffer bytes = ByteBuffer.allocate((int) factors.byteSize()).order(ByteOrder.LITTLE_ENDIAN);
    assertEquals(16, bytes.remaining());
    factors.read(file, 0, bytes);
    for (int i = 0; i < 4; i++) {
      assertEquals(expected, bytes.getFloat(4 * i));
    }
  }

  @Test
  void moreRowsThanTokensIsPadding() {
    GgufFile file = TinyModel.llama().f32("token_embd.weight", 32, 264).file();
    assertEquals(264, ModelSpec.from(file).vocabSize());
    Tokenizer tokenizer = Tokenizer.from(file);
    assertEquals(264, tokenizer.vocabSize());
    assertEquals(0, tokenizer.bytes(263).length);
    assertTrue(tokenizer.isControl(263));
    assertEquals("[PAD263]", tokenizer.text(263));
    assertThrows(IndexOutOfBoundsException.class, () -> tokenizer.bytes(264));
  }

  @Test
  void namesTheFileIfTheModelHasNoName() {
    assertEquals("tiny", ModelSpec.from(TinyModel.llama().without("general.name").file()).name());
  }

  /** Numbers of the roles are part of the ABI. */
  @Test
  void rolesAreNumberedAsInTheAbi() {
    assertEquals(0, WeightRole.TOKEN_EMBD.id());
    assertEquals(3, WeightRole.ROPE_FREQS.id());
    assertEquals(6, WeightRole.WQ.id());
    assertEquals(14, WeightRole.W_DOWN.id());
    assertEquals("blk.7.attn_output", WeightRole.WO.tensorName(7));
  }
}
