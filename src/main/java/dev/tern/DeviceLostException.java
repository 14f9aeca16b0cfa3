package dev.tern;

/** The device failed for good; everything on it is lost. Start a new process. */
public final class DeviceLostException extends TernException {
  private static final long serialVersionUID = 1L;

  public DeviceLostException(String message) {
    super(message, null);
  }

  public DeviceLostException(String message, Throwable cause) {
    super(message, cause);
  }
}
