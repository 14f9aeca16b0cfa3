package dev.tern;

/** A table of floors for the speeds of a validation cannot be read, is none, is damaged, or has none for the device. */
public final class FloorsException extends TernException {
  private static final long serialVersionUID = 1L;

  public FloorsException(String message, Throwable cause) {
    super(message, cause);
  }
}
