package dev.tern.format;

import dev.tern.ModelIoException;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * A model of a given shape with random weights, for measuring and testing: it runs as fast as a real one and says nothing. Its numbers
 * stay finite, its tokenizer encodes any text, and the same seed gives the same weights whatever type they are stored in. Streamed to disk
 * in little memory. For one thread.
 */
public final class RandomModel {
  private static final int BLOCK = TernaryCodes.BLOCK;
  private static final int CHUNK_BLOCKS = 256;

  /** Four random trits as TQ2_0 packs them: two bits each, the first lowest. */
  private static final byte[] FOUR_TRITS = new byte[81];

  static {
    for (int i = 0; i < FOUR_TRITS.length; i++) {
      FOUR_TRITS[i] = (byte) (i % 3 | i / 3 % 3 << 2 | i / 9 % 3 << 4 | i / 27 << 6);
    }
  }

  private final ModelShape shape;
  private TensorType type = TensorType.TQ2_0;
  private TensorType embeddingType = TensorType.Q8_0;
  private String arch;
  private long seed = 1;

  public RandomModel(ModelShape shape) {
    this.shape = shape;
    arch = shape.arch();
  }

  /** How the layers' matrices are stored, TQ2_0 by default; their values are the same in every type that can hold them: not in Q6_K. */
  public RandomModel type(TensorType type) {
    if (type == TensorType.Q6_K) {
      throw new IllegalArgumentException("Q6_K does not hold ternary values exactly");
    }
    this.type = type;
    return this;
  }

  /** How the embedding and the output matrix are stored: Q8_0 (the default), Q6_K, Q4_0, BF16, F16 or F32. */
  public RandomModel embeddingType(TensorType type) {
    if (type.ternary()) {
      throw new IllegalArgumentException("an embedding is F32, F16, BF16, Q8_0, Q6_K or Q4_0");
    }
    embeddingType = type;
    return this;
  }

  /** The architecture's name in the file, if not the shape's own: "bitnet" is how llama.cpp calls all of them. */
  public RandomModel arch(String arch) {
    boolean bitnet = List.of("bitnet", "bitnet-25", "bitnet-b1.58").contains(arch);
    if (bitnet != subNorms() || !bitnet && !arch.equals(shape.arch())) {
      throw new IllegalArgumentException("shape " + shape.name() + " cannot be of architecture '" + arch + "'");
    }
    this.arch = arch;
    return this;
  }

  private boolean subNorms() {
    return shape.arch().startsWith("bitnet");
  }

  public RandomModel seed(long seed) {
    this.seed = seed;
    return this;
  }

  /** Bytes of the file. */
  public long size() {
    return writer().size();
  }

  /**
   * Writes the file, whole or not at all.
   *
   * @throws ModelIoException if it cannot be written
   */
  public void write(Path path) {
    writer().write(path);
  }

  /** The file in memory, for small shapes. */
  public byte[] toBytes() {
    return writer().toBytes();
  }

  private GgufWriter writer() {
    GgufWriter out = new GgufWriter();
    boolean relu2 = shape.arch().equals("bitnet-b1.58");
    out.string("general.architecture", arch)
        .string("general.name", shape.name() + ", random weights, seed " + seed)
        .uint32(arch + ".context_length", shape.contextLength())
        .uint32(arch + ".embedding_length", shape.hiddenDim())
        .uint32(arch + ".block_count", shape.nLayers())
        .uint32(arch + ".feed_forward_length", shape.ffnDim())
        .uint32(arch + ".attention.head_count", shape.nHeads())
        .uint32(arch + ".attention.head_count_kv", shape.nKvHeads())
        .uint32(arch + ".attention.key_length", shape.headDim())
        .uint32(arch + ".attention.value_length", shape.headDim())
        .float32(arch + ".attention.layer_norm_rms_epsilon", 1e-5f)
        .uint32(arch + ".rope.dimension_count", shape.headDim())
        .float32(arch + ".rope.freq_base", shape.ropeFreqBase())
        .uint32(arch + ".vocab_size", shape.vocabSize());
    if (subNorms()) {
      out.string(arch + ".hidden_activation", relu2 ? "relu2" : "silu");
    }
    vocabulary(out, shape.vocabSize());
    embedding(out, "token_embd.weight");
    norm(out, "output_norm.weight", shape.hiddenDim());
    if (!shape.tiedOutput()) {
      embedding(out, "output.weight");
    }
    for (int layer = 0; layer < shape.nLayers(); layer++) {
      layer(out, layer);
    }
    return out;
  }

