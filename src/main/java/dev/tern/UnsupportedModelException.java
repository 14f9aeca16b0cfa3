package dev.tern;

/** A well-formed file of a kind this build cannot run: architecture, tensor type or tokenizer; the message lists what it can. */
public final class UnsupportedModelException extends TernException {
  private static final long serialVersionUID = 1L;

  public UnsupportedModelException(String message) {
    super(message, null);
  }

  public UnsupportedModelException(String message, Throwable cause) {
    super(message, cause);
  }
}
