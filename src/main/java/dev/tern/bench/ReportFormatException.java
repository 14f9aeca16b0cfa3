package dev.tern.bench;

/** A file is not a report of {@code tern bench} or {@code tern validate}, or of a version that this one does not read. */
public final class ReportFormatException extends IllegalArgumentException {
  private static final long serialVersionUID = 1L;

  public ReportFormatException(String message) {
    super(message);
  }

  public ReportFormatException(String message, Throwable cause) {
    super(message, cause);
  }
}
