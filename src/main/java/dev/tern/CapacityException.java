package dev.tern;

/** Not enough memory, or all KV pages are in use. The message names what was needed, what is free, and what to lower. */
public final class CapacityException extends TernException {
  private static final long serialVersionUID = 1L;

  public CapacityException(String message) {
    super(message, null);
  }

  public CapacityException(String message, Throwable cause) {
    super(message, cause);
  }
}
