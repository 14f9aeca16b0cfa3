package dev.tern.format;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.tern.ClosedException;
import dev.tern.Engine;
import dev.tern.Model;
import dev.tern.ModelFormatException;
import dev.tern.ModelIoException;
import dev.tern.Session;
import dev.tern.TernException;
import dev.tern.UnsupportedModelException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Hugging Face directories: the same model as the GGUF file that they are made from. */
class HfModelTest {
  private static final int[] TOKENS = {1021, 5, 77, 400, 12, 1000, 3, 3, 256, 90};

  @TempDir Path directory;

  private static GgufFile random() {
    return GgufFile.read(ByteSource.of(new RandomModel(ModelShape.of("tern-tiny")).toBytes(), "random"));
  }

  private Path hf(HfDirectory.Weights weights, int nFiles) {
    return new HfDirectory(random(), weights).write(directory.resolve("hf"), nFiles);
  }

  private static float[] logits(Path path) {
    try (Model model = Model.load(path);
        Engine engine = Engine.builder(model).build();
        Session session = engine.newSession()) {
      assertEquals(14, model.nTernaryWeights());
      return session.logits(TOKENS);
    }
  }

  private static byte[] bytes(ModelFile file, String name) {
    TensorInfo tensor = file.tensor(name);
    byte[] all = new byte[(int) tensor.byteSize()];
    file.readTensor(tensor, 0, ByteBuffer.wrap(all));
    return all;
  }

  private static float[] values(ModelFile file, String name) {
    TensorInfo tensor = file.tensor(name + ".weight");
    ByteBuffer bytes = ByteBuffer.wrap(bytes(file, tensor.name())).order(ByteOrder.LITTLE_ENDIAN);
    float[] values = Dequantize.floats(tensor.type(), bytes, (int) tensor.columns());
    if (file.tensor(name + ".scale") != null) {
      float scale = ByteBuffer.wrap(bytes(file, name + ".scale")).order(ByteOrder.LITTLE_ENDIAN).getFloat();
      for (int i = 0; i < values.length; i++) {
        values[i] *= scale;
      }
    }
    return values;
  }

