package dev.tern.report;

import dev.tern.report.Series.Bar;
import dev.tern.report.Series.Mark;
import dev.tern.report.Series.Point;
import dev.tern.report.Series.Segment;
import java.util.ArrayList;
import java.util.List;
import java.util.StringJoiner;

/**
 * A picture of series over two axes, as SVG inside of an HTML page (its colours and fonts are those of {@link HtmlPage}). Series are drawn in the order
 * in which they were added. For one thread.
 *
 * <pre>
 * Plot plot = new Plot("Latency", Axis.log2("keys"), Axis.log10("time").written(Amount.ticks("s")));
 * plot.series("F16", new Style(0, Shape.CIRCLE, Style.Stroke.SOLID)).point(1024, 8.9e-6, 8.8e-6, 9.0e-6, "1024 keys: 8.9 µs");
 * page.plot(plot, "Lower is better.");
 * </pre>
 */
public final class Plot {
  static final int WIDTH = 760;
  private static final int TOP = 12;
  private static final int RIGHT = 16;
  private static final int LINE_HEIGHT = 18;
  /** Of a letter of a tick's size, a little more than the mean. */
  private static final double LETTER = 7;

  /** Where a text stands from the place that it belongs to. */
  public enum Place { ABOVE_LEFT, ABOVE_RIGHT, RIGHT }

  private record Label(double x, double y, String text, Place place) {}

  private record Group(double left, double right, String name) {}

  private final String title;
  private final Axis x;
  private final Axis y;
  private final List<Series> all = new ArrayList<>();
  private final List<Series> keys = new ArrayList<>();
  private final List<Label> labels = new ArrayList<>();
  private final List<Group> groups = new ArrayList<>();
  private int height = 420;

  /** @param title in a few words; it stands above the plot too */
  public Plot(String title, Axis x, Axis y) {
    this.title = title;
    this.x = x;
    this.y = y;
  }

  String title() {
    return title;
  }

  /** Of the whole picture, while its width is 760. */
  public Plot height(int units) {
    height = units;
    return this;
  }

  /**
   * Adds a series without marks yet.
   *
   * @param name in the legend; empty: it has no entry there
   */
  public Series series(String name, Style style) {
    Series series = new Series(name, style);
    all.add(series);
    return series;
  }

  /** An entry of the legend alone, for what several series have in common. */
  public Plot key(String name, Style style) {
    keys.add(new Series(name, style));
    return this;
  }

  /** A text in the plot. */
  public Plot label(double atX, double atY, String text, Place place) {
    labels.add(new Label(atX, atY, text, place));
    return this;
  }

  /** A name below a part of the x axis, and a line where the part ends. */
  public Plot group(double left, double right, String name) {
    groups.add(new Group(left, right, name));
    return this;
  }

  /** Whether anything is to be seen. */
  public boolean isEmpty() {
    return all.stream().flatMap(s -> s.marks.stream()).noneMatch(this::drawable);
  }

  /** The legend as HTML: it wraps where a picture could not. Empty without names. */
  String legend() {
    StringBuilder html = new StringBuilder();
    all.stream().filter(s -> !s.name.isEmpty() && s.marks.stream().anyMatch(this::drawable)).forEach(s -> entry(html, s, s.marks.get(0) instanceof Bar));
    keys.forEach(s -> entry(html, s, false));
    return html.isEmpty() ? "" : "<ul class=\"legend\">\n" + html + "</ul>\n";
  }

  private static void entry(StringBuilder html, Series s, boolean bar) {
    html.append("<li><svg class=\"key\" viewBox=\"-14 -8 28 16\" width=\"28\" height=\"16\" aria-hidden=\"true\">");
    if (bar) {
      html.append("<rect class=\"bar ").append(s.style.classes()).append("\" x=\"-10\" y=\"-6\" width=\"20\" height=\"12\"/>");
    } else if (s.style.stroke() != Style.Stroke.NONE) {
      html.append("<path class=\"line ").append(s.style.classes()).append("\" d=\"M-13 0H13\"/>");
    }
    if (s.style.shape() != null) {
      html.append("<path class=\"").append(mark(s.style)).append("\" d=\"").append(s.style.shape().path()).append("\"/>");
    }
    html.append("</svg> ").append(Markup.text(s.name)).append("</li>\n");
  }

  /**
   * The picture.
   *
   * @param id tells it from the page's other pictures
   * @throws IllegalStateException if it is empty
   */
  String svg(int id) {
    if (isEmpty()) {
      throw new IllegalStateException("a plot without marks: " + title);
    }
    return new Drawing().svg(id);
  }

