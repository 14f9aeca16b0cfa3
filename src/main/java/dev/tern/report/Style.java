package dev.tern.report;

/**
 * How a series looks.
 *
 * @param colour a number of the page's palette, from 0 on, or {@link #NEUTRAL}
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

  /** Names of its CSS classes. */
  String classes() {
    String name = colour < 0 ? "cn" : "c" + colour % COLOURS;
    return switch (stroke) {
      case DASHED -> name + " dashed";
      case FAINT -> name + " faint";
      case NONE, SOLID -> name;
    };
  }
}
