package dev.tern;

/** What a validation was to be compared with is no report of one, is damaged, or is of another device. */
public final class BaselineException extends TernException {
  private static final long serialVersionUID = 1L;

  public BaselineException(String message, Throwable cause) {
    super(message, cause);
  }
}
