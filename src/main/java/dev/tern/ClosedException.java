package dev.tern;

/** The model, engine, session or generation was closed. */
public final class ClosedException extends TernException {
  private static final long serialVersionUID = 1L;

  public ClosedException(String message) {
    super(message, null);
  }

  public ClosedException(String message, Throwable cause) {
    super(message, cause);
  }
}
