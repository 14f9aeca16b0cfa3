package dev.tern;

/** A report that was to be compared with is none, is damaged, or is of something else. */
public final class ReportFormatException extends TernException {
  private static final long serialVersionUID = 1L;

  public ReportFormatException(String message, Throwable cause) {
    super(message, cause);
  }
}
