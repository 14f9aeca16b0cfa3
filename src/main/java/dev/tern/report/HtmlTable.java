package dev.tern.report;

import java.util.ArrayList;
import java.util.List;

/** A table of a page. Cells hold text; whoever adds a row need not escape it. */
public final class HtmlTable {
  private static final double FULL = 100;

  /** How a column is set. */
  public enum Align {
    LEFT,
    RIGHT,
    /** To the left, on one line. */
    NAME
  }

  /**
   * One cell.
   *
   * @param kind a class of the page's style ("pass", "warn", "fail", "unknown": a badge; "quiet": less weight; "": none)
   * @param below a second line with less weight; empty: none
   * @param share a bar under the text, 1: as long as the cell; NaN: none
   * @param limit a line across the bar, where the limit lies; NaN: none
   */
  public record Cell(String text, String kind, String below, double share, double limit) {
    public static Cell of(String text) {
      return new Cell(text, "", "", Double.NaN, Double.NaN);
    }

    public static Cell quiet(String text) {
      return new Cell(text, "quiet", "", Double.NaN, Double.NaN);
    }

    public static Cell badge(String text, String kind) {
      return new Cell(text, kind, "", Double.NaN, Double.NaN);
    }

    /** Two lines. */
    public static Cell two(String text, String below) {
      return new Cell(text, "", below, Double.NaN, Double.NaN);
    }

    public static Cell bar(String text, double share) {
      return new Cell(text, "", "", share, Double.NaN);
    }
  }

  private record Column(String name, Align align, int percent) {}

  private final List<Column> columns = new ArrayList<>();
  private final StringBuilder body = new StringBuilder();
  private boolean narrow;

  /** Only as wide as its texts. */
  public HtmlTable narrow() {
    narrow = true;
    return this;
  }

  /** Adds a column as wide as its texts; all columns before the first row. */
  public HtmlTable column(String name, Align align) {
    return column(name, align, 0);
  }

  /** Adds a column of so many percent of the width. */
  public HtmlTable column(String name, Align align, int percent) {
    columns.add(new Column(name, align, percent));
    return this;
  }

  /**
   * Adds a row.
   *
   * @throws IllegalArgumentException if it has more or fewer cells than there are columns
   */
  public HtmlTable row(Cell... cells) {
    return row("", cells);
  }

  /** Adds a row of a kind: "sub" belongs to the one above it and has less weight, "more" goes on with it. */
  public HtmlTable row(String kind, Cell... cells) {
    if (cells.length != columns.size()) {
      throw new IllegalArgumentException(cells.length + " cells in a table of " + columns.size() + " columns");
    }
    body.append(kind.isEmpty() ? "<tr>" : "<tr class=\"" + Markup.text(kind) + "\">");
    for (int i = 0; i < cells.length; i++) {
      Cell c = cells[i];
      body.append("<td").append(kind(columns.get(i).align)).append('>');
      String text = Markup.text(c.text());
      body.append(c.kind().isEmpty() ? text : "<span class=\"" + Markup.text(c.kind()) + "\">" + text + "</span>");
      if (!c.below().isEmpty()) {
        body.append("<span class=\"below\">").append(Markup.text(c.below())).append("</span>");
      }
      if (Double.isFinite(c.share())) {
        body.append(meter(c));
      }
      body.append("</td>");
    }
    body.append("</tr>\n");
    return this;
  }

  private static String kind(Align align) {
    return switch (align) {
      case LEFT -> "";
      case RIGHT -> " class=\"number\"";
      case NAME -> " class=\"whole\"";
    };
  }

  private static String meter(Cell c) {
    String bar = "<svg class=\"meter\" viewBox=\"0 0 100 6\" preserveAspectRatio=\"none\" aria-hidden=\"true\"><rect class=\"rail\" width=\"100\" height=\"6\"/>"
        + "<rect class=\"fill\" width=\"" + Markup.number(FULL * within(c.share())) + "\" height=\"6\"/>";
    if (!Double.isFinite(c.limit())) {
      return bar + "</svg>";
    }
    return bar + "<rect class=\"limit\" x=\"" + Markup.number(FULL * within(c.limit()) - 1) + "\" width=\"2\" height=\"6\"/></svg>";
  }

  private static double within(double share) {
    return Math.max(0, Math.min(1, share));
  }

  String html() {
    boolean fixed = columns.stream().anyMatch(c -> c.percent > 0);
    StringBuilder html = new StringBuilder("<div class=\"scroll\"><table").append(fixed ? " class=\"fixed\"" : narrow ? " class=\"narrow\"" : "").append(">\n");
    if (fixed) {
      html.append("<colgroup>");
      columns.forEach(c -> html.append(c.percent > 0 ? "<col width=\"" + c.percent + "%\"/>" : "<col/>"));
      html.append("</colgroup>\n");
    }
    html.append("<thead><tr>");
    for (Column c : columns) {
      html.append("<th scope=\"col\"").append(kind(c.align)).append('>').append(Markup.text(c.name)).append("</th>");
    }
    return html.append("</tr></thead>\n<tbody>\n").append(body).append("</tbody>\n</table></div>\n").toString();
  }
}
