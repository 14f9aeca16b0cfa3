package dev.tern.cli;

import dev.tern.format.TensorType;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.SplittableRandom;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code tern make-model}: a GGUF file in the shape of a known model with random weights, to measure and to test with. */
@Command(name = "make-model", description = {
    "Writes a GGUF model of a known shape with random weights: it runs as fast as the real one, and writes gibberish.",
    "Equal options give equal files."})
final class MakeModel implements Callable<Integer> {
  private static final int N_BYTES_TOKENS = 256;
  private static final int FIRST_BYTE = 3; // after <unk>, <s>, </s>
  private static final int PIECE = 1 << 20; // elements written at a time

  static final class Shapes extends ArrayList<String> {
    private static final long serialVersionUID = 1L;

    Shapes() {
      super(Shape.names());
    }
  }

  static final class Types extends ArrayList<String> {
    private static final long serialVersionUID = 1L;

    Types() {
      super(List.of("f32", "f16", "q8_0", "tq1_0", "tq2_0"));
    }
  }

  @Option(names = "--shape", paramLabel = "SHAPE", required = true, completionCandidates = Shapes.class,
      description = "one of ${COMPLETION-CANDIDATES}")
  String shapeName;

  @Option(names = "--type", paramLabel = "TYPE", required = true, completionCandidates = Types.class,
      description = {"of the layers' matrices: one of ${COMPLETION-CANDIDATES};", "with a ternary type the embedding is f16, as usual"})
  String typeName;

  @Option(names = "--out", paramLabel = "FILE", required = true, description = "the file to write")
  Path out;

  @Option(names = "--seed", paramLabel = "S", defaultValue = "0", description = "of the weights; default ${DEFAULT-VALUE}")
  long seed;

  private final Streams io;

  MakeModel(Streams io) {
    this.io = io;
  }

  private record Tensor(String name, TensorType type, int nCols, int nRows, float std) {
    long bytes() {
      return type.bytes(nCols) * nRows;
    }
  }

  @Override
  public Integer call() throws IOException {
    Shape shape = Shape.named(shapeName);
    if (!new Types().contains(typeName)) {
      throw new IllegalArgumentException("--type " + typeName + ": it must be one of " + String.join(", ", new Types()));
    }
    List<Tensor> tensors = tensors(shape, TensorType.valueOf(typeName.toUpperCase(Locale.ROOT)));
    GgufWriter writer = metadata(shape);
    for (Tensor t : tensors) {
      if (t.nRows == 1) {
        writer.tensor(t.name, t.type.id(), t.bytes(), t.nCols);
      } else {
        writer.tensor(t.name, t.type.id(), t.bytes(), t.nCols, t.nRows);
      }
    }
    // Written beside and moved into place, so that an interrupted run leaves no half model under the name.
    Path part = out.resolveSibling(out.getFileName() + ".part");
    try {
      write(part, writer, tensors);
      Files.move(part, out, StandardCopyOption.REPLACE_EXISTING);
    } finally {
      Files.deleteIfExists(part);
    }
    io.err().println(out + ": " + shape.name() + ", " + tensors.size() + " tensors, " + Text.bytes(Files.size(out)));
    return Tern.OK;
  }

  private static List<Tensor> tensors(Shape s, TensorType type) {
    TensorType embedding = type.ternary() ? TensorType.F16 : type;
    int qDim = s.nHeads() * s.headDim();
    int kvDim = s.nKvHeads() * s.headDim();
    List<Tensor> tensors = new ArrayList<>();
    tensors.add(new Tensor("token_embd.weight", embedding, s.hiddenDim(), s.vocabSize(), 0.02f));
    if (!s.tied()) {
      tensors.add(new Tensor("output.weight", embedding, s.hiddenDim(), s.vocabSize(), 0.02f));
    }
    tensors.add(norm("output_norm", s.hiddenDim()));
    for (int layer = 0; layer < s.nLayers(); layer++) {
      String blk = "blk." + layer + ".";
      tensors.add(norm(blk + "attn_norm", s.hiddenDim()));
      tensors.add(matrix(blk + "attn_q", type, s.hiddenDim(), qDim));
      tensors.add(matrix(blk + "attn_k", type, s.hiddenDim(), kvDim));
      tensors.add(matrix(blk + "attn_v", type, s.hiddenDim(), kvDim));
      tensors.add(matrix(blk + "attn_output", type, qDim, s.hiddenDim()));
      tensors.add(norm(blk + "ffn_norm", s.hiddenDim()));
      tensors.add(matrix(blk + "ffn_gate", type, s.hiddenDim(), s.ffnDim()));
      tensors.add(matrix(blk + "ffn_up", type, s.hiddenDim(), s.ffnDim()));
      tensors.add(matrix(blk + "ffn_down", type, s.ffnDim(), s.hiddenDim()));
      if (s.subNorms()) {
        tensors.add(norm(blk + "attn_sub_norm", qDim));
        tensors.add(norm(blk + "ffn_sub_norm", s.ffnDim()));
      }
    }
    for (Tensor t : tensors) {
      if (!RandomWeights.fits(t.type, t.nCols)) {
        throw new IllegalArgumentException("--type " + type.toString().toLowerCase(Locale.ROOT) + " has blocks of " + type.blockSize()
            + " elements, and rows of " + t.name + " have " + t.nCols + " with --shape " + s.name());
      }
    }
    return tensors;
  }

