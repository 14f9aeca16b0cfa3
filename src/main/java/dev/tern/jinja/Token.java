package dev.tern.jinja;

/**
 * A word of a template.
 *
 * @param text characters of data, name or operator; of a string what it means
 */
record Token(Kind kind, String text, int line) {
  enum Kind {
    DATA,
    /** Opening of an expression, "{{". */
    PRINT,
    /** Opening of a statement, "{%". */
    BLOCK,
    /** Their ends. */
    CLOSE,
    NAME,
    STRING,
    INTEGER,
    FLOAT,
    OPERATOR,
    END
  }

  boolean is(Kind wanted, String wantedText) {
    return kind == wanted && text.equals(wantedText);
  }

  @Override
  public String toString() {
    return switch (kind) {
      case END -> "the end of the template";
      case CLOSE -> "the end of the tag";
      case DATA -> "text";
      default -> "'" + text + "'";
    };
  }
}
