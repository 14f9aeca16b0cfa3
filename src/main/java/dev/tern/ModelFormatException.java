package dev.tern;

/** A model file that breaks its own format. Thrown before anything large is allocated. */
public final class ModelFormatException extends TernException {
  private static final long serialVersionUID = 1L;
  private final long offset;

  /**
   * @param message what is wrong and where, tensor or key included
   * @param offset byte offset in the file, or -1 if the fault is not at one place
   */
  public ModelFormatException(String message, long offset) {
    super(offset < 0 ? message : message + " (at byte " + offset + ")", null);
    this.offset = offset;
  }

  /** Byte offset in the file, or -1. */
  public long offset() {
    return offset;
  }
}
