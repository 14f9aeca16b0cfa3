package dev.tern.report;

/**
 * How a series looks.
 *
 * @param colour a number of the page's palette, from 0 on, {@link #NEUTRAL}, or {@link #WATER}
 * @param shape of its points; null: they have none
 * @param stroke of the line through its points, and of its segments
 */
public record Style(int colour, Shape shape, Stroke stroke) {
  /** A line. */
  public enum Stroke { NONE, SOLID, DASHED, FAINT }

  /** Colours that can be told apart; further numbers begin anew. */
  public static final int COLOURS = 9;
  /** The colour of text. */
  public static final int NEUTRAL = -1;
  /** A background's colour, unlike those of series. */
  public static final int WATER = -2;

  /** Points alone. */
  public static Style points(int colour, Shape shape) {
    return new Style(colour, shape, Stroke.NONE);
  }

  /** A line alone. */
  public static Style line(int colour, Stroke stroke) {
    return new Style(colour, null, stroke);
  }

  /** Of rectangles. */
  public static Style area(int colour) {
    return new Style(colour, null, Stroke.NONE);
  }

  /** The CSS class of its colour. */
  String colourClass() {
    return colour == NEUTRAL ? "cn" : colour == WATER ? "cw" : "c" + colour % COLOURS;
  }

  /** Names of its CSS classes. */
  String classes() {
    return switch (stroke) {
      case DASHED -> colourClass() + " dashed";
      case FAINT -> colourClass() + " faint";
      case NONE, SOLID -> colourClass();
    };
  }
}
