package dev.tern.format;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Random;
import java.util.Set;

/**
 * A small model of random weights that another program runs too; the same bytes each time. As a program, {@code PeerModel DIRECTORY} writes
 * all of {@link #ALL}: what tests/data/logits-gguf was made of.
 *
 * @param peer whose logits there are
 * @param arch "general.architecture"
 * @param type of the layers' matrices: ternary values in ternary types, values that are not in all others
 * @param embedding type of the embedding and the output matrix
 */
record PeerModel(Peer peer, String arch, TensorType type, TensorType embedding, Set<Trait> traits) {
  /** Who else computes its logits. */
  enum Peer {
    LLAMA_CPP, IK
  }

  /** What is not as usual. */
  enum Trait {
    /** An output matrix of its own. */
    UNTIED,
    /** rope_freqs.weight, as converters write it for llama3's RoPE scaling. */
    ROPE_FREQS,
    /** rope.scaling.type "linear". */
    ROPE_LINEAR,
    /** A tensor X.scale beside each matrix X of a layer. */
    SCALES,
    /** Code 3 in some blocks. */
    PLUS_TWO
  }

  static final List<PeerModel> ALL = List.of(
      new PeerModel(Peer.LLAMA_CPP, "llama", TensorType.F32, TensorType.F32, Trait.UNTIED),
      new PeerModel(Peer.LLAMA_CPP, "llama", TensorType.F32, TensorType.F32, Trait.ROPE_FREQS),
      new PeerModel(Peer.LLAMA_CPP, "llama", TensorType.F32, TensorType.F32, Trait.ROPE_LINEAR),
      new PeerModel(Peer.LLAMA_CPP, "qwen3", TensorType.F32, TensorType.F32),
      new PeerModel(Peer.LLAMA_CPP, "bitnet", TensorType.F32, TensorType.F32),
      new PeerModel(Peer.LLAMA_CPP, "llama", TensorType.F16, TensorType.F16),
      new PeerModel(Peer.LLAMA_CPP, "llama", TensorType.BF16, TensorType.BF16),
      new PeerModel(Peer.LLAMA_CPP, "llama", TensorType.Q8_0, TensorType.Q8_0),
      new PeerModel(Peer.LLAMA_CPP, "llama", TensorType.Q4_0, TensorType.Q4_0),
      new PeerModel(Peer.LLAMA_CPP, "llama", TensorType.Q6_K, TensorType.Q6_K),
      new PeerModel(Peer.LLAMA_CPP, "llama", TensorType.TQ1_0, TensorType.Q6_K, Trait.ROPE_FREQS),
      new PeerModel(Peer.LLAMA_CPP, "qwen3", TensorType.Q2_0, TensorType.Q8_0),
      new PeerModel(Peer.LLAMA_CPP, "qwen3", TensorType.Q2_0, TensorType.Q4_0, Trait.PLUS_TWO, Trait.UNTIED),
      new PeerModel(Peer.LLAMA_CPP, "bitnet", TensorType.TQ1_0, TensorType.F16, Trait.SCALES),
      new PeerModel(Peer.LLAMA_CPP, "bitnet", TensorType.TQ2_0, TensorType.Q6_K),
      new PeerModel(Peer.IK, "bitnet-b1.58", TensorType.F32, TensorType.F32),
      new PeerModel(Peer.IK, "bitnet-b1.58", TensorType.IQ1_BN, TensorType.Q6_K),
      new PeerModel(Peer.IK, "bitnet-b1.58", TensorType.IQ2_BN, TensorType.Q6_K),
      new PeerModel(Peer.IK, "bitnet-25", TensorType.IQ2_BN, TensorType.F16),
      new PeerModel(Peer.IK, "bitnet", TensorType.IQ1_BN, TensorType.F16, Trait.SCALES),
      new PeerModel(Peer.IK, "bitnet-b1.58", TensorType.I2_S, TensorType.F16));

  static final int VOCAB = 260;

  private PeerModel(Peer peer, String arch, TensorType type, TensorType embedding, Trait... traits) {
    this(peer, arch, type, embedding, Set.of(traits));
  }

