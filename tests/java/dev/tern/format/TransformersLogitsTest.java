package dev.tern.format;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.tern.Engine;
import dev.tern.KvType;
import dev.tern.Model;
import dev.tern.Session;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * The logits of Hugging Face directories against those that transformers' own code computes of them (tests/data/logits). They are in
 * float64; a float32 program may be off by twice what transformers is in float32, the largest of the case, and by 4 roundings of a row's
 * largest logit, one of which is the file's. Activations that are rounded to int8 differ by no step: prompts were drawn so that none
 * lies where float32 does not tell one integer from the next, by the same rule.
 */
class TransformersLogitsTest {
  private static final Path DATA = Path.of("tests", "data", "logits");

  @TempDir Path directory;

  /** One case: a model, prompts, and the logits after each of their tokens. */
  private record Case(JsonNode spec, int[][] prompts, float[][][] logits) {
    static Case of(JsonNode spec) {
      try {
        int vocab = spec.get("config").get("vocab_size").intValue();
        Path file = DATA.resolve(spec.get("name").textValue() + ".logits.f32");
        ByteBuffer bytes = ByteBuffer.wrap(Files.readAllBytes(file)).order(ByteOrder.LITTLE_ENDIAN);
        int[][] prompts = new ObjectMapper().convertValue(spec.get("prompts"), int[][].class);
        float[][][] logits = new float[prompts.length][][];
        for (int p = 0; p < prompts.length; p++) {
          logits[p] = new float[prompts[p].length][vocab];
          for (float[] row : logits[p]) {
            bytes.asFloatBuffer().get(row);
            bytes.position(bytes.position() + 4 * vocab);
          }
        }
        assertEquals(0, bytes.remaining(), file.toString());
        return new Case(spec, prompts, logits);
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }

    double bound(float[] row) {
      double norm = 0;
      for (float x : row) {
        norm = Math.max(norm, Math.abs(x));
      }
      return 2 * spec.get("float32_error").doubleValue() + 4 * Math.ulp(1f) * norm;
    }

    boolean ternary() {
      return spec.get("config").has("quantization_config");
    }

    @Override
    public String toString() {
      return spec.get("name").textValue();
    }
  }

  static List<Case> cases() throws IOException {
    List<Case> cases = new ArrayList<>();
    new ObjectMapper().readTree(DATA.resolve("cases.json").toFile()).forEach(spec -> cases.add(Case.of(spec)));
    return cases;
  }

