package dev.tern;

import java.util.Objects;

/** A chat template that cannot be read, or does not render these messages. {@link #reason} says which it is. */
public final class ChatTemplateException extends TernException {
  private static final long serialVersionUID = 1L;

  /** Why a template does not render. */
  public enum Reason {
    /** Its text is not of the template language, or of a part of it that Tern leaves out; the message names line and construct. */
    SYNTAX,
    /** It refuses these messages itself, with {@code raise_exception}: roles that do not alternate and the like. */
    REFUSED,
    /** An operation on values that do not allow it: an undefined name, an unknown filter, a sum of text and number. */
    EVALUATION,
    /** It takes more steps, memory or nesting than any honest template. */
    LIMIT
  }

  private final Reason reason;

  public ChatTemplateException(Reason reason, String message) {
    super(message, null);
    this.reason = Objects.requireNonNull(reason, "reason");
  }

  public Reason reason() {
    return reason;
  }
}
