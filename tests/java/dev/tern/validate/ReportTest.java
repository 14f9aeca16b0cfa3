package dev.tern.validate;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.ByteArrayInputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import javax.xml.parsers.DocumentBuilderFactory;
import org.junit.jupiter.api.Test;
import org.w3c.dom.Document;
import org.w3c.dom.Element;

class ReportTest {
  private static final String UGLY = "<&>\"' \u0000\u0007 \ud800 \uffff \ud83d\ude00 ]]> \n\t";

  private static Report report(Verdict... verdicts) {
    List<Report.Result> results = new ArrayList<>();
    Group[] groups = {Group.CORRECTNESS, Group.CORRUPTION, Group.HEALTH, Group.SPEED};
    for (int i = 0; i < verdicts.length; i++) {
      Check check = Check.once("check." + i, groups[i % groups.length], "what " + UGLY, round -> Outcome.pass(""));
      results.add(new Report.Result(check, Outcome.of(verdicts[i], UGLY, new Figure("rate", 2.5, "GB/s", 2), Figure.count("n", 3)), 1, 0.25));
    }
    return new Report("cuda:0", "a GPU", "1.0", "quick", 0, "2026-01-02T03:04:05Z", 1.5, "{\"backend\": \"cuda\"}",
        List.of(new Inventory("name", "a GPU", null), new Inventory("power", null, "not supported")), results, null);
  }

  @Test
  void theWorstDecidesAndUnknownOnlyWhereItMatters() {
    assertEquals(Verdict.PASS, report(Verdict.PASS, Verdict.PASS, Verdict.PASS, Verdict.PASS).verdict());
    assertEquals(Verdict.PASS, report(Verdict.PASS, Verdict.PASS, Verdict.UNKNOWN, Verdict.UNKNOWN).verdict());
    assertEquals(Verdict.UNKNOWN, report(Verdict.PASS, Verdict.UNKNOWN, Verdict.PASS, Verdict.PASS).verdict());
    assertEquals(Verdict.WARN, report(Verdict.PASS, Verdict.UNKNOWN, Verdict.WARN, Verdict.PASS).verdict());
    assertEquals(Verdict.FAIL, report(Verdict.PASS, Verdict.UNKNOWN, Verdict.WARN, Verdict.FAIL).verdict());
    assertEquals(Verdict.UNKNOWN, report().verdict(), "nothing was checked");
  }

  @Test
  void jsonHasWhatTheDocumentationSays() throws Exception {
    JsonNode root = new ObjectMapper().readTree(JsonReport.of(report(Verdict.PASS, Verdict.FAIL, Verdict.WARN, Verdict.UNKNOWN)));
    String docs = Files.readString(Path.of("docs/validation.md"));
    List<JsonNode> nodes = List.of(root, root.path("device"), root.path("counts"), root.path("inventory").path(1), root.path("checks").path(0),
        root.path("checks").path(0).path("figures").path(0));
    for (JsonNode node : nodes) {
      assertTrue(node.size() > 0);
      node.fieldNames().forEachRemaining(name -> assertTrue(docs.contains("`" + name + "`"), name + " is not in docs/validation.md"));
    }
    assertEquals("FAIL", root.path("verdict").asText());
    assertEquals(1, root.path("counts").path("warn").asInt());
    assertEquals("cuda", root.path("device").path("backend").path("backend").asText());
    assertEquals("not supported", root.path("inventory").path(1).path("unreadable").asText());
    assertEquals(2, root.path("checks").path(0).path("figures").path(0).path("limit").asDouble());
    assertFalse(root.path("checks").path(0).path("figures").path(1).has("limit"));
    assertTrue(root.path("not_said").size() > 3);
  }

  @Test
  void junitXmlIsWellFormedWhateverTheTexts() throws Exception {
    String xml = JunitReport.of(report(Verdict.PASS, Verdict.FAIL, Verdict.WARN, Verdict.UNKNOWN, Verdict.FAIL));
    Document document = DocumentBuilderFactory.newInstance().newDocumentBuilder().parse(new ByteArrayInputStream(xml.getBytes(StandardCharsets.UTF_8)));
    Element root = document.getDocumentElement();
    assertEquals("testsuites", root.getTagName());
    assertEquals("5", root.getAttribute("tests"));
    assertEquals("2", root.getAttribute("failures"));
    assertEquals("1", root.getAttribute("skipped"));
    assertEquals(5, document.getElementsByTagName("testcase").getLength());
    assertEquals(2, document.getElementsByTagName("failure").getLength());
    assertEquals(1, document.getElementsByTagName("skipped").getLength());
    String message = ((Element) document.getElementsByTagName("failure").item(0)).getAttribute("message");
    assertEquals("<&>\"' \ufffd\ufffd \ufffd \ufffd \ud83d\ude00 ]]> \n\t", message);
  }
}