  private void layer(GgufWriter out, int layer) {
    String blk = "blk." + layer + ".";
    int hidden = shape.hiddenDim();
    int qDim = shape.nHeads() * shape.headDim();
    int kvDim = shape.nKvHeads() * shape.headDim();
    norm(out, blk + "attn_norm.weight", hidden);
    matrix(out, blk + "attn_q.weight", qDim, hidden);
    matrix(out, blk + "attn_k.weight", kvDim, hidden);
    matrix(out, blk + "attn_v.weight", kvDim, hidden);
    if (arch.equals("qwen3")) {
      norm(out, blk + "attn_q_norm.weight", shape.headDim());
      norm(out, blk + "attn_k_norm.weight", shape.headDim());
    }
    if (subNorms()) {
      norm(out, blk + "attn_sub_norm.weight", qDim);
    }
    matrix(out, blk + "attn_output.weight", hidden, qDim);
    norm(out, blk + "ffn_norm.weight", hidden);
    matrix(out, blk + "ffn_gate.weight", shape.ffnDim(), hidden);
    matrix(out, blk + "ffn_up.weight", shape.ffnDim(), hidden);
    if (subNorms()) {
      norm(out, blk + "ffn_sub_norm.weight", shape.ffnDim());
    }
    matrix(out, blk + "ffn_down.weight", hidden, shape.ffnDim());
  }

  /**
   * All 256 bytes; then words of growing length over a to z, with and without a space before them, each made by one merge of a shorter
   * word and a letter; then the control tokens.
   */
  private static void vocabulary(GgufWriter out, int size) {
    List<String> control = List.of("<|begin_of_text|>", "<|end_of_text|>", "<|eot_id|>");
    int nText = size - control.size();
    List<String> tokens = new ArrayList<>(size);
    List<String> merges = new ArrayList<>(size);
    List<String> shorter = new ArrayList<>();
    for (int b = 0; b < 256; b++) {
      tokens.add(String.valueOf(BpeTokenizer.spelling(b)));
    }
    shorter.add(String.valueOf(BpeTokenizer.spelling(' ')));
    for (char c = 'a'; c <= 'z'; c++) {
      shorter.add(String.valueOf(c));
    }
    for (int i = 0; tokens.size() < nText; i++) {
      for (char c = 'a'; c <= 'z' && tokens.size() < nText; c++) {
        String word = shorter.get(i) + c;
        tokens.add(word);
        merges.add(shorter.get(i) + " " + c);
        shorter.add(word);
      }
    }
    tokens.addAll(control);
    int[] types = new int[size];
    for (int i = 0; i < size; i++) {
      types[i] = i < nText ? Vocabulary.NORMAL : Vocabulary.CONTROL;
    }
    out.string("tokenizer.ggml.model", "gpt2")
        .string("tokenizer.ggml.pre", "llama-bpe")
        .strings("tokenizer.ggml.tokens", tokens)
        .ints("tokenizer.ggml.token_type", types)
        .strings("tokenizer.ggml.merges", merges)
        .uint32("tokenizer.ggml.bos_token_id", nText)
        .uint32("tokenizer.ggml.eos_token_id", nText + 1)
        .bool("tokenizer.ggml.add_bos_token", true);
  }

  private Random random(String tensor) {
    return new Random(seed * 0x9e3779b97f4a7c15L + tensor.hashCode());
  }

  /** Values near 1. */
  private void norm(GgufWriter out, String name, int length) {
    Random random = random(name);
    float[] values = new float[length];
    for (int i = 0; i < length; i++) {
      values[i] = 1 + (random.next() >> 40) * 0x1p-27f; // 23 signed bits: 1 +- 1/16
    }
    out.tensor(name, new long[] {length}, values);
  }

