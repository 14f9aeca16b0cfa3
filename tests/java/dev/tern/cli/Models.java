package dev.tern.cli;

import dev.tern.format.GgufWriter;
import java.nio.file.Path;
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
  static String vocabularyOnly(Path directory) {
    Path file = directory.resolve("vocabulary.gguf");
    new GgufWriter()
        .string("general.architecture", "llama")
        .string("tokenizer.ggml.model", "llama")
        .strings("tokenizer.ggml.tokens", List.of("<unk>", "<s>", "</s>", "\u2581", "a", "b", "c", "d", "ab", "cd", "abcd"))
        .floats("tokenizer.ggml.scores", new float[] {0, 0, 0, -10, -10, -10, -10, -10, -1, -2, -3})
        .ints("tokenizer.ggml.token_type", new int[] {2, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1})
        .uint32("tokenizer.ggml.bos_token_id", 1)
        .uint32("tokenizer.ggml.eos_token_id", 2)
        .uint32("tokenizer.ggml.unknown_token_id", 0)
        .bool("tokenizer.ggml.add_bos_token", true)
        .bool("tokenizer.ggml.add_space_prefix", false)
        .write(file);
    return file.toString();
  }
}
