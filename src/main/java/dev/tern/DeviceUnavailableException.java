package dev.tern;

/** The backend cannot run here; the message says why. */
public final class DeviceUnavailableException extends TernException {
  private static final long serialVersionUID = 1L;

  public DeviceUnavailableException(String message) {
    super(message, null);
  }

  public DeviceUnavailableException(String message, Throwable cause) {
    super(message, cause);
  }
}
