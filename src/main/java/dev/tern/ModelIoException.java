package dev.tern;

/** The model file cannot be read: absent, a directory, no permission, changed while it was read. */
public final class ModelIoException extends TernException {
  private static final long serialVersionUID = 1L;

  public ModelIoException(String message) {
    super(message, null);
  }

  public ModelIoException(String message, Throwable cause) {
    super(message, cause);
  }
}
