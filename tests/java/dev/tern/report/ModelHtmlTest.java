package dev.tern.report;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.tern.StepProfile;
import dev.tern.bench.ModelReport;
import dev.tern.bench.ModelReports;
import dev.tern.bench.ModelRow;
import dev.tern.bench.ModelSeries;
import dev.tern.bench.SpeedTest;
import dev.tern.validate.Reading;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.w3c.dom.Document;
import org.w3c.dom.Element;
import org.w3c.dom.NodeList;

class ModelHtmlTest {
  private static ModelRow row(String test, double seconds) {
    long nanos = Math.round(seconds * 1e9);
    return new ModelRow(2, SpeedTest.of(test), new long[] {nanos, nanos, nanos, nanos, nanos, nanos}, List.of(), "", 1e9, 1e9, 0, Reading.unreadable("no counter"));
  }

  private static ModelReport with(List<ModelRow> rows, List<ModelSeries.Profile> profiles) {
    ModelReport r = ModelReports.empty();
    return new ModelReport(r.version(), r.date(), r.processor(), r.gpu(), r.model(), r.energySource(), rows, List.of(), null, null, null, profiles);
  }

  private static List<Element> elements(Document page, String tag, String kind) {
    NodeList all = page.getElementsByTagName(tag);
    List<Element> found = new ArrayList<>();
    for (int i = 0; i < all.getLength(); i++) {
      Element e = (Element) all.item(i);
      if (kind.isEmpty() || List.of(e.getAttribute("class").split(" ")).contains(kind)) {
        found.add(e);
      }
    }
    return found;
  }

  private static double number(Element e, String attribute) {
    return Double.parseDouble(e.getAttribute(attribute));
  }

  @Test
  void whateverAModelIsCalled() {
    for (Reading<Double> joules : List.of(Reading.of(12.0), Reading.<Double>unreadable(Pages.HOSTILE))) {
      Document page = Pages.checked(ModelHtml.of(ModelReports.report(Pages.HOSTILE, joules)));
      for (String words : List.of("up to 25.0 %", "Requests", "Idealised runtime", "A decode step, tg64", "Information capacity", "alpha(1)")) {
        assertTrue(page.getDocumentElement().getTextContent().contains(words), words);
      }
    }
  }

  @Test
  void whatWasNotMeasuredIsNotThere() {
    Document page = Pages.checked(ModelHtml.of(ModelReports.empty()));
    assertEquals(0, elements(page, "section", "").size());
    Document one = Pages.checked(ModelHtml.of(with(List.of(row("tg8", 1), row("pp8", 1)), List.of())));
    assertEquals(0, elements(one, "figure", "").size(), "one decode test is no line");
    assertTrue(one.getDocumentElement().getTextContent().contains("no counter") || one.getDocumentElement().getTextContent().contains("unknown"));
  }

  @Test
  void depthsAndStreamsAreLines() {
    Document page = Pages.checked(ModelHtml.of(with(List.of(row("tg8", 1), row("tg8 @64", 2), row("tg8 @128", 4), row("tg8 x2", 1), row("tg8 x4", 2)), List.of())));
    assertEquals(2, elements(page, "figure", "").size());
    assertEquals(3 + 3, elements(page, "path", "mark").stream().filter(e -> e.getElementsByTagName("title").getLength() > 0).count());
    assertTrue(page.getDocumentElement().getTextContent().contains("ideal: each stream for nothing"));
  }

  /** As wide as the parts' times, as high as bytes / bandwidth / time. */
  @Test
  void theWaterlineIsToScale() {
    StepProfile profile = new StepProfile(List.of(new StepProfile.Part("qkv", 2, 4_000, 3_000), new StepProfile.Part("norm", 2, 2_000, 0),
        new StepProfile.Part("head", 2, 2_000, 500)), 2, 8_000);
    Document page = Pages.checked(ModelHtml.of(with(List.of(), List.of(new ModelSeries.Profile(1, SpeedTest.of("tg2"), profile, 1e9)))));
    List<Element> bars = elements(page, "rect", "bar").stream().filter(e -> e.getElementsByTagName("title").getLength() > 0).toList();
    assertEquals(5, bars.size()); // three parts, two of which read something
    double unit = number(bars.get(0), "height");
    double rounding = 0.1; // two places of one decimal each
    assertEquals(number(bars.get(0), "width") / 2, number(bars.get(1), "width"), rounding);
    assertEquals(number(bars.get(0), "x") + number(bars.get(0), "width"), number(bars.get(1), "x"), rounding);
    assertEquals(0.75 * unit, number(bars.get(3), "height"), rounding);
    assertEquals(0.25 * unit, number(bars.get(4), "height"), rounding);
    assertEquals(number(bars.get(2), "x"), number(bars.get(4), "x"), rounding);
  }
}
