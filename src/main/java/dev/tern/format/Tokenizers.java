package dev.tern.format;

import dev.tern.ModelFormatException;
import dev.tern.UnsupportedModelException;

/** Chooses the tokenizer that a file's metadata names. */
final class Tokenizers {
  private static final String MODEL = Vocabulary.PREFIX + "model";
  private static final String PRE = Vocabulary.PREFIX + "pre";

  private Tokenizers() {}

  static Tokenizer from(ModelFile file) {
    GgufMetadata metadata = file.metadata();
    if (!metadata.has(MODEL)) {
      throw new ModelFormatException(file.name() + " has no tokenizer ('" + MODEL + "' is absent)", -1);
    }
    String model = metadata.string(MODEL);
    return switch (model) {
      case "llama" -> new SpmTokenizer(new Vocabulary(file, 1, 2, 0));
      case "gpt2" -> bpe(file, metadata.string(PRE, "(absent)"));
      default -> throw new UnsupportedModelException("tokenizer '" + model + "'; supported: llama, gpt2");
    };
  }

  private static Tokenizer bpe(ModelFile file, String pre) {
    Vocabulary vocabulary = new Vocabulary(file, -1, -1, -1);
    return switch (pre) {
      case "gpt-2" -> new BpeTokenizer(vocabulary, Pretokenizer.GPT2, false, false);
      case "llama-bpe", "llama3", "llama-v3", "falcon3", "falcon_e" -> new BpeTokenizer(vocabulary, Pretokenizer.LLAMA3, true, true);
      case "smaug-bpe" -> new BpeTokenizer(vocabulary, Pretokenizer.LLAMA3, false, false);
      case "qwen2" -> new BpeTokenizer(vocabulary, Pretokenizer.QWEN2, false, false);
      default -> throw new UnsupportedModelException(
          "pre-tokenizer '" + pre + "' ('" + PRE + "'); supported: gpt-2, llama-bpe, llama3, llama-v3, falcon3, falcon_e, smaug-bpe, qwen2");
    };
  }
}
