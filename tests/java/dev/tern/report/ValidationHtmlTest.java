package dev.tern.report;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.tern.bench.JsonFile;
import dev.tern.bench.ReportFormatException;
import dev.tern.validate.Check;
import dev.tern.validate.Figure;
import dev.tern.validate.Group;
import dev.tern.validate.Inventory;
import dev.tern.validate.JsonReport;
import dev.tern.validate.JsonReportReader;
import dev.tern.validate.Outcome;
import dev.tern.validate.Report;
import dev.tern.validate.Verdict;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.junit.jupiter.api.Test;
import org.w3c.dom.Document;
import org.w3c.dom.Element;

class ValidationHtmlTest {
  private static final Path H100 = Path.of("docs/validation/h100-standard.json");

  private static Report report(String text, double value, double limit, Verdict... verdicts) {
    List<Report.Result> results = new ArrayList<>();
    for (int i = 0; i < verdicts.length; i++) {
      Check check = new Check("check." + i, Group.values()[i % Group.values().length], "what " + text, false, round -> null);
      List<Figure> figures = List.of(new Figure("rate", value, "GB/s", limit), new Figure("n", value, text, Double.NaN));
      results.add(new Report.Result(check, new Outcome(verdicts[i], text, figures), 2, 1));
    }
    return new Report(text, text, text, text, 3, text, 1, "{}", List.of(new Inventory("read " + text, text, null), new Inventory("unread", null, text)), results,
        text);
  }

  private static JsonNode tree(String json) {
    try {
      return new ObjectMapper().readTree(json);
    } catch (JsonProcessingException e) {
      throw new AssertionError(e);
    }
  }

  @Test
  void aVerdictIsAWord() {
    Document page = Pages.checked(ValidationHtml.of(report("t", 90, 100, Verdict.PASS, Verdict.UNKNOWN, Verdict.WARN, Verdict.FAIL)));
    for (Verdict v : Verdict.values()) {
      List<Element> badges = Pages.all(page, "td", "").stream().filter(td -> td.getTextContent().equals(v.name())).toList();
      assertEquals(1, badges.size(), v.name());
      assertEquals(v.name().toLowerCase(Locale.ROOT), ((Element) badges.get(0).getFirstChild()).getAttribute("class"));
    }
    Element verdict = Pages.only(page, "p", "verdict");
    assertEquals("FAIL 4 checks: 1 passed, 1 warned, 1 failed, 1 unknown", verdict.getTextContent());
    String text = page.getDocumentElement().getTextContent();
    assertTrue(text.contains("unread: t"), "what cannot be read");
    Report.NOT_SAID.forEach(line -> assertTrue(text.contains(line), line));
    assertTrue(text.contains("Stopped early: t"));
  }

  @Test
  void aFigureStandsBesideItsLimit() {
    Document page = Pages.checked(ValidationHtml.of(report("t", 50, 100, Verdict.WARN)));
    double value = Double.parseDouble(Pages.only(page, "rect", "fill").getAttribute("width"));
    double limit = Double.parseDouble(Pages.only(page, "rect", "limit").getAttribute("x")) + 1;
    assertEquals(2, limit / value, 0.02);
    assertTrue(Pages.all(page, "td", "").stream().anyMatch(td -> td.getTextContent().equals("50.0 GB/srate, limit 100 GB/s")));
  }

  @Test
  void anyFigureAndAnyTextHasAPage() {
    for (double value : new double[] {0, -1, Double.NaN, Double.POSITIVE_INFINITY, Double.NEGATIVE_INFINITY, Double.MAX_VALUE, Double.MIN_VALUE}) {
      for (double limit : new double[] {0, -1, Double.NaN, Double.POSITIVE_INFINITY, Double.MAX_VALUE, Double.MIN_VALUE}) {
        Pages.checked(ValidationHtml.of(report("t", value, limit, Verdict.PASS)));
      }
    }
    Pages.checked(ValidationHtml.of(report(Pages.HOSTILE, 1, 2, Verdict.values())));
    Pages.checked(ValidationHtml.of(new Report("cpu", null, "1", "quick", 0, "", 0, null, List.of(), List.of(), null)));
  }

  @Test
  void aSavedReportIsTheSameReport() throws IOException {
    Report report = report("t", 50, 100, Verdict.PASS, Verdict.FAIL);
    String json = JsonReport.of(report);
    Report read = JsonReportReader.read(tree(json), "x");
    assertEquals(json, JsonReport.of(read));
    assertEquals(ValidationHtml.of(report), ValidationHtml.of(read));
    String h100 = Files.readString(H100);
    assertEquals(h100.strip(), JsonReport.of(JsonReportReader.read(tree(h100), "x")).strip());
  }

  @Test
  void theReportOfAnH100HasItsPage() throws IOException {
    Report report = JsonReportReader.read(JsonFile.read(H100), H100.toString());
    String html = ValidationHtml.of(report);
    assertTrue(html.length() < 300_000);
    Document page = Pages.checked(html);
    assertEquals(report.verdict().name(), Pages.only(page, "p", "verdict").getFirstChild().getTextContent());
    for (Report.Result r : report.results()) {
      assertTrue(Pages.all(page, "td", "").stream().anyMatch(td -> td.getTextContent().startsWith(r.check().id())), r.check().id());
    }
  }

  @Test
  void whatIsNoReportIsRefused() {
    String good = JsonReport.of(report("t", 1, 2, Verdict.PASS));
    for (String bad : List.of("[]", "{}", "{\"format\": \"tern-validation\"}", good.replace("\"version\" : 1", "\"version\" : 2"),
        good.replace("\"PASS\"", "\"GOOD\""), good.replace("\"device\" : {", "\"gadget\" : {"), good.replace("\"group\" : \"device\"", "\"group\" : 3"),
        good.replaceFirst("\"verdict\" : \"[A-Z]+\"", "\"verdict\" : \"WARN\""), good.replace("\"pass\" : 1", "\"pass\" : 2"), good.replace("\"checks\" :", "\"chucks\" :"))) {
      assertNotEquals(good, bad);
      assertThrows(ReportFormatException.class, () -> JsonReportReader.read(tree(bad), "file"), bad);
    }
  }
}