  private static Tensor norm(String name, int dim) {
    return new Tensor(name + ".weight", TensorType.F32, dim, 1, 0);
  }

  private static Tensor matrix(String name, TensorType type, int nCols, int nRows) {
    return new Tensor(name + ".weight", type, nCols, nRows, (float) (1 / Math.sqrt(nCols)));
  }

  private GgufWriter metadata(Shape s) {
    String a = s.architecture() + ".";
    return vocabulary(s.vocabSize(), new GgufWriter()
        .put("general.architecture", s.architecture())
        .put("general.name", s.name() + " " + typeName + ", random weights")
        .put(a + "block_count", s.nLayers())
        .put(a + "context_length", s.contextLength())
        .put(a + "embedding_length", s.hiddenDim())
        .put(a + "feed_forward_length", s.ffnDim())
        .put(a + "attention.head_count", s.nHeads())
        .put(a + "attention.head_count_kv", s.nKvHeads())
        .put(a + "attention.key_length", s.headDim())
        .put(a + "attention.value_length", s.headDim())
        .put(a + "attention.layer_norm_rms_epsilon", s.normEps())
        .put(a + "rope.dimension_count", s.headDim())
        .put(a + "rope.freq_base", s.ropeBase())
        .put(a + "vocab_size", s.vocabSize()));
  }

  /** SentencePiece style: three control tokens, all bytes, and made-up words for the rest. */
  private static GgufWriter vocabulary(int n, GgufWriter writer) {
    List<String> tokens = new ArrayList<>(List.of("<unk>", "<s>", "</s>"));
    int[] types = new int[n];
    float[] scores = new float[n];
    for (int b = 0; b < N_BYTES_TOKENS; b++) {
      tokens.add(String.format("<0x%02X>", b));
    }
    Arrays.fill(types, 1); // normal
    types[0] = 2; // unknown
    types[1] = types[2] = 3; // control
    Arrays.fill(types, FIRST_BYTE, FIRST_BYTE + N_BYTES_TOKENS, 6); // byte
    for (int i = tokens.size(); i < n; i++) {
      int word = i - FIRST_BYTE - N_BYTES_TOKENS;
      scores[i] = -word;
      StringBuilder text = new StringBuilder("\u2581"); // stands for a space
      for (int rest = word - 1; word > 0 && (text.length() < 2 || rest > 0); rest /= 100) {
        text.append("bcdfghjklmnprstvwxyz".charAt(rest % 20)).append("aeiou".charAt(rest / 20 % 5));
      }
      tokens.add(text.toString());
    }
    return writer
        .put("tokenizer.ggml.model", "llama")
        .put("tokenizer.ggml.tokens", tokens)
        .put("tokenizer.ggml.scores", scores)
        .put("tokenizer.ggml.token_type", types)
        .put("tokenizer.ggml.bos_token_id", 1)
        .put("tokenizer.ggml.eos_token_id", 2)
        .put("tokenizer.ggml.unknown_token_id", 0)
        .put("tokenizer.ggml.add_bos_token", true);
  }

  private void write(Path file, GgufWriter writer, List<Tensor> tensors) throws IOException {
    SplittableRandom random = new SplittableRandom(seed);
    Progress progress = new Progress(io, "writing");
    ByteBuffer buffer = ByteBuffer.allocateDirect(4 * PIECE).order(ByteOrder.LITTLE_ENDIAN);
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.TRUNCATE_EXISTING, StandardOpenOption.WRITE)) {
      writer.writeHead(channel);
      long done = 0;
      for (int i = 0; i < tensors.size(); i++) {
        Tensor t = tensors.get(i);
        RandomWeights weights = t.std == 0 ? null : new RandomWeights(t.type, t.std, random.split());
        for (long left = (long) t.nCols * t.nRows; left > 0; ) {
          int n = (int) Math.min(left, PIECE);
          buffer.clear();
          if (weights == null) {
            for (int j = 0; j < n; j++) {
              buffer.putFloat(1);
            }
          } else {
            weights.fill(n, buffer);
          }
          buffer.flip();
          done += buffer.remaining();
          GgufWriter.writeFully(channel, buffer);
          left -= n;
          if (writer.dataSize() > 100 << 20) {
            progress.at(done, writer.dataSize(), "");
          }
        }
        writer.writePadding(channel, i);
      }
    } finally {
      progress.clear();
    }
  }
}
