package dev.tern.format;

/** Real tokenizers for the tests of chat. */
public final class ChatTokenizers {
  private ChatTokenizers() {}

  public static Tokenizer llama3() {
    return TestFiles.tokenizer("llama-bpe");
  }

  public static Tokenizer spm() {
    return TestFiles.tokenizer("llama-spm");
  }
}
