package dev.tern;

/** The model gave no finite logit. The session has failed; others go on. */
public final class NumericalException extends TernException {
  private static final long serialVersionUID = 1L;

  public NumericalException(String message) {
    super(message, null);
  }

  public NumericalException(String message, Throwable cause) {
    super(message, cause);
  }
}
