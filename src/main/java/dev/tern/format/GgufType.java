package dev.tern.format;

/** Types of metadata values, numbered by ordinal as in GGUF. */
public enum GgufType {
  UINT8(1),
  INT8(1),
  UINT16(2),
  INT16(2),
  UINT32(4),
  INT32(4),
  FLOAT32(4),
  BOOL(1),
  STRING(0),
  ARRAY(0),
  UINT64(8),
  INT64(8),
  FLOAT64(8);

  private static final GgufType[] VALUES = values();
  private final int width;

  GgufType(int width) {
    this.width = width;
  }

  /** Bytes of one value; 0 for strings and arrays, which carry their length. */
  int width() {
    return width;
  }

  boolean integer() {
    return switch (this) {
      case UINT8, INT8, UINT16, INT16, UINT32, INT32, UINT64, INT64 -> true;
      default -> false;
    };
  }

  boolean floating() {
    return this == FLOAT32 || this == FLOAT64;
  }

  /** The type with this number, or null. */
  static GgufType of(long id) {
    return id >= 0 && id < VALUES.length ? VALUES[(int) id] : null;
  }
}
