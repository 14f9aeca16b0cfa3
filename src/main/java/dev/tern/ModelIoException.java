package dev.tern;

/** The model file cannot be read: absent, a directory, no permission; as {@link ModelChangedException}, changed while it was read. */
public sealed class ModelIoException extends TernException permits ModelChangedException {
  private static final long serialVersionUID = 1L;

  public ModelIoException(String message) {
    super(message, null);
  }

  public ModelIoException(String message, Throwable cause) {
    super(message, cause);
  }
}