  /** Its files' name, without a suffix. */
  String name() {
    StringBuilder name = new StringBuilder(arch + "-" + type + "-" + embedding);
    traits.stream().sorted().forEach(trait -> name.append('-').append(trait));
    return name.toString().toLowerCase(Locale.ROOT);
  }

  @Override
  public String toString() {
    return name();
  }

  boolean has(Trait trait) {
    return traits.contains(trait);
  }

  /** The GGUF file. */
  byte[] toBytes() {
    int hidden = peer == Peer.IK ? 512 : 256; // ik_llama.cpp's ternary products take no shorter rows
    int ffn = hidden + 256;
    int headDim = arch.equals("qwen3") ? 128 : 64;
    int qDim = hidden / 64 * headDim;
    int kvDim = 2 * headDim;
    GgufWriter out = new GgufWriter();
    metadata(out, hidden, ffn, headDim);
    if (has(Trait.ROPE_FREQS)) {
      out.tensor("rope_freqs.weight", new long[] {headDim / 2}, llama3Factors(headDim));
    }
    matrix(out, "token_embd", hidden, VOCAB);
    norm(out, "output_norm", hidden);
    if (has(Trait.UNTIED)) {
      matrix(out, "output", hidden, VOCAB);
    }
    for (String blk : List.of("blk.0.", "blk.1.")) {
      norm(out, blk + "attn_norm", hidden);
      matrix(out, blk + "attn_q", hidden, qDim);
      matrix(out, blk + "attn_k", hidden, kvDim);
      matrix(out, blk + "attn_v", hidden, kvDim);
      matrix(out, blk + "attn_output", qDim, hidden);
      norm(out, blk + "ffn_norm", hidden);
      matrix(out, blk + "ffn_gate", hidden, ffn);
      matrix(out, blk + "ffn_up", hidden, ffn);
      matrix(out, blk + "ffn_down", ffn, hidden);
      if (arch.equals("qwen3")) {
        norm(out, blk + "attn_q_norm", headDim);
        norm(out, blk + "attn_k_norm", headDim);
      } else if (!arch.equals("llama")) {
        norm(out, blk + "attn_sub_norm", qDim);
        norm(out, blk + "ffn_sub_norm", ffn);
      }
    }
    return out.toBytes();
  }

  /** Sizes, and a tokenizer of the 256 bytes, one pair, a pair of blanks, and two control tokens. */
  private void metadata(GgufWriter out, int hidden, int ffn, int headDim) {
    out.string("general.architecture", arch).string("general.name", name()).uint32(arch + ".context_length", 512)
        .uint32(arch + ".embedding_length", hidden).uint32(arch + ".block_count", 2).uint32(arch + ".feed_forward_length", ffn)
        .uint32(arch + ".attention.head_count", hidden / 64).uint32(arch + ".attention.head_count_kv", 2)
        .uint32(arch + ".attention.key_length", headDim).uint32(arch + ".attention.value_length", headDim)
        .float32(arch + ".attention.layer_norm_rms_epsilon", 1e-5f).uint32(arch + ".rope.dimension_count", headDim)
        .float32(arch + ".rope.freq_base", 10_000).uint32(arch + ".vocab_size", VOCAB);
    if (has(Trait.ROPE_LINEAR)) {
      out.string(arch + ".rope.scaling.type", "linear").float32(arch + ".rope.scaling.factor", 2.5f);
    }
    List<String> tokens = new ArrayList<>();
    for (int i = 0; i < 256; i++) {
      tokens.add(String.valueOf(BpeTokenizer.spelling(i)));
    }
    String space = tokens.get(' ');
    tokens.addAll(List.of("ab", space + space, "<|begin_of_text|>", "<|end_of_text|>"));
    int[] types = new int[VOCAB];
    Arrays.fill(types, 0, VOCAB - 2, Vocabulary.NORMAL);
    Arrays.fill(types, VOCAB - 2, VOCAB, Vocabulary.CONTROL);
    out.string("tokenizer.ggml.model", "gpt2").string("tokenizer.ggml.pre", "llama-bpe").strings("tokenizer.ggml.tokens", tokens)
        .ints("tokenizer.ggml.token_type", types).strings("tokenizer.ggml.merges", List.of("a b", space + " " + space))
        .uint32("tokenizer.ggml.bos_token_id", VOCAB - 2).uint32("tokenizer.ggml.eos_token_id", VOCAB - 1);
  }