  private boolean drawable(Mark mark) {
    if (mark instanceof Point p) {
      return x.holds(p.x()) && y.holds(p.y());
    }
    if (mark instanceof Bar b) {
      return x.holds(b.left()) && x.holds(b.right()) && y.holds(b.high()) && (b.low() == Double.NEGATIVE_INFINITY || y.holds(b.low()));
    }
    Segment s = (Segment) mark;
    return x.holds(s.x0()) && x.holds(s.x1()) && y.holds(s.y0()) && y.holds(s.y1());
  }

  private static String mark(Style style) {
    return (style.shape().isOpen() ? "open " : "mark ") + style.colourClass();
  }

  /** Where everything lies, once the data is known. */
  private final class Drawing {
    private final Axis.Span xs;
    private final Axis.Span ys;
    private final double left;
    private final double bottom;
    private final boolean slanted;
    private final StringBuilder out = new StringBuilder();

    Drawing() {
      double[] ends = {Double.POSITIVE_INFINITY, Double.NEGATIVE_INFINITY, Double.POSITIVE_INFINITY, Double.NEGATIVE_INFINITY};
      all.stream().flatMap(s -> s.marks.stream()).filter(Plot.this::drawable).forEach(m -> reach(ends, m));
      xs = x.fit(ends[0], ends[1]);
      ys = y.fit(ends[2], ends[3]);
      int longest = ys.ticks().stream().mapToInt(t -> y.format().apply(t).length()).max().orElse(0);
      left = LINE_HEIGHT + 14 + LETTER * longest;
      slanted = groups.stream().anyMatch(g -> LETTER * g.name.length() > (WIDTH - RIGHT - left) * (xs.at(g.right) - xs.at(g.left)));
      int name = groups.stream().mapToInt(g -> g.name.length()).max().orElse(0);
      double below = groups.isEmpty() ? 0 : slanted ? 10 + 0.68 * LETTER * name : LINE_HEIGHT;
      bottom = height - 2 * LINE_HEIGHT - 6 - below;
    }

    private void reach(double[] ends, Mark mark) {
      if (mark instanceof Point p) {
        reach(ends, p.x(), p.y());
        reach(ends, p.x(), y.holds(p.low()) ? p.low() : p.y());
        reach(ends, p.x(), y.holds(p.high()) ? p.high() : p.y());
      } else if (mark instanceof Bar b) {
        reach(ends, b.left(), b.high());
        reach(ends, b.right(), y.holds(b.low()) ? b.low() : b.high());
      } else if (mark instanceof Segment s) {
        reach(ends, s.x0(), s.y0());
        reach(ends, s.x1(), s.y1());
      }
    }

    private void reach(double[] ends, double atX, double atY) {
      ends[0] = Math.min(ends[0], atX);
      ends[1] = Math.max(ends[1], atX);
      ends[2] = Math.min(ends[2], atY);
      ends[3] = Math.max(ends[3], atY);
    }

    private double px(double value) {
      return left + clamped(xs.at(value)) * (WIDTH - RIGHT - left);
    }

    private double py(double value) {
      return bottom - clamped(ys.at(value)) * (bottom - TOP);
    }

    /** What lies far outside of an axis with fixed ends stays near the picture, which clips it. */
    private static double clamped(double share) {
      return Math.max(-1, Math.min(2, share));
    }

    String svg(int id) {
      String clip = "clip" + id;
      out.append("<svg class=\"plot\" viewBox=\"0 0 ").append(WIDTH).append(' ').append(height).append("\" role=\"img\" aria-label=\"")
          .append(Markup.text(described())).append("\">\n<clipPath id=\"").append(clip).append("\"><rect ")
          .append(rect(left, TOP - 6, WIDTH - RIGHT + 6 - left, bottom - TOP + 12)).append("/></clipPath>\n");
      grid();
      groups();
      labels.stream().filter(l -> x.holds(l.x) && y.holds(l.y)).forEach(l -> text(px(l.x) + (l.place == Place.ABOVE_LEFT ? -5 : 5),
          py(l.y) + (l.place == Place.RIGHT ? 4 : -6), l.place == Place.ABOVE_LEFT ? "label end" : "label", l.text));
      out.append("<g clip-path=\"url(#").append(clip).append(")\">\n");
      all.forEach(this::series);
      out.append("</g>\n");
      return out.append("</svg>\n").toString();
    }

    private String described() {
      StringJoiner names = new StringJoiner(", ");
      all.stream().filter(s -> !s.name.isEmpty()).forEach(s -> names.add(s.name));
      return title + ": " + y.label() + " over " + x.label() + (names.length() == 0 ? "" : "; " + names);
    }

