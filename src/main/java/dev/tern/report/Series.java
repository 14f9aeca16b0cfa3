package dev.tern.report;

import java.util.ArrayList;
import java.util.List;

/** Marks of one kind in a {@link Plot}: one entry of its legend. What its axes have no place for (NaN, 0 on a logarithmic axis) is not drawn. */
public final class Series {
  /** Values of a mark, before they are places. */
  sealed interface Mark permits Point, Bar, Segment {}

  record Point(double x, double y, double low, double high, String tip) implements Mark {}

  record Bar(double left, double right, double low, double high, String tip) implements Mark {}

  record Segment(double x0, double y0, double x1, double y1) implements Mark {}

  final String name;
  final Style style;
  final List<Mark> marks = new ArrayList<>();

  Series(String name, Style style) {
    this.name = name;
    this.style = style;
  }

  /**
   * A point, joined with the one before it if the style has a line.
   *
   * @param tip shown where a pointer rests on it; may be empty
   */
  public Series point(double x, double y, String tip) {
    return point(x, y, Double.NaN, Double.NaN, tip);
  }

  /** A point whose y is known to lie between low and high, which a thin bar shows. */
  public Series point(double x, double y, double low, double high, String tip) {
    marks.add(new Point(x, y, low, high, tip));
    return this;
  }

  /** A rectangle from x = left to right and y = low to high; -infinity: from the axis on. */
  public Series bar(double left, double right, double low, double high, String tip) {
    marks.add(new Bar(left, right, low, high, tip));
    return this;
  }

  /** A line of its own. */
  public Series segment(double x0, double y0, double x1, double y1) {
    marks.add(new Segment(x0, y0, x1, y1));
    return this;
  }
}