  /** 1 for what turns fast, 8 for what turns slowly, something between for what is between. */
  private static float[] llama3Factors(int headDim) {
    float[] factors = new float[headDim / 2];
    for (int i = 0; i < factors.length; i++) {
      factors[i] = i < 8 ? 1 : i >= 16 ? 8 : 1 + 0.875f * (i - 8);
    }
    return factors;
  }

  private Random random(String name) {
    return new Random(name.hashCode() * 31L + arch.hashCode());
  }

  private void norm(GgufWriter out, String name, int length) {
    Random random = random(name);
    float[] values = new float[length];
    for (int i = 0; i < length; i++) {
      values[i] = 0.75f + random.nextFloat() / 2;
    }
    out.tensor(name + ".weight", new long[] {length}, values);
  }

  private void matrix(GgufWriter out, String name, int columns, int nRows) {
    Random random = random(name);
    boolean layer = name.startsWith("blk.");
    TensorType as = layer ? type : embedding;
    double rms = layer ? 1 / Math.sqrt(columns) : 0.2;
    long[] dims = {columns, nRows};
    ByteBuffer bytes = ByteBuffer.allocate((int) as.tensorBytes(dims)).order(ByteOrder.LITTLE_ENDIAN);
    if (as.ternary()) {
      ternary(bytes, random, nRows, columns, rms);
    } else {
      for (int r = 0; r < nRows; r++) {
        dense(as, bytes, random, columns, rms);
      }
    }
    out.tensor(name + ".weight", as, dims, sink -> sink.write(bytes.array()));
    if (layer && has(Trait.SCALES)) {
      out.tensor(name + ".scale", new long[] {1}, new float[] {0.6f + random.nextFloat()});
    }
  }

  /** One scale for a tensor, another for the next; with PLUS_TWO another for each block. */
  private void ternary(ByteBuffer bytes, Random random, int nRows, int columns, double rms) {
    float scale = Half.toFloat(Half.of((float) (rms * (1 + random.nextFloat() / 2))));
    int block = has(Trait.PLUS_TWO) ? TernaryCodes.BLOCK : columns;
    byte[] codes = new byte[block];
    for (int at = 0; at < nRows * columns; at += block) {
      if (has(Trait.PLUS_TWO)) {
        scale = Half.toFloat(Half.of((float) (rms * (0.5 + random.nextFloat()))));
      }
      for (int i = 0; i < block; i++) {
        codes[i] = (byte) (has(Trait.PLUS_TWO) && random.nextInt(16) == 0 ? 3 : random.nextInt(3));
      }
      TernaryCodes.encode(type, codes, scale, bytes);
    }
    if (type == TensorType.I2_S) {
      bytes.putFloat(scale);
    }
  }

  /** A row whose values fill the type, each block with a scale of its own. */
  private static void dense(TensorType type, ByteBuffer bytes, Random random, int columns, double rms) {
    for (int at = 0; at < columns; at += type.blockSize()) {
      double block = rms * (0.5 + random.nextFloat());
      switch (type) {
        case Q8_0 -> random(bytes.putShort(Half.of((float) (block / 73))), random, 32);
        case Q4_0 -> random(bytes.putShort(Half.of((float) (block / 4.6))), random, 16);
        case Q6_K -> {
          random(bytes, random, 128 + 64 + 16); // the last 16 are scales of both signs, of 74 in the root of the mean square
          bytes.putShort(Half.of((float) (block / 18.5 / 74)));
        }
        default -> {
          float value = (float) ((2 * random.nextFloat() - 1) * Math.sqrt(3) * rms);
          switch (type) {
            case F16 -> bytes.putShort(Half.of(value));
            case BF16 -> bytes.putShort((short) (Float.floatToRawIntBits(value) >>> 16));
            default -> bytes.putFloat(value);
          }
        }
      }
    }
  }

  private static void random(ByteBuffer bytes, Random random, int n) {
    byte[] some = new byte[n];
    random.nextBytes(some);
    bytes.put(some);
  }

  public static void main(String[] args) throws IOException {
    for (PeerModel model : ALL) {
      Files.write(Path.of(args[0]).resolve(model.name() + ".gguf"), model.toBytes());
    }
  }
}