    private void grid() {
      for (double tick : ys.ticks()) {
        double at = py(tick);
        path("grid", "M" + Markup.number(left) + " " + Markup.number(at) + "H" + (WIDTH - RIGHT));
        text(left - 8, at + 4, "tick end", y.format().apply(tick));
      }
      double free = Double.NEGATIVE_INFINITY;
      for (double tick : xs.ticks()) {
        double at = px(tick);
        String words = x.format().apply(tick);
        if (groups.isEmpty()) {
          path("grid", "M" + Markup.number(at) + " " + TOP + "V" + Markup.number(bottom));
        }
        if (at - LETTER * words.length() / 2 > free) {
          text(at, bottom + LINE_HEIGHT, "tick middle", words);
          free = at + LETTER * words.length() / 2 + 4;
        }
      }
      path("axis", "M" + Markup.number(left) + " " + TOP + "V" + Markup.number(bottom) + "H" + (WIDTH - RIGHT));
      text((left + WIDTH - RIGHT) / 2, height - 8, "name middle", x.label());
      out.append("<text class=\"name middle\" transform=\"translate(14 ").append(Markup.number((TOP + bottom) / 2)).append(") rotate(-90)\">")
          .append(Markup.text(y.label())).append("</text>\n");
    }

    private void groups() {
      double row = bottom + 2 * LINE_HEIGHT - 2;
      for (Group g : groups) {
        double middle = (px(g.left) + px(g.right)) / 2;
        path("grid", "M" + Markup.number(px(g.right)) + " " + TOP + "V" + Markup.number(bottom));
        if (slanted) {
          out.append("<text class=\"tick end\" transform=\"translate(").append(Markup.number(middle + 4)).append(' ').append(Markup.number(row - 8))
              .append(") rotate(-40)\">").append(Markup.text(g.name)).append("</text>\n");
        } else {
          text(middle, row, "tick middle", g.name);
        }
      }
    }

    private void series(Series s) {
      if (s.style.stroke() != Style.Stroke.NONE) {
        line(s);
      }
      for (Mark m : s.marks) {
        if (!drawable(m)) {
          continue;
        }
        if (m instanceof Point p && s.style.shape() != null) {
          point(s.style, p);
        } else if (m instanceof Bar b) {
          double low = b.low() == Double.NEGATIVE_INFINITY ? bottom : py(b.low());
          out.append("<rect class=\"bar ").append(s.style.classes()).append("\" ")
              .append(rect(px(b.left()), py(b.high()), px(b.right()) - px(b.left()), low - py(b.high())))
              .append(b.tip().isEmpty() ? "/>\n" : ">" + tip(b.tip()) + "</rect>\n");
        }
      }
    }

    /** Through the points, and the segments; a point without a place is a gap. */
    private void line(Series s) {
      StringBuilder path = new StringBuilder();
      boolean down = false;
      for (Mark m : s.marks) {
        boolean drawn = drawable(m);
        if (drawn && m instanceof Point p) {
          path.append(down ? 'L' : 'M').append(at(p.x(), p.y()));
        } else if (drawn && m instanceof Segment g) {
          path.append('M').append(at(g.x0(), g.y0())).append('L').append(at(g.x1(), g.y1()));
        }
        down = drawn && m instanceof Point;
      }
      if (!path.isEmpty()) {
        path("line " + s.style.classes(), path.toString());
      }
    }

    private void point(Style style, Point p) {
      if (y.holds(p.low()) && y.holds(p.high())) {
        path("line " + style.colourClass(), "M" + at(p.x(), p.low()) + "L" + at(p.x(), p.high()));
      }
      String place = "translate(" + at(p.x(), p.y()) + ")\" d=\"";
      String d = style.shape().path();
      if (style.shape().isOpen()) { // or it would be lost on a bar of its own colour
        out.append("<path class=\"halo\" transform=\"").append(place).append(d).append("\"/>");
      }
      out.append("<path class=\"").append(mark(style)).append("\" transform=\"").append(place).append(d)
          .append(p.tip().isEmpty() ? "\"/>\n" : "\">" + tip(p.tip()) + "</path>\n");
    }

    private void path(String classes, String d) {
      out.append("<path class=\"").append(classes).append("\" d=\"").append(d).append("\"/>\n");
    }

    private String at(double atX, double atY) {
      return Markup.number(px(atX)) + " " + Markup.number(py(atY));
    }

    private void text(double atX, double atY, String classes, String words) {
      out.append("<text class=\"").append(classes).append("\" x=\"").append(Markup.number(atX)).append("\" y=\"").append(Markup.number(atY)).append("\">")
          .append(Markup.text(words)).append("</text>\n");
    }

    private static String rect(double atX, double atY, double width, double tall) {
      return "x=\"" + Markup.number(atX) + "\" y=\"" + Markup.number(atY) + "\" width=\"" + Markup.number(Math.max(0, width)) + "\" height=\""
          + Markup.number(Math.max(0, tall)) + "\"";
    }

    private static String tip(String words) {
      return "<title>" + Markup.text(words) + "</title>";
    }
  }
}
