package dev.tern;

/** The model file changed while it was read: truncated, grown or written to. What was read of it is not used. */
public final class ModelChangedException extends ModelIoException {
  private static final long serialVersionUID = 1L;

  public ModelChangedException(String message) {
    super(message);
  }
}
