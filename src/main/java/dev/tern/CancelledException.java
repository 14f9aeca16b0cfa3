package dev.tern;

/** The generation was cancelled, closed, or its thread interrupted, before it ended by itself. */
public final class CancelledException extends TernException {
  private static final long serialVersionUID = 1L;

  public CancelledException(String message) {
    super(message, null);
  }

  public CancelledException(String message, Throwable cause) {
    super(message, cause);
  }
}
