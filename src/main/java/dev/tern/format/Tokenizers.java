package dev.tern.format;

import dev.tern.ModelFormatException;
import dev.tern.UnsupportedModelException;

/** Chooses the tokenizer that a file's metadata names. */
final class Tokenizers {
  private static final String MODEL = Vocabulary.PREFIX + "model";
  private static final String PRE = Vocabulary.PREFIX + "pre";

  /** Llama 3's vocabulary ends with 256 special tokens from here on. */
  private static final int LLAMA3_SPECIAL = 128000;

  private Tokenizers() {}

  static Tokenizer from(ModelFile file) {
    GgufMetadata metadata = file.metadata();
    if (!metadata.has(MODEL)) {
      throw new ModelFormatException(file.name() + " has no tokenizer ('" + MODEL + "' is absent)", -1);
    }
    String model = metadata.string(MODEL);
    return switch (model) {
      case "llama" -> new SpmTokenizer(new Vocabulary(file, 1, 2, 0));
      case "gpt2" -> bpe(file, metadata.has(PRE) ? metadata.string(PRE) : splittingOf(metadata));
      default -> throw new UnsupportedModelException("tokenizer '" + model + "'; supported: llama, gpt2");
    };
  }

  /**
   * What a file that does not name its pre-tokenizer must mean: that of Llama 3 with the vocabulary of Llama 3. Converters that wrote no such
   * key wrote BitNet b1.58 2B4T, which has that one. Others stay unnamed, and are refused.
   */
  private static String splittingOf(GgufMetadata metadata) {
    GgufStrings tokens = metadata.strings(Vocabulary.PREFIX + "tokens");
    boolean llama3 = tokens.size() >= LLAMA3_SPECIAL + 256 && tokens.get(LLAMA3_SPECIAL).equals("<|begin_of_text|>")
        && tokens.get(LLAMA3_SPECIAL + 1).equals("<|end_of_text|>") && tokens.get(LLAMA3_SPECIAL + 9).equals("<|eot_id|>");
    return llama3 ? "llama-bpe" : "(absent)";
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
