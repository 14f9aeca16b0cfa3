package dev.tern.report;

/** A mark's form: colour is never the only difference between two series. */
public enum Shape {
  CIRCLE("M-4 0a4 4 0 1 0 8 0a4 4 0 1 0-8 0Z"),
  SQUARE("M-3.6-3.6H3.6V3.6H-3.6Z"),
  DIAMOND("M0-5L5 0L0 5L-5 0Z"),
  TRIANGLE("M0-5L4.7 3.6H-4.7Z"),
  WEDGE("M0 5L4.7-3.6H-4.7Z"),
  HEXAGON("M-4.6 0L-2.3-4H2.3L4.6 0L2.3 4H-2.3Z"),
  BAR("M-2-5.2H2V5.2H-2Z"),
  FLAT("M-5.2-2H5.2V2H-5.2Z"),
  HOURGLASS("M-4.2-4.6H4.2L-4.2 4.6H4.2Z"),
  /** Two strokes; for peers. */
  CROSS("M-4-4L4 4M-4 4L4-4"),
  /** Two strokes; for peers. */
  PLUS("M0-5.2V5.2M-5.2 0H5.2"),
  /** Three strokes; for peers. */
  STAR("M0-5V5M-4.3-2.5L4.3 2.5M-4.3 2.5L4.3-2.5");

  private final String path;

  Shape(String path) {
    this.path = path;
  }

  /** Around the origin, some ten units across. */
  String path() {
    return path;
  }

  /** Drawn by strokes alone. */
  boolean isOpen() {
    return ordinal() >= CROSS.ordinal();
  }

  /** One of the filled ones, each other number another, as far as there are some. */
  public static Shape filled(int i) {
    return values()[Math.floorMod(i, CROSS.ordinal())];
  }

  /** One of the open ones. */
  public static Shape open(int i) {
    return values()[CROSS.ordinal() + Math.floorMod(i, values().length - CROSS.ordinal())];
  }
}