  /** Largest deviation of any logit, over what may be; each token fed alone, and then all of a prompt at once. */
  private static double worst(Case c, Path path) {
    double worst = 0;
    try (Model model = Model.load(path);
        Engine engine = Engine.builder(model).kvType(KvType.F32).build()) {
      assertEquals(c.ternary() ? 14 : 0, model.nTernaryWeights());
      for (int p = 0; p < c.prompts.length; p++) {
        float[] last = null;
        try (Session session = engine.newSession()) {
          for (int i = 0; i < c.prompts[p].length; i++) {
            last = session.logits(c.prompts[p][i]);
            double bound = c.bound(c.logits[p][i]);
            for (int t = 0; t < last.length; t++) {
              worst = Math.max(worst, Math.abs((double) last[t] - c.logits[p][i][t]) / bound); // NaN stays
            }
          }
        }
        try (Session session = engine.newSession()) {
          assertArrayEquals(last, session.logits(c.prompts[p]));
        }
      }
    }
    return worst;
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("cases")
  void areThoseOfTransformers(Case c) {
    Path hf = new DrawnModel(c.spec).write(directory.resolve("hf"));
    double worst = worst(c, hf);
    assertTrue(worst <= 1, c + ": " + worst + " times what may be");
    Path gguf = directory.resolve("converted.gguf");
    try (ModelFile file = ModelFile.open(hf)) {
      new GgufWriter().copy(file).write(gguf);
    }
    assertEquals(worst, worst(c, gguf));
  }

  /** Logits within the bound have the same largest, because it is ahead of the second by more than both may be off. */
  @ParameterizedTest(name = "{0}")
  @MethodSource("cases")
  void theMostLikelyTokenIsTheirs(Case c) {
    for (float[][] prompt : c.logits) {
      for (float[] row : prompt) {
        float[] sorted = row.clone();
        Arrays.sort(sorted);
        assertTrue(sorted[row.length - 1] - sorted[row.length - 2] > 2 * c.bound(row));
      }
    }
  }

  /** transformers 5 writes RoPE's base and scaling as rope_parameters; what it computes is the same. */
  @ParameterizedTest(name = "{0}")
  @MethodSource("cases")
  void asVersion5WritesThem(Case c) {
    DrawnModel made = new DrawnModel(c.spec);
    ObjectNode rope = made.config.putObject("rope_parameters").put("rope_type", "default");
    if (made.config.has("rope_scaling")) {
      rope.setAll(object(made, "rope_scaling"));
    }
    rope.set("rope_theta", made.config.get("rope_theta"));
    made.config.remove(List.of("rope_scaling", "rope_theta"));
    double worst = worst(c, made.write(directory.resolve("hf")));
    assertTrue(worst <= 1, c + ": " + worst + " times what may be");
  }

  // ---- faults that must be seen ---------------------------------------------------------------------------------------

  private static Arguments fault(String model, String name, Consumer<DrawnModel> change) {
    return Arguments.of(model, name, change);
  }

  private static ObjectNode object(DrawnModel m, String name) {
    return (ObjectNode) m.config.get(name);
  }

  static Stream<Arguments> faults() {
    String first = "model.layers.0.";
    return Stream.of(
        fault("bitnet-packed", "a scale divides that multiplies", m -> object(m, "quantization_config").remove("linear_class")),
        fault("llama-bitlinear", "a scale multiplies that divides", m -> object(m, "quantization_config").put("linear_class", "autobitlinear")),
        fault("bitnet-packed", "one scale of another matrix",
            m -> m.replace(first + "mlp.down_proj.weight_scale", first + "mlp.up_proj.weight_scale")),
        fault("bitnet-packed", "another activation", m -> m.config.put("hidden_act", "silu")),
        fault("bitnet-masters", "one sub-norm of another layer",
            m -> m.replace(first + "mlp.ffn_sub_norm.weight", "model.layers.1.mlp.ffn_sub_norm.weight")),
        fault("llama-bitlinear", "no scaling of RoPE", m -> m.config.remove("rope_scaling")),
        fault("llama-bitlinear", "another factor of RoPE's low frequencies", m -> object(m, "rope_scaling").put("low_freq_factor", 1.1)),
        fault("llama-bitlinear-wide-heads", "another base of RoPE", m -> m.config.put("rope_theta", 1_000_000)),
        fault("llama-masters", "other groups of heads",
            m -> m.config.put("num_attention_heads", 4).put("num_key_value_heads", 1).put("head_dim", 64)),
        fault("llama-bf16", "RoPE's other convention", m -> {
          m.adjacentPairs(first + "self_attn.q_proj.weight", 16);
          m.adjacentPairs(first + "self_attn.k_proj.weight", 16);
        }),
        fault("llama-bf16", "another epsilon", m -> m.config.put("rms_norm_eps", 1e-6)),
        fault("llama-f32-tied", "no scaling of RoPE", m -> m.config.remove("rope_scaling")),
        fault("qwen3-bf16-tied", "q's norm for k", m -> m.replace(first + "self_attn.k_norm.weight", first + "self_attn.q_norm.weight")),
        fault("qwen3-f16", "RoPE's other convention", m -> {
          m.adjacentPairs(first + "self_attn.q_proj.weight", 24);
          m.adjacentPairs(first + "self_attn.k_proj.weight", 24);
        }));
  }

  /** A fault of a reader is planted as a change of what it reads. */
  @ParameterizedTest(name = "{0}: {1}")
  @MethodSource("faults")
  void aFaultIsSeen(String model, String name, Consumer<DrawnModel> change) throws IOException {
    Case c = cases().stream().filter(one -> one.toString().equals(model)).findFirst().orElseThrow();
    DrawnModel changed = new DrawnModel(c.spec);
    change.accept(changed);
    double worst = worst(c, changed.write(directory.resolve("hf")));
    assertTrue(worst > 1, name + " of " + c + " passes: " + worst + " times what may be");
  }
}
