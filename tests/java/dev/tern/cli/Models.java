package dev.tern.cli;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;

/** Small model files, made by the tool itself. */
final class Models {
  private Models() {}

  static String make(Path directory, String shape, String type) {
    Path file = directory.resolve(shape + "-" + type + ".gguf");
    Cli.run("make-model", "--shape", shape, "--type", type, "--out", file.toString()).succeeded();
    return file.toString();
  }

  /** A file with a vocabulary and no tensors: the tokens are the letters a to d, some of their pairs, and a space. */
  static String vocabularyOnly(Path directory) throws IOException {
    Path file = directory.resolve("vocabulary.gguf");
    GgufWriter writer = new GgufWriter()
        .put("general.architecture", "llama")
        .put("tokenizer.ggml.model", "llama")
        .put("tokenizer.ggml.tokens", List.of("<unk>", "<s>", "</s>", "\u2581", "a", "b", "c", "d", "ab", "cd", "abcd"))
        .put("tokenizer.ggml.scores", new float[] {0, 0, 0, -10, -10, -10, -10, -10, -1, -2, -3})
        .put("tokenizer.ggml.token_type", new int[] {2, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1})
        .put("tokenizer.ggml.bos_token_id", 1)
        .put("tokenizer.ggml.eos_token_id", 2)
        .put("tokenizer.ggml.unknown_token_id", 0)
        .put("tokenizer.ggml.add_bos_token", true)
        .put("tokenizer.ggml.add_space_prefix", false);
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
      writer.writeHead(channel);
    }
    return file.toString();
  }
}
