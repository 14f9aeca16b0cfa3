package dev.tern;

/** A prompt or a stream does not fit the cache policy: it needs more tokens than a dense cache holds. */
public final class ContextFullException extends TernException {
  private static final long serialVersionUID = 1L;

  public ContextFullException(String message) {
    super(message, null);
  }

  public ContextFullException(String message, Throwable cause) {
    super(message, cause);
  }
}
