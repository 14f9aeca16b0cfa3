package dev.tern.report;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.w3c.dom.Document;

class HtmlPageTest {
  @Test
  void everyTextIsEscaped() {
    String x = Pages.HOSTILE;
    HtmlTable table = new HtmlTable().column(x, HtmlTable.Align.LEFT).column(x, HtmlTable.Align.RIGHT);
    table.row(new HtmlTable.Cell(x, x, "", 0.5, 0.7), HtmlTable.Cell.two("", x)).row(x, HtmlTable.Cell.of(x), HtmlTable.Cell.badge(x, "pass"));
    String html = new HtmlPage(x).small(x).paragraph(x).verdict(x, x, x).section(x).list(List.of(x)).facts(Map.of(x, x)).code(x).table(table).html();
    Document document = Pages.checked(html);
    String kept = "<script>alert(1)</script>\"' onload='x' & ]]> <!-- \\u202e evil \\u0000\\u0007\\ud800 &amp; </title></style><img src=x>";
    for (String tag : List.of("h1", "h2", "li", "dt", "dd", "code", "th", "td", "title")) {
      assertEquals(kept, Pages.all(document, tag, "").get(0).getTextContent(), tag);
    }
  }

  @Test
  void aPageForbidsItselfToFetchAndToRun() {
    Document document = Pages.checked(new HtmlPage("t").html());
    String policy = Pages.all(document, "meta", "").stream().filter(e -> e.getAttribute("http-equiv").equals("Content-Security-Policy")).findFirst().orElseThrow()
        .getAttribute("content");
    assertTrue(policy.startsWith("default-src 'none'; style-src 'unsafe-inline'"), policy);
  }

  @Test
  void figuresOfATableAreWithinTheirBars() {
    for (double bad : new double[] {Double.NaN, Double.POSITIVE_INFINITY, -3, 1e308}) {
      HtmlTable table = new HtmlTable().column("a", HtmlTable.Align.LEFT).row(new HtmlTable.Cell("x", "", "", bad, bad)).row(new HtmlTable.Cell("x", "", "", 0.5, bad));
      Document document = Pages.checked(new HtmlPage("t").table(table).html());
      Pages.all(document, "rect", "fill").forEach(r -> assertTrue(Double.parseDouble(r.getAttribute("width")) <= 100));
    }
    HtmlTable table = new HtmlTable().column("a", HtmlTable.Align.LEFT);
    assertThrows(IllegalArgumentException.class, () -> table.row(HtmlTable.Cell.of("1"), HtmlTable.Cell.of("2")));
  }

  @Test
  void aTextOfMegabytesIsCut() {
    assertTrue(new HtmlPage("t").paragraph("x".repeat(5_000_000)).html().length() < 100_000);
  }

  @Test
  void amountsHaveThreeDigits() {
    assertEquals("8.88 µs", Amount.seconds(8.879e-6));
    assertEquals("1.00 ms", Amount.seconds(0.9999e-3));
    assertEquals("999 µs", Amount.seconds(0.9990e-3));
    assertEquals("3.06 TB/s", Amount.of(3.0622e12, "B/s"));
    assertEquals("1.00 kB", Amount.of(999.9, "B"));
    assertEquals("0 B", Amount.of(0, "B"));
    assertEquals("-12.3 M", Amount.of(-12.34e6, "").strip());
    assertEquals("10 µs", Amount.ticks("s").apply(10e-6));
    assertEquals("100", Amount.ticks("").apply(100));
assertEquals("–", Amount.of(Double.NaN, "B"));
    assertEquals("9.70 %", Amount.share(0.09698));
    assertEquals("100 %", Amount.share(0.9999));
    assertEquals("0.006 %", Amount.share(0.00006));
    assertEquals("32768", Amount.number(32768));
    assertEquals("0.5", Amount.number(0.5));
    assertEquals("–", Amount.number(Double.NEGATIVE_INFINITY));
  }
}
