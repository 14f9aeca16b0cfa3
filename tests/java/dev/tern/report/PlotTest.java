package dev.tern.report;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.w3c.dom.Document;

class PlotTest {
  private static Document page(Plot plot) {
    return Pages.checked(new HtmlPage("t").plot(plot, "how").html());
  }

  private static double[] place(String transform) {
    Matcher m = Pattern.compile("translate\\(([-0-9.]+) ([-0-9.]+)\\)").matcher(transform);
    assertTrue(m.matches(), transform);
    return new double[] {Double.parseDouble(m.group(1)), Double.parseDouble(m.group(2))};
  }

  @Test
  void pointsLieWhereTheAxesSay() {
    Plot plot = new Plot("p", Axis.log2("x").between(1, 16), Axis.log10("y").between(1e-6, 1e-2));
    plot.series("s", Style.points(0, Shape.CIRCLE)).point(1, 1e-6, "").point(16, 1e-2, "").point(4, 1e-4, "").point(2, 1e-5, "");
    var marks = Pages.all(page(plot), "path", "mark").stream().filter(e -> e.hasAttribute("transform")).map(e -> place(e.getAttribute("transform"))).toList();
    double[] low = marks.get(0);
    double[] high = marks.get(1);
    assertTrue(low[0] < high[0] && low[1] > high[1], "larger is right and up");
    assertEquals((low[0] + high[0]) / 2, marks.get(2)[0], 0.11, "4 is in the middle of 1 and 16");
    assertEquals((low[1] + high[1]) / 2, marks.get(2)[1], 0.11, "1e-4 is in the middle of 1e-6 and 1e-2");
    assertEquals(low[0] + (high[0] - low[0]) / 4, marks.get(3)[0], 0.11);
    assertEquals(low[1] + (high[1] - low[1]) / 4, marks.get(3)[1], 0.11);
  }

  @Test
  void barsAndIntervalsReachFromValueToValue() {
    Plot plot = new Plot("p", Axis.linear("x").between(0, 10), Axis.linear("y").between(0, 100));
    plot.series("b", Style.area(1)).bar(2, 4, Double.NEGATIVE_INFINITY, 50, "half");
    plot.series("p", Style.points(0, Shape.CIRCLE)).point(0, 0, "").point(10, 100, "").point(5, 50, 25, 75, "");
    Document document = page(plot);
    var marks = Pages.all(document, "path", "mark").stream().filter(e -> e.hasAttribute("transform")).map(e -> place(e.getAttribute("transform"))).toList();
    double width = marks.get(1)[0] - marks.get(0)[0];
    double tall = marks.get(0)[1] - marks.get(1)[1];
    var bar = Pages.all(document, "rect", "bar").stream().filter(e -> e.getElementsByTagName("title").getLength() == 1).findFirst().orElseThrow();
    assertEquals(0.2 * width, Double.parseDouble(bar.getAttribute("width")), 0.11);
    assertEquals(0.5 * tall, Double.parseDouble(bar.getAttribute("height")), 0.11);
    assertEquals(marks.get(0)[0] + 0.2 * width, Double.parseDouble(bar.getAttribute("x")), 0.11);
    Matcher whisker = Pattern.compile("M([0-9.]+) ([0-9.]+)L([0-9.]+) ([0-9.]+)").matcher(Pages.only(document, "path", "line").getAttribute("d"));
    assertTrue(whisker.matches());
    assertEquals(0.5 * tall, Double.parseDouble(whisker.group(2)) - Double.parseDouble(whisker.group(4)), 0.11);
  }

  @Test
  void whatIsNoNumberIsNotDrawn() {
    Plot plot = new Plot("p", Axis.log10("x"), Axis.log10("y"));
    Series s = plot.series("s", new Style(0, Shape.CIRCLE, Style.Stroke.SOLID));
    double[] bad = {Double.NaN, Double.POSITIVE_INFINITY, Double.NEGATIVE_INFINITY, 0, -1, Double.MAX_VALUE, Double.MIN_VALUE};
    for (double value : bad) {
      s.point(value, 1, "x").point(1, value, "y").segment(value, 1, 2, 3).bar(1, 2, 3, value, "").bar(value, 2, 1, 3, "");
    }
    assertTrue(plot.isEmpty());
    assertThrows(IllegalStateException.class, () -> plot.svg(0));
    assertEquals(0, Pages.all(page(plot), "svg", "").size());
    s.point(3, 4, Double.NaN, Double.POSITIVE_INFINITY, "one");
    assertFalse(plot.isEmpty());
    Document one = page(plot);
    assertEquals(1, Pages.all(one, "path", "mark").stream().filter(e -> e.hasAttribute("transform")).count());
  }

  @Test
  void aLineHasAGapWhereAValueIsMissing() {
    Plot plot = new Plot("p", Axis.linear("x"), Axis.linear("y"));
    plot.series("", Style.line(0, Style.Stroke.SOLID)).point(0, 0, "").point(1, 1, "").point(2, Double.NaN, "").point(3, 1, "").point(4, 0, "");
    String d = Pages.only(page(plot), "path", "line").getAttribute("d");
    assertEquals(2, d.chars().filter(c -> c == 'M').count());
    assertEquals(2, d.chars().filter(c -> c == 'L').count());
  }

  @Test
  void hostileNamesStayNames() {
    Plot plot = new Plot(Pages.HOSTILE, Axis.linear(Pages.HOSTILE), Axis.linear("y").written(v -> Pages.HOSTILE));
    plot.series(Pages.HOSTILE, Style.points(0, Shape.CROSS)).point(1, 1, Pages.HOSTILE);
    plot.label(1, 1, Pages.HOSTILE, Plot.Place.ABOVE_LEFT).group(0, 2, Pages.HOSTILE);
    Document document = page(plot);
    assertTrue(Pages.only(document, "h3", "").getTextContent().startsWith("<script>alert(1)</script>\"' onload='x' & ]]>"));
    assertTrue(Pages.only(document, "h3", "").getTextContent().contains("\\u202e evil \\u0000\\u0007\\ud800"));
  }

  @Test
  void theLegendNamesWhatIsDrawn() {
    Plot plot = new Plot("p", Axis.linear("x"), Axis.linear("y"));
    plot.series("drawn", Style.points(0, Shape.CIRCLE)).point(1, 1, "");
    plot.series("empty", Style.points(1, Shape.SQUARE));
    plot.series("", Style.line(2, Style.Stroke.DASHED)).segment(0, 0, 1, 1);
    Document document = page(plot);
    assertEquals("drawn", Pages.only(document, "li", "").getTextContent().strip());
    assertEquals("p: y over x; drawn, empty", Pages.only(document, "svg", "plot").getAttribute("aria-label"));
  }
}
