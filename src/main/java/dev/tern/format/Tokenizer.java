package dev.tern.format;

import dev.tern.ModelFormatException;
import dev.tern.UnsupportedModelException;
import java.util.Set;

/**
 * Text to token ids and back, as a model's own vocabulary says. Immutable and thread-safe. Encoding takes time near-linear in the text.
 *
 * <p>A model may have more embedding rows than tokens: ids from the last token up to {@link #vocabSize} are padding, with no bytes.
 */
public interface Tokenizer {
  /**
   * The tokenizer of a GGUF file: "llama" (SentencePiece BPE with byte fallback), or "gpt2" (byte-level BPE) with pre-tokenizer "gpt-2",
   * or "llama-bpe" under any of its names ("llama3", "llama-v3", "falcon3", "falcon_e"). The file need not have tensors.
   *
   * @throws ModelFormatException if the vocabulary is absent or breaks its own rules
   * @throws UnsupportedModelException for any other tokenizer or pre-tokenizer; the message names it
   */
  static Tokenizer from(ModelFile file) {
    return Tokenizers.from(file);
  }

  /** Where in a text the spelling of a control token, like {@code <|eot_id|>}, stands for the token; elsewhere it is text like any other. */
  @FunctionalInterface
  interface Control {
    Control NOWHERE = at -> at;
    Control EVERYWHERE = at -> Integer.MAX_VALUE;

    /** The end of the stretch around this place in which they count, or the place itself if they do not count there. */
    int end(int at);
  }

  /**
   * Token ids of a text. Unpaired surrogates count as U+FFFD. Empty text gives no tokens but those of begin and end.
   *
   * @param addBos puts the begin-of-text token first, if there is one; {@link #addsBos} says what the model expects
   * @param parseSpecial takes the spelling of control tokens, like {@code <|eot_id|>}, for the tokens; otherwise they are text like any
   *     other. Leave it off for text from users.
   */
  default int[] encode(String text, boolean addBos, boolean parseSpecial) {
    return encode(text, addBos, parseSpecial ? Control.EVERYWHERE : Control.NOWHERE);
  }

  /** {@link #encode(String, boolean, boolean)} with control tokens in parts of the text: a spelling counts where all of it may. */
  int[] encode(String text, boolean addBos, Control control);

  /** Token ids as the model expects a prompt: begin-of-text if it {@link #addsBos}, control tokens not parsed. */
  default int[] encode(String text) {
    return encode(text, addsBos(), false);
  }

  /** The whole text of some ids, control tokens left out, a leading space that encoding put there removed. Never throws on known ids. */
  default String decode(int[] ids) {
    TokenDecoder decoder = decoder(true);
    StringBuilder text = new StringBuilder();
    for (int id : ids) {
      text.append(decoder.put(id));
    }
    return text.append(decoder.finish()).toString();
  }

  /**
   * A decoder for ids that come one by one.
   *
   * @param atStart whether the first id starts a text, so that a leading space which encoding put there is removed
   */
  default TokenDecoder decoder(boolean atStart) {
    return new TokenDecoder(this, atStart && addsSpacePrefix());
  }

  /**
   * The bytes of text that a token stands for, often not whole characters; none for control tokens and padding. A copy.
   *
   * @throws IndexOutOfBoundsException if id is not in [0, vocabSize)
   */
  byte[] bytes(int id);

  /** The vocabulary's spelling of a token, for people. */
  String text(int id);

  /** Whether a token is a sign to the model and not text. */
  boolean isControl(int id);

  /** The id spelled so in the vocabulary, or -1. */
  int find(String text);

  /** Begin of text, or -1. */
  int bosId();

  /** End of text, or -1. */
  int eosId();

  /** All ids that end a generation: end of text, end of turn, and their like; unmodifiable. */
  Set<Integer> eogIds();

  /** Ids are in [0, vocabSize). */
  int vocabSize();

  /** Whether the model expects {@link #bosId} before a text. */
  boolean addsBos();

  /** Whether encoding puts a space before the text. */
  boolean addsSpacePrefix();
}