  /** A head in Q8_0 may have other last bits than the same values in F32, which a directory holds (docs/dense.md); one in F16 has none. */
  private static RandomModel headInF16(String shape) {
    return new RandomModel(ModelShape.of(shape)).embeddingType(TensorType.F16);
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 3})
  void packedWeightsGiveTheSameBits(int nFiles) {
    GgufFile random = GgufFile.read(ByteSource.of(headInF16("tern-tiny").toBytes(), "random"));
    Path gguf = directory.resolve("m.gguf");
    headInF16("tern-tiny").write(gguf);
    Path hf = new HfDirectory(random, HfDirectory.Weights.MULTIPLIED).write(directory.resolve("hf"), nFiles);
    assertArrayEquals(logits(gguf), logits(hf));
    Path converted = directory.resolve("converted.gguf");
    try (ModelFile file = ModelFile.open(hf)) {
      new GgufWriter().copy(file).write(converted);
    }
    assertArrayEquals(logits(gguf), logits(converted));
  }

  @ParameterizedTest
  @EnumSource(HfDirectory.Weights.class)
  void valuesAreThoseOfTheFile(HfDirectory.Weights weights) {
    try (GgufFile expected = random();
        ModelFile hf = ModelFile.open(hf(weights, 1))) {
      for (String name : new String[] {"blk.0.attn_q", "blk.1.attn_k", "blk.1.ffn_down", "token_embd", "blk.1.attn_sub_norm"}) {
        float[] a = values(expected, name);
        float[] b = values(hf, name);
        double ratio = 1;
        if (weights == HfDirectory.Weights.MASTER && !name.endsWith("norm") && name.startsWith("blk")) {
          double sum = 0; // a master's scale is its mean magnitude
          double largest = 0;
          for (float v : a) {
            sum += Math.abs(v);
            largest = Math.max(largest, Math.abs(v));
          }
          ratio = sum / a.length / largest;
        }
        for (int i = 0; i < a.length; i++) {
          assertEquals(a[i] * ratio, b[i], Math.abs(a[i]) * (weights == HfDirectory.Weights.FLOATS ? 0 : 0x1p-22), weights + " " + name);
        }
      }
    }
  }

  /** What the native side takes as it stands is what the rows of GGUF are made from, in any range of bytes. */
  @Test
  void packedBytesComeFourTimesOver() {
    try (ModelFile hf = ModelFile.open(hf(HfDirectory.Weights.MULTIPLIED, 1))) {
      TensorInfo up = hf.tensor("blk.1.ffn_up.weight");
      PackedTensor packed = hf.packed(up);
      int n = (int) up.columns() * (int) up.rows();
      byte[] all = new byte[n];
      packed.read(0, ByteBuffer.wrap(all));
      float[] values = values(hf, "blk.1.ffn_up");
      float scale = packed.scale() * (hf.tensor("blk.1.ffn_up.scale") == null ? 1
          : ByteBuffer.wrap(bytes(hf, "blk.1.ffn_up.scale")).order(ByteOrder.LITTLE_ENDIAN).getFloat());
      for (int i = 0; i < n; i++) {
        assertEquals(values[i], ((all[i] >> 2 * (i / (n / 4)) & 3) - 1) * scale, "element " + i);
      }
      for (int from : new int[] {0, 1, n / 4 - 3, n / 2 - 3, n - 1000}) {
        ByteBuffer part = ByteBuffer.allocate(1002).position(1).limit(1001);
        packed.read(from, part);
        assertArrayEquals(Arrays.copyOfRange(all, from, from + 1000), Arrays.copyOfRange(part.array(), 1, 1001));
        assertEquals(0, part.array()[0] + part.array()[1001]);
        assertEquals(1001, part.position());
      }
      ByteBuffer most = ByteBuffer.allocate(n / 4 * 3); // over several ends
      packed.read(n / 8, most);
      assertArrayEquals(Arrays.copyOfRange(all, n / 8, n / 8 + n / 4 * 3), most.array());
      assertThrows(IllegalArgumentException.class, () -> packed.read(-1, ByteBuffer.allocate(1)));
      assertThrows(IllegalArgumentException.class, () -> packed.read(n, ByteBuffer.allocate(1)));
      assertNull(hf.packed(hf.tensor("token_embd.weight")));
      hf.close();
      assertThrows(ClosedException.class, () -> packed.read(0, ByteBuffer.allocate(1)));
      assertNull(hf.packed(new TensorInfo("x", TensorType.F32, new long[] {1}, 0, 4)));
    }
    try (GgufFile gguf = random()) {
      assertNull(gguf.packed(gguf.tensor("blk.1.ffn_up.weight")));
    }
  }

  /** Rows of a llama's q and k are put in order first. */
  @Test
  void packedRowsInAnotherOrderAreTranslated() {
    HfDirectory llama = new HfDirectory(random(), HfDirectory.Weights.MULTIPLIED);
    llama.config.put("model_type", "llama").putArray("architectures").add("LlamaForCausalLM");
    llama.config.put("hidden_act", "silu");
    try (ModelFile hf = ModelFile.open(llama.write(directory.resolve("llama"), 1))) {
      assertNull(hf.packed(hf.tensor("blk.0.attn_q.weight")));
      assertNull(hf.packed(hf.tensor("blk.0.attn_k.weight")));
      assertNotNull(hf.packed(hf.tensor("blk.0.attn_v.weight")));
    }
  }

  /** A llama's q and k stand in another order there: bit by bit what the converted file has. */
  @Test
  void rowsOfALlamaArePutInOrder() {
    try (GgufFile expected = GgufFile.open(TestFiles.STORIES)) {
      Path hf = new HfDirectory(expected, HfDirectory.Weights.FLOATS).write(directory.resolve("stories"), 2);
      try (ModelFile file = ModelFile.open(hf)) {
        ModelSpec a = ModelSpec.from(expected);
        ModelSpec b = ModelSpec.from(file);
        assertEquals(a.ropeStyle(), b.ropeStyle());
        for (WeightRef w : a.weights()) {
          assertArrayEquals(bytes(expected, w.name()), bytes(file, w.name()), w.name());
        }
        TensorInfo q = file.tensor("blk.0.attn_q.weight"); // any range of bytes, not only whole rows
        byte[] all = bytes(file, q.name());
        ByteBuffer part = ByteBuffer.allocate(1000);
        file.readTensor(q, 777, part);
        for (int i = 0; i < 1000; i++) {
          assertEquals(all[777 + i], part.get(i));
        }
      }
    }
  }

  @Test
  void theTokenizerIsTheSame() {
    try (GgufFile gguf = random();
        ModelFile hf = ModelFile.open(hf(HfDirectory.Weights.MULTIPLIED, 1))) {
      Tokenizer a = Tokenizer.from(gguf);
      Tokenizer b = Tokenizer.from(hf);
      for (String text : List.of("", "hello, W\u00f6rld 1234\n \ud83e\udd99", "the theatre's  end", "<|eot_id|> x")) {
        assertArrayEquals(a.encode(text), b.encode(text), text);
        assertArrayEquals(a.encode(text, false, true), b.encode(text, false, true), text);
      }
      assertEquals(a.bosId(), b.bosId());
      assertEquals(a.eogIds(), b.eogIds());
      assertEquals(a.addsBos(), b.addsBos());
    }
  }

  @Test
  void opensByLooking() throws Exception {
    Path hf = hf(HfDirectory.Weights.MULTIPLIED, 1);
    try (ModelFile file = ModelFile.open(hf.resolve("model.safetensors"))) {
      assertEquals("bitnet-b1.58", ModelSpec.from(file).arch());
    }
    Path other = Files.createDirectory(directory.resolve("other"));
    assertThrows(ModelIoException.class, () -> ModelFile.open(other));
    new RandomModel(ModelShape.of("tern-tiny")).write(other.resolve("a.gguf"));
    try (ModelFile file = ModelFile.open(other)) {
      assertEquals(2, ModelSpec.from(file).nLayers());
    }
    new RandomModel(ModelShape.of("tern-tiny")).write(other.resolve("b.gguf"));
    assertThrows(ModelIoException.class, () -> ModelFile.open(other));
  }

  @Test
  void closedIsClosed() {
    ModelFile file = ModelFile.open(hf(HfDirectory.Weights.FLOATS, 2));
    TensorInfo tensor = file.tensor("output_norm.weight");
    assertThrows(IllegalArgumentException.class, () -> file.readTensor(tensor, 1, ByteBuffer.allocate((int) tensor.byteSize())));
    file.close();
    file.close();
    assertThrows(ClosedException.class, () -> file.readTensor(tensor, 0, ByteBuffer.allocate(4)));
  }

  /** Llama 3.1's frequencies: those far above the trained length are divided by 8, those far below stay. */
  @Test
  void llama3Scaling() {
    HfDirectory made = new HfDirectory(random(), HfDirectory.Weights.MULTIPLIED);
    made.config.put("rope_theta", 500000.0).putObject("rope_scaling").put("rope_type", "llama3").put("factor", 8.0).put("low_freq_factor", 1.0)
        .put("high_freq_factor", 4.0).put("original_max_position_embeddings", 8192);
    try (ModelFile file = ModelFile.open(made.write(directory.resolve("hf"), 1))) {
      ByteBuffer factors = ByteBuffer.wrap(bytes(file, "rope_freqs.weight")).order(ByteOrder.LITTLE_ENDIAN);
      float before = 0;
      for (int i = 0; i < 32; i++) {
        double wavelength = 2 * Math.PI * Math.pow(500000, i / 32.0);
        float factor = factors.getFloat(4 * i);
        assertTrue(factor >= before);
        before = factor;
        if (wavelength < 2048) {
          assertEquals(1, factor);
        } else if (wavelength > 8192) {
          assertEquals(8, factor);
        } else {
          double smooth = (8192 / wavelength - 1) / 3;
          assertEquals(1 / ((1 - smooth) / 8 + smooth), factor, 1e-6);
        }
      }
      assertTrue(ModelSpec.from(file).weights().stream().anyMatch(w -> w.role() == WeightRole.ROPE_FREQS));
    }
  }

  /** 1bitLLM's models: they call themselves llama, name their sub-norms in another way, and come as masters. */
  @Test
  void theFirstBitnet() {
    HfDirectory made = new HfDirectory(random(), HfDirectory.Weights.MASTER);
    made.config.put("model_type", "llama").put("hidden_act", "silu").put("weight_bits", 1).remove("quantization_config");
    made.config.putArray("architectures").add("BitnetForCausalLM");
    for (String name : made.names()) {
      made.rename(name, name.replace("attn_sub_norm", "inner_attn_ln").replace("ffn_sub_norm", "ffn_layernorm"));
    }
    try (ModelFile file = ModelFile.open(made.write(directory.resolve("hf"), 1))) {
      ModelSpec spec = ModelSpec.from(file);
      assertEquals("bitnet-b1.58", spec.arch());
      assertEquals(ModelSpec.Gate.SILU, spec.gate());
      assertEquals(ModelSpec.RopeStyle.HALVES, spec.ropeStyle());
      assertTrue(spec.subNorms());
      assertEquals(TensorType.TQ2_0, file.tensor("blk.0.attn_q.weight").type());
    }
    logits(directory.resolve("hf"));
  }

  /** A master is made ternary, but not in a module that is to stay as it is; and it is refused where packed weights were announced. */
  @Test
  void modulesNotToConvert() {
    HfDirectory made = new HfDirectory(random(), HfDirectory.Weights.MASTER);
    ObjectNode quantization = (ObjectNode) made.config.get("quantization_config");
    quantization.put("quantization_mode", "online").putArray("modules_to_not_convert").add("lm_head").add("layers.1.mlp").add("self_attn.v_pro");
    try (ModelFile file = ModelFile.open(made.write(directory.resolve("hf"), 1))) {
      assertEquals(TensorType.TQ2_0, file.tensor("blk.1.attn_v.weight").type());
      assertEquals(TensorType.TQ2_0, file.tensor("blk.0.ffn_up.weight").type());
      assertEquals(TensorType.F32, file.tensor("blk.1.ffn_up.weight").type());
      assertEquals(TensorType.F32, file.tensor("blk.1.ffn_down.weight").type());
    }
  }

  /** round(w / mean), half to even, clamped, for every kind of value; the mean of several parts is the same in any order of reading. */
  @Test
  void aMasterIsRoundedAsInTraining() {
    HfDirectory made = new HfDirectory(random(), HfDirectory.Weights.MASTER);
    String name = "model.layers.0.mlp.up_proj.weight"; // [512, 256]
    float[] special = {0.5f, Math.nextUp(0.5f), -0.5f, -Math.nextUp(0.5f), 1.5f, -1.5f, 3, 0, -0f, 0.4999f, Float.MIN_VALUE};
    made.change(name, bytes -> {
      ByteBuffer floats = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
      double sum = 0;
      for (int i = 0; i < bytes.length / 4 - 1; i++) {
        float v = i < special.length ? special[i] : i % 2 == 0 ? 1 : -1;
        sum += Math.abs(v);
        floats.putFloat(4 * i, v);
      }
      floats.putFloat(bytes.length - 4, (float) (bytes.length / 4 - sum)); // the mean is 1
    });
    try (ModelFile file = ModelFile.open(made.write(directory.resolve("hf"), 1))) {
      float[] values = values(file, "blk.0.ffn_up");
      for (int i = 0; i < special.length; i++) {
        assertEquals(Math.max(-1, Math.min(1, Math.rint(special[i]))), values[i], 0, "of " + special[i]);
      }
    }
  }

  /** Qwen3: norms of q's and k's heads, rows in their own order, a tied head. */
  @ParameterizedTest
  @EnumSource(value = TensorType.class, names = {"Q2_0", "TQ2_0"})
  void qwen3(TensorType type) {
    Path gguf = directory.resolve("m.gguf");
    headInF16("qwen3-tiny").type(type).write(gguf);
    try (GgufFile file = GgufFile.open(gguf)) {
      ModelSpec spec = ModelSpec.from(file);
      assertTrue(spec.tiedOutput() && !spec.subNorms());
      assertEquals(ModelSpec.Gate.SILU, spec.gate());
      assertEquals(ModelSpec.RopeStyle.HALVES, spec.ropeStyle());
      assertEquals(4, spec.weights().stream().filter(w -> w.role() == WeightRole.ATTN_Q_NORM || w.role() == WeightRole.ATTN_K_NORM).count());
      new HfDirectory(file, HfDirectory.Weights.MULTIPLIED).write(directory.resolve("hf"), 2);
    }
    assertArrayEquals(logits(gguf), logits(directory.resolve("hf")));
  }

  /** A directory of GGUF with a config.json beside it, and a PyTorch checkpoint. */
  @Test
  void whatElseADirectoryMayHold() throws Exception {
    Path gguf = Files.createDirectory(directory.resolve("gguf"));
    Files.writeString(gguf.resolve("config.json"), "{}");
    new RandomModel(ModelShape.of("tern-tiny")).write(gguf.resolve("a.gguf"));
    ModelFile.open(gguf).close();
    Path torch = Files.createDirectory(directory.resolve("torch"));
    Files.writeString(torch.resolve("config.json"), "{}");
    Files.writeString(torch.resolve("pytorch_model.bin"), "x");
    assertTrue(assertThrows(UnsupportedModelException.class, () -> ModelFile.open(torch)).getMessage().contains("PyTorch"));
    Path hf = hf(HfDirectory.Weights.MULTIPLIED, 2);
    for (String name : List.of("config.json", "model.safetensors.index.json", "model-00002-of-00002.safetensors")) {
      ModelFile.open(hf.resolve(name)).close();
    }
  }

  // ---- bad directories ------------------------------------------------------------------------------------------------

  private static Arguments kind(String name, Class<? extends TernException> type, String message, Consumer<HfDirectory> change) {
    return Arguments.of(name, type, message, change);
  }

  static List<Arguments> badModels() {
    Class<ModelFormatException> format = ModelFormatException.class;
    Class<UnsupportedModelException> unsupported = UnsupportedModelException.class;
    String q = "model.layers.0.self_attn.q_proj.weight";
    return List.of(
        kind("no model type", unsupported, "model_type ''", d -> d.config.remove("model_type")),
        kind("another model type", unsupported, "model_type 'mamba'", d -> d.config.put("model_type", "mamba")),
        kind("layers absent", format, "'num_hidden_layers' is absent", d -> d.config.remove("num_hidden_layers")),
        kind("2^31 - 1 layers", format, "num_hidden_layers", d -> d.config.put("num_hidden_layers", Integer.MAX_VALUE)),
        kind("0 heads", format, "num_attention_heads", d -> d.config.put("num_attention_heads", 0)),
        kind("heads as text", format, "num_attention_heads", d -> d.config.put("num_attention_heads", "4")),
        kind("heads of nothing", unsupported, "heads of 0", d -> d.config.put("num_attention_heads", 1 << 20).remove("head_dim")),
        kind("heads of one element", unsupported, "heads of 1 ", d -> d.config.put("head_dim", 1)),
        kind("heads of 2^30", unsupported, "heads of", d -> d.config.put("head_dim", 1 << 30)),
        kind("epsilon of text", format, "rms_norm_eps", d -> d.config.put("rms_norm_eps", "x")),
        kind("no epsilon", format, "layer_norm_rms_epsilon", d -> d.config.remove("rms_norm_eps")),
        kind("biases", unsupported, "attention_bias", d -> d.config.put("attention_bias", true)),
        kind("half a rotation", unsupported, "partial_rotary_factor", d -> d.config.put("partial_rotary_factor", 0.5)),
        kind("half a rotation, as version 5 says it", unsupported, "partial_rotary_factor", d -> d.config.putObject("rope_parameters").put("partial_rotary_factor", 0.5)),
        kind("RoPE by layers", unsupported, "type 'full_attention'", d -> d.config.putObject("rope_parameters").putObject("full_attention").put("rope_theta", 1e6)),
        kind("another RoPE", unsupported, "yarn", d -> d.config.putObject("rope_scaling").put("rope_type", "yarn")),
        kind("llama3 without its numbers", format, "without 'factor'", d -> d.config.putObject("rope_scaling").put("rope_type", "llama3")),
        kind("another activation", unsupported, "gelu", d -> d.config.put("hidden_act", "gelu")),
        kind("another quantization", unsupported, "gptq", d -> d.config.putObject("quantization_config").put("quant_method", "gptq")),
        kind("another linear class", unsupported, "linear_class 'x'",
            d -> d.config.putObject("quantization_config").put("quant_method", "bitnet").put("linear_class", "x")),
        kind("a norm in each linear layer", unsupported, "use_rms_norm",
            d -> ((ObjectNode) d.config.get("quantization_config")).put("use_rms_norm", true)),
        kind("packed without a scale", format, "no weight_scale", d -> d.without(q + "_scale")),
        kind("packed without a word of it", format, "no quantization_config", d -> d.config.remove("quantization_config")),
        kind("a scale of 0", format, "is 0.0", d -> d.change(q + "_scale", b -> java.util.Arrays.fill(b, (byte) 0))),
        kind("a scale of NaN", format, "NaN", d -> d.change(q + "_scale", b -> java.util.Arrays.fill(b, (byte) 0xff))),
        kind("a tensor absent", format, "'blk.0.attn_q.weight' is absent", d -> d.without(q)),
        kind("no embedding", format, "token_embd", d -> d.without("model.embed_tokens.weight")),
        kind("a wrong vocabulary", format, "rows", d -> d.config.put("vocab_size", 7)),
        kind("a wrong width", format, "dimensions", d -> d.config.put("intermediate_size", 1280)),
        kind("code 3 in the first quarter", format, "code 3", d -> d.change(q, b -> b[5000] |= 3)),
        kind("code 3 in the last quarter", format, "code 3", d -> d.change(q, b -> b[5000] |= (byte) 0xc0)),
        kind("no tokenizer", format, "no tokenizer", d -> d.tokenizer.removeAll()),
        kind("another tokenizer", unsupported, "model 'Unigram'", d -> ((com.fasterxml.jackson.databind.node.ObjectNode) d.tokenizer.get("model")).put("type", "Unigram")),
        kind("another splitting", unsupported, "pre-tokenizer Whitespace", d -> d.tokenizer.putObject("pre_tokenizer").put("type", "Whitespace")),
        kind("another expression", unsupported, "splits by x+",
            d -> ((com.fasterxml.jackson.databind.node.ObjectNode) d.tokenizer.at("/pre_tokenizer/pretokenizers/0/pattern")).put("Regex", "x+")),
        kind("a token id of 2^30", format, "has the id", d -> vocab(d).put("zzz", 1 << 30)),
        kind("a negative token id", format, "has the id", d -> vocab(d).put("zzz", -1)),
        kind("two tokens of one id", format, "both have the id", d -> vocab(d).put("zzz", 5)),
        kind("a merge of nothing", format, "merge", d -> ((com.fasterxml.jackson.databind.node.ArrayNode) d.tokenizer.at("/model/merges")).add("q")),
        kind("a merge that is a number", format, "not two tokens", d -> ((com.fasterxml.jackson.databind.node.ArrayNode) d.tokenizer.at("/model/merges")).add(7)));
  }

  private static com.fasterxml.jackson.databind.node.ObjectNode vocab(HfDirectory d) {
    return (com.fasterxml.jackson.databind.node.ObjectNode) d.tokenizer.at("/model/vocab");
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("badModels")
  void isRefused(String name, Class<? extends TernException> type, String message, Consumer<HfDirectory> change) {
    HfDirectory made = new HfDirectory(random(), HfDirectory.Weights.MULTIPLIED);
    change.accept(made);
    Path path = made.write(directory.resolve("hf"), 1);
    long before = Model.nativeBytes();
    TernException e = assertThrows(type, () -> {
      try (Model model = Model.load(path)) {
        assertTrue(model.vocabSize() > 0);
      }
    });
    assertTrue((e instanceof ModelFormatException || e instanceof UnsupportedModelException) && e.getMessage().contains(message), e.getMessage());
    assertEquals(before, Model.nativeBytes());
  }

  /** Cut anywhere, every file of the directory is refused. */
  @Test
  void truncationAtEveryByte() throws Exception {
    Path hf = hf(HfDirectory.Weights.MULTIPLIED, 1);
    for (String name : List.of("config.json", "tokenizer.json", "model.safetensors")) {
      byte[] whole = Files.readAllBytes(hf.resolve(name));
      int step = Math.max(1, whole.length / 400);
      for (int n = 0; n < whole.length; n += n < 200 ? 1 : step) {
        Files.write(hf.resolve(name), java.util.Arrays.copyOf(whole, n));
        assertThrows(ModelFormatException.class, () -> ModelFile.open(hf).close(), name + " cut at " + n);
      }
      Files.write(hf.resolve(name), whole);
    }
    ModelFile.open(hf).close();
  }

  @ParameterizedTest
  @ValueSource(strings = {"../x.safetensors", "/etc/passwd", "a/b.safetensors", "", ".safetensors", "model.safetensors.index.json"})
  void anIndexNamesPlainFilesOnly(String name) throws Exception {
    Path hf = hf(HfDirectory.Weights.MULTIPLIED, 2);
    Files.writeString(hf.resolve("model.safetensors.index.json"), "{\"weight_map\":{\"a\":\"" + name + "\"}}");
    ModelFormatException e = assertThrows(ModelFormatException.class, () -> ModelFile.open(hf).close());
    assertTrue(e.getMessage().contains("is said to be in"), e.getMessage());
  }
}
