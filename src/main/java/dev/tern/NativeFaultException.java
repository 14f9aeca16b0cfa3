package dev.tern;

/** A bug in Tern: native code met a state that cannot be. */
public final class NativeFaultException extends TernException {
  private static final long serialVersionUID = 1L;

  public NativeFaultException(String message) {
    super(message, null);
  }

  public NativeFaultException(String message, Throwable cause) {
    super(message, cause);
  }
}
