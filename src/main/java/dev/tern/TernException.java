package dev.tern;

/**
 * Whatever Tern can fail with, besides {@link IllegalArgumentException} for a value that a caller could have checked. Each message says
 * what was found, where, and what to do. None of these leaves native memory behind or disturbs another session.
 */
public abstract sealed class TernException extends RuntimeException
    permits BaselineException,
        CancelledException,
        CapacityException,
        ChatTemplateException,
        ClosedException,
        ContextFullException,
        DeviceLostException,
        DeviceUnavailableException,
        FloorsException,
        ModelFormatException,
        ModelIoException,
        NativeFaultException,
        NumericalException,
        UnsupportedModelException {
  private static final long serialVersionUID = 1L;

  TernException(String message, Throwable cause) {
    super(message, cause);
  }
}