  /** Ternary values with one scale, such that a row times a vector of unit values is about 1. */
  private void matrix(GgufWriter out, String name, int nRows, int nCols) {
    short scale = (short) (Half.of((float) Math.sqrt(1.5 / nCols)) & ~7); // few enough bits for BF16
    out.tensor(name, type, new long[] {nCols, nRows}, sink -> {
      Random random = random(name);
      ByteBuffer row = ByteBuffer.allocate((int) type.rowBytes(nCols)).order(ByteOrder.LITTLE_ENDIAN);
      byte[] packed = new byte[BLOCK / 4];
      byte[] codes = new byte[nCols];
      for (int r = 0; r < nRows; r++) {
        row.clear();
        for (int at = 0; at < nCols; at += BLOCK) {
          random.trits(packed);
          if (type == TensorType.TQ2_0) {
            row.put(packed).putShort(scale);
          } else {
            unpack(packed, codes, at);
          }
        }
        if (type != TensorType.TQ2_0) {
          TernaryCodes.encode(type, codes, Half.toFloat(scale), row);
        }
        sink.write(row.array(), 0, row.position());
      }
      if (type == TensorType.I2_S) {
        sink.write(ByteBuffer.allocate(type.tail()).order(ByteOrder.LITTLE_ENDIAN).putFloat(Half.toFloat(scale)).array());
      }
    });
  }

  /** The codes of a block of TQ2_0. */
  private static void unpack(byte[] packed, byte[] codes, int to) {
    for (int i = 0; i < BLOCK; i++) {
      codes[to + i] = (byte) (packed[i / 128 * 32 + i % 32] >> i % 128 / 32 * 2 & 3);
    }
  }

  /** Values such that a row times a normalised vector, a logit, is a few units. */
  private void embedding(GgufWriter out, String name) {
    int columns = shape.hiddenDim();
    double rms = switch (embeddingType) { // of the integers that fill the type
      case Q6_K -> 18.5;
      case Q4_0 -> 4.6;
      default -> 73;
    };
    short scale = Half.of((float) (2 / Math.sqrt(columns) / rms));
    int block = Math.max(32, embeddingType.blockSize());
    long nBlocks = (long) shape.vocabSize() * columns / block;
    long[] dims = {columns, shape.vocabSize()};
    out.tensor(name, embeddingType, dims, sink -> {
      Random random = random(name);
      ByteBuffer chunk = ByteBuffer.allocate(CHUNK_BLOCKS * (int) embeddingType.rowBytes(block)).order(ByteOrder.LITTLE_ENDIAN);
      for (long b = 0; b < nBlocks; b++) {
        embedding(chunk, random, scale);
        if (!chunk.hasRemaining() || b == nBlocks - 1) {
          sink.write(chunk.array(), 0, chunk.position());
          chunk.clear();
        }
      }
    });
  }

  private void embedding(ByteBuffer chunk, Random random, short scale) {
    float d = Half.toFloat(scale);
    switch (embeddingType) {
      case Q6_K -> {
        random.bytes(chunk, 128 + 64);
        for (int i = 0; i < 16; i++) {
          chunk.put((byte) 1);
        }
        chunk.putShort(scale);
      }
      case Q4_0 -> random.bytes(chunk.putShort(scale), 16);
      default -> {
        if (embeddingType == TensorType.Q8_0) {
          chunk.putShort(scale);
        }
        for (int i = 0; i < 32; i += 8) {
          long bits = random.next();
          for (int j = 0; j < 8; j++) {
            int q = Math.max(-127, (byte) (bits >>> 8 * j));
            switch (embeddingType) {
              case Q8_0 -> chunk.put((byte) q);
              case F16 -> chunk.putShort(Half.of(q * d));
              case BF16 -> chunk.putShort((short) (Float.floatToRawIntBits(q * d) >>> 16));
              default -> chunk.putFloat(q * d);
            }
          }
        }
      }
    }
  }

  /** SplitMix64 (Steele, Lea and Flood 2014): the same numbers on every JDK. */
  static final class Random {
    private long state;

    Random(long seed) {
      state = seed;
    }

    long next() {
      long z = state += 0x9e3779b97f4a7c15L;
      z = (z ^ z >>> 30) * 0xbf58476d1ce4e5b9L;
      z = (z ^ z >>> 27) * 0x94d049bb133111ebL;
      return z ^ z >>> 31;
    }

    /** Fills packed with random trits, four to a byte. */
    void trits(byte[] packed) {
      for (int i = 0; i < packed.length; i += 8) {
        long bits = next();
        for (int j = 0; j < 8; j++) {
          packed[i + j] = FOUR_TRITS[(int) (bits >>> 8 * j & 255) * 81 >> 8];
        }
      }
    }

    /** Appends n random bytes, n a multiple of 8. */
    void bytes(ByteBuffer to, int n) {
      for (int i = 0; i < n; i += 8) {
        to.putLong(next());
      }
    }
  }
}
