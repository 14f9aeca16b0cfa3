package dev.tern.report;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.tern.bench.Ceilings;
import dev.tern.bench.KernelCase;
import dev.tern.bench.KernelOp;
import dev.tern.bench.KernelPeak;
import dev.tern.bench.KernelReport;
import dev.tern.bench.KernelReportJson;
import dev.tern.bench.KernelReports;
import dev.tern.bench.KernelResult;
import dev.tern.bench.KernelTimes;
import dev.tern.bench.KernelWork;
import dev.tern.bench.PeerResult;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.w3c.dom.Document;
import org.w3c.dom.Element;

class KernelHtmlTest {
  private static final Path H100 = Path.of("docs/validation/h100-kernels.json");

  private static KernelTimes times(double median) {
    return new KernelTimes(KernelReports.around(median, 0.01 * median), 3, Double.NaN, 0.03);
  }

  /** Of ops operations and bytes bytes, with a peer that takes twice as long. */
  private static KernelResult result(KernelOp op, String shape, long ops, long bytes, double seconds) {
    return new KernelResult(KernelCase.of(op, "F16", shape, true).orElseThrow(), "a kernel", new KernelWork(KernelPeak.F32, ops, bytes, 0), times(seconds), null,
        List.of(new PeerResult("peer", "1", times(2 * seconds), ""), new PeerResult("other", "2", null, "no such op")));
  }

  private static KernelReport report(KernelResult... results) {
    return KernelReports.report(results);
  }

  /** The tips of marks of a plot, by the plot's place on the page. */
  private static List<Element> marks(Document page, int plot) {
    List<Element> marks = new ArrayList<>();
    Element svg = Pages.all(page, "svg", "plot").get(plot);
    for (String tag : new String[] {"path", "rect"}) {
      for (int i = 0; i < svg.getElementsByTagName(tag).getLength(); i++) {
        Element e = (Element) svg.getElementsByTagName(tag).item(i);
        if (e.getElementsByTagName("title").getLength() > 0) {
          marks.add(e);
        }
      }
    }
    return marks;
  }

  private static double[] place(Element mark) {
    Matcher m = Pattern.compile("translate\\(([-0-9.]+) ([-0-9.]+)\\)").matcher(mark.getAttribute("transform"));
    assertTrue(m.matches());
    return new double[] {Double.parseDouble(m.group(1)), Double.parseDouble(m.group(2))};
  }

  private static Element with(List<Element> marks, String tip) {
    return marks.stream().filter(e -> e.getTextContent().startsWith(tip)).findFirst().orElseThrow();
  }

  @Test
  void theRooflineHoldsItsPoints() {
    // 10 GB/s and 100 Gop/s meet at 10 operations per byte: both cases are at the roof.
    Document page = Pages.checked(KernelHtml.of(report(result(KernelOp.DENSE, "1x10x10", 1_000_000, 1_000_000, 1e-4),
        result(KernelOp.DENSE, "9x10x10", 100_000_000, 1_000_000, 1e-3))));
    List<Element> marks = marks(page, 0);
    double[] memory = place(with(marks, "#1 dense"));
    double[] arithmetic = place(with(marks, "#2 dense"));
    String roof = Pages.all(page, "path", "line").stream().map(e -> e.getAttribute("d"))
        .filter(d -> d.chars().filter(c -> c == 'M').count() == 2).findFirst().orElseThrow();
    Matcher m = Pattern.compile("M([0-9.]+) ([0-9.]+)L([0-9.]+) ([0-9.]+)M([0-9.]+) ([0-9.]+)L([0-9.]+) ([0-9.]+)").matcher(roof);
    assertTrue(m.matches(), roof);
    double[] p = new double[8];
    for (int i = 0; i < 8; i++) {
      p[i] = Double.parseDouble(m.group(i + 1));
    }
    assertEquals(p[1] + (p[3] - p[1]) * (memory[0] - p[0]) / (p[2] - p[0]), memory[1], 0.3, "on the slope");
    assertEquals(p[5], arithmetic[1], 0.2, "on the level part");
    assertEquals(p[2], p[4], 0.2, "which begins where the slope ends");
    assertTrue(with(marks, "#1 dense").getTextContent().contains("100 % of bandwidth, 10.0 % of the f32 peak"), with(marks, "#1 dense").getTextContent());
    assertTrue(with(marks, "peer on #1").getTextContent().endsWith("2 × Tern's time"));
    assertTrue(place(with(marks, "peer on #1"))[1] > memory[1], "half as fast is below");
    assertEquals(place(with(marks, "peer on #1"))[0], memory[0], 1e-9);
  }

  @Test
  void theWaterRisesToWhatTheMemoryAllows() {
    // 1 op/B of 10 GB/s is a tenth of 100 Gop/s; the second is free of the memory, and reaches a half.
    Document page = Pages.checked(KernelHtml.of(report(result(KernelOp.DENSE, "1x10x10", 1_000_000, 1_000_000, 1e-3),
        result(KernelOp.TERNARY, "9x10x10", 100_000_000, 1_000_000, 2e-3))));
    List<Element> bars = marks(page, 2).stream().filter(e -> e.getTagName().equals("rect")).toList();
    List<Element> water = bars.stream().filter(e -> e.getTextContent().contains("the memory allows")).toList();
    assertTrue(water.get(0).getTextContent().endsWith("the memory allows 10.0 % of the peak") && water.get(1).getTextContent().endsWith("100 % of the peak"));
    List<Element> reached = bars.stream().filter(e -> !e.getTextContent().contains("the memory allows")).toList();
    double decade = Double.parseDouble(water.get(0).getAttribute("y")) - Double.parseDouble(water.get(1).getAttribute("y"));
    assertTrue(decade > 10);
    assertEquals(Double.parseDouble(water.get(0).getAttribute("y")) + decade, Double.parseDouble(reached.get(0).getAttribute("y")), 0.3, "1 % reached");
    assertEquals(Double.parseDouble(water.get(1).getAttribute("y")) + Math.log10(2) * decade, Double.parseDouble(reached.get(1).getAttribute("y")), 0.3, "50 % reached");
  }

  @Test
  void theGapIsTheInverseOfTheEfficiency() {
    Document page = Pages.checked(KernelHtml.of(report(result(KernelOp.DENSE, "1x10x10", 1_000_000, 1_000_000, 1e-3),
        result(KernelOp.DENSE, "9x10x10", 10_000_000, 1_000_000, 1e-3))));
    List<Element> marks = marks(page, 1);
    String gaps = Pages.all(page, "path", "faint").get(0).getAttribute("d");
    Matcher m = Pattern.compile("M[0-9.]+ ([0-9.]+)L[0-9.]+ ([0-9.]+)M[0-9.]+ ([0-9.]+)L[0-9.]+ ([0-9.]+)").matcher(gaps);
    assertTrue(m.matches(), gaps);
    double first = Double.parseDouble(m.group(1)) - Double.parseDouble(m.group(2));
    double second = Double.parseDouble(m.group(3)) - Double.parseDouble(m.group(4));
    // Ideal are 10 µs and 100 µs, both take 1 ms: efficiencies of 0.01 and 0.1, two decades and one.
    assertEquals(2, first / second, 0.01);
    assertTrue(second > 10);
    assertEquals(place(with(marks, "#1"))[1], Double.parseDouble(m.group(2)), 0.11);
  }

  private static KernelResult named(String kernel, String shape, double seconds) {
    KernelResult r = result(KernelOp.TERNARY, shape, 1000, 1000, seconds);
    return new KernelResult(r.kernelCase().withKernel(kernel), kernel, r.work(), r.times(), null, List.of());
  }

  @Test
  void kernelsByNameAreALineEach() {
    Document page = Pages.checked(KernelHtml.of(report(named("scalar", "1x10x10", 1e-5), named("lookup", "1x10x10", 2e-5), named("scalar", "8x10x10", 3e-5),
        named("lookup", "8x10x10", 4e-5))));
    List<String> lines = marks(page, 3).stream().map(Element::getTextContent).map(text -> text.replaceAll(":.*", "")).toList();
    assertEquals(List.of("Tern, ternary F16 1x10x10 cold scalar", "Tern, ternary F16 8x10x10 cold scalar", "Tern, ternary F16 1x10x10 cold lookup",
        "Tern, ternary F16 8x10x10 cold lookup"), lines);
  }

  @Test
  void casesThatDifferInOneSizeAreALine() {
    Document page = Pages.checked(KernelHtml.of(report(result(KernelOp.ATTENTION_DECODE, "1x1024x4/2x64", 1000, 1000, 1e-5),
        result(KernelOp.ATTENTION_DECODE, "1x4096x4/2x64", 4000, 4000, 4e-5), result(KernelOp.ATTENTION_DECODE, "8x4096x4/2x64", 32000, 32000, 8e-5),
        result(KernelOp.DENSE, "1x10x10", 100, 100, 1e-6))));
    List<String> plots = Pages.all(page, "figure", "").stream().map(f -> f.getElementsByTagName("h3").item(0).getTextContent()).toList();
    assertEquals(List.of("Roofline", "Efficiency gap", "Waterline", "Latency against context length", "Scaling with rows: attention_decode"), plots);
    List<Element> context = marks(page, 3);
    assertEquals(4, context.size(), "two of Tern, two of the peer");
    List<Element> rows = marks(page, 4).stream().filter(e -> e.getTextContent().startsWith("Tern")).toList();
    double[] one = place(rows.get(0));
    double[] eight = place(rows.get(1));
    Matcher ideal = Pattern.compile("M([0-9.]+) ([0-9.]+)L([0-9.]+) ([0-9.]+)").matcher(
        Pages.all(page, "path", "dashed").stream().filter(e -> e.getAttribute("class").contains("cn")).map(e -> e.getAttribute("d")).filter(d -> !d.startsWith("M-"))
            .reduce((a, b) -> b).orElseThrow());
    assertTrue(ideal.matches());
    assertEquals(one[1], Double.parseDouble(ideal.group(2)), 0.11, "begins on the ideal line");
    double ofIdeal = (one[1] - eight[1]) / (one[1] - Double.parseDouble(ideal.group(4)));
    assertEquals(2.0 / 3, ofIdeal, 0.01, "eight rows in twice the time: 4 times the rows a second, of 8");
  }

  @Test
  void whatTheReportLacksIsSaidWithTheCommand() {
    for (KernelReport report : List.of(report(), report(KernelReports.result(9, 1e-3)))) {
      Document page = Pages.checked(KernelHtml.of(report));
      List<String> commands = Pages.all(page, "code", "").stream().map(Element::getTextContent).toList();
      assertEquals(2, commands.size());
      for (String command : commands) {
        String[] words = command.split(" ");
        assertEquals("tern bench kernel", String.join(" ", words[0], words[1], words[2]));
        for (String shape : words[words.length - 1].split(",")) {
          assertTrue(KernelCase.of(KernelOp.of(words[3]), "F16", shape, true).isPresent(), shape);
        }
      }
    }
  }

  @Test
  void noFigureBreaksThePage() {
    for (double seconds : new double[] {Double.MIN_VALUE, 1e-300, 1e-9, 1, 1e300, Double.MAX_VALUE}) {
      for (long n : new long[] {0, 1, Long.MAX_VALUE}) {
        for (double ceiling : new double[] {0, Double.NaN, Double.POSITIVE_INFINITY, 1e-300, 1e300}) {
          KernelResult r = new KernelResult(KernelCase.of(KernelOp.DENSE, "F16", "1x2x3", false).orElseThrow(), "", new KernelWork(KernelPeak.INT8, n, n, 0),
              new KernelTimes(new double[] {seconds}, 1, 1, 0), null, List.of());
          KernelReport base = report(r, KernelResult.unsupported(r.kernelCase().withCold(true), "no"));
          Pages.checked(KernelHtml.of(new KernelReport(base.version(), base.date(), base.machine(), base.device(), base.deviceName(), "no JSON", base.options(),
              new Ceilings(ceiling, ceiling, Map.of(KernelPeak.INT8, ceiling, KernelPeak.F32, 1.0), 0), null, base.notes(), base.results())));
        }
      }
    }
  }

  /** A share of the peak that no double holds, beside one that is usual. */
  @Test
  void whatIsTooLargeIsNotDrawn() {
    KernelReport base = report(result(KernelOp.DENSE, "1x10x10", 1_000_000, 1_000_000, 1e-3), result(KernelOp.DENSE, "9x10x10", 1, 1_000_000, 1e-308),
        result(KernelOp.DENSE, "8x10x10", 1_000_000, 1_000_000, 1e-40));
    KernelReport low = new KernelReport(base.version(), base.date(), base.machine(), base.device(), base.deviceName(), base.description(), base.options(),
        new Ceilings(10e9, 10e9, Map.of(KernelPeak.F32, 0.7), 0), null, base.notes(), base.results());
    Document page = assertTimeoutPreemptively(Duration.ofSeconds(60), () -> Pages.checked(KernelHtml.of(low)));
    List<String> bars = marks(page, 2).stream().map(Element::getTextContent).filter(text -> text.startsWith("#") && !text.contains("the memory allows")).toList();
    assertEquals(1, bars.size(), bars.toString());
    assertTrue(bars.get(0).startsWith("#1 dense"));
  }

  @Test
  void linesBeginAtOneWhateverTheirRows() {
    Document page = Pages.checked(KernelHtml.of(report(result(KernelOp.DENSE, "8x10x10", 800, 100, 1e-5), result(KernelOp.DENSE, "16x10x10", 1600, 100, 1e-5),
        result(KernelOp.DENSE, "64x10x10", 6400, 100, 8e-5))));
    List<String> plots = Pages.all(page, "figure", "").stream().map(f -> f.getElementsByTagName("h3").item(0).getTextContent()).toList();
    assertEquals("Scaling with rows: dense", plots.get(4), "after one without a picture");
    Element svg = Pages.all(page, "svg", "plot").get(3);
    List<double[]> rows = marks(page, 3).stream().filter(e -> e.getTextContent().startsWith("Tern")).map(KernelHtmlTest::place).toList();
    double y1 = tick(svg, "1×");
    double doubling = y1 - tick(svg, "2×");
    assertTrue(doubling > 10);
    assertEquals(y1, rows.get(0)[1], 0.2, "the base is 1");
    assertEquals(y1 - doubling, rows.get(1)[1], 0.2, "twice the rows in the same time");
    assertEquals(y1, rows.get(2)[1], 0.2, "8 times the rows in 8 times the time");
    Matcher ideal = Pattern.compile("M([0-9.]+) ([0-9.]+)L([0-9.]+) ([0-9.]+)").matcher(Pages.all(page, "path", "dashed").stream()
        .filter(e -> e.getAttribute("class").contains("cn") && e.getParentNode().getParentNode() == svg).map(e -> e.getAttribute("d")).findFirst().orElseThrow());
    assertTrue(ideal.matches());
    assertEquals(rows.get(0)[0], Double.parseDouble(ideal.group(1)), 0.2);
    assertEquals(y1, Double.parseDouble(ideal.group(2)), 0.2, "so does the ideal line");
    assertEquals(rows.get(2)[0], Double.parseDouble(ideal.group(3)), 0.2);
    assertEquals(y1 - 3 * doubling, Double.parseDouble(ideal.group(4)), 0.3, "8 times the rows: 8 times as many a second");
  }

  /** The height of a tick's text, less what it stands below its line. */
  private static double tick(Element svg, String words) {
    for (int i = 0; i < svg.getElementsByTagName("text").getLength(); i++) {
      Element e = (Element) svg.getElementsByTagName("text").item(i);
      if (e.getTextContent().equals(words)) {
        return Double.parseDouble(e.getAttribute("y")) - 4;
      }
    }
    throw new AssertionError("no tick " + words);
  }

  @Test
  void peersAreDoubtedToo() {
    KernelResult calm = result(KernelOp.DENSE, "1x10x10", 100, 100, 1e-3);
    KernelTimes wide = new KernelTimes(KernelReports.around(2e-3, 2e-3), 1, Double.NaN, 0.03);
    KernelResult wild = new KernelResult(calm.kernelCase(), "", calm.work(), calm.times(), null, List.of(new PeerResult("wild", "1", wide, "")));
    assertTrue(KernelHtml.of(report(calm)).contains("All 2 medians are known"));
    String html = KernelHtml.of(report(wild));
    assertTrue(html.contains("1 of 2 figures are doubtful"));
    assertTrue(Pages.all(Pages.checked(html), "tr", "sub").get(0).getTextContent().contains(wide.doubts().get(0)));
  }

  /** Peers of each case with names of their own, more than are read from a file: each is looked at once. */
  @Test
  void manyPeersAreDrawn() {
    KernelResult[] results = new KernelResult[64];
    for (int i = 0; i < results.length; i++) {
      KernelResult r = result(KernelOp.DENSE, (1 + i) + "x10x10", 100, 100, 1e-3);
      results[i] = new KernelResult(r.kernelCase(), "", r.work(), r.times(), null, List.of(new PeerResult("peer " + i, "1", r.times(), "")));
    }
    Document page = Pages.checked(KernelHtml.of(report(results)));
    assertEquals(64, marks(page, 0).stream().filter(e -> e.getTextContent().startsWith("peer ")).count());
  }

  @Test
  void hostileTextsStayTexts() {
    String x = Pages.HOSTILE;
    KernelCase c = new KernelCase(KernelOp.DENSE, x, 1, 2, 3, 0, 0, 0, true);
    KernelResult r = new KernelResult(c, x, new KernelWork(KernelPeak.F32, 10, 10, 10), times(1e-3), null,
        List.of(new PeerResult(x, x, times(1e-3), x), new PeerResult(x + "2", x, null, x)));
    KernelReport base = report();
    Document page = Pages.checked(KernelHtml.of(new KernelReport(x, x, Map.of(x, x), x, x, "{\"a\":\"<b>\"}", Map.of(x, x), base.ceilings(), null, List.of(x),
        List.of(r, KernelResult.unsupported(c, x)))));
    assertTrue(Pages.only(page, "h1", "").getTextContent().startsWith("Kernels of <script>alert(1)</script>"));
  }

  @Test
  void theReportOfAnH100HasItsPage() throws IOException {
    KernelReport report = KernelReportJson.read(Files.readString(H100), H100.toString());
    String html = KernelHtml.of(report);
    assertEquals(html, KernelHtml.of(report), "the same each time");
    assertTrue(html.length() < 300_000, html.length() + " characters");
    Document page = Pages.checked(html);
    assertEquals(7, Pages.all(page, "svg", "plot").size());
    assertFalse(html.contains("http:"));
    long figures = report.results().stream().filter(r -> r.work().ops() > 0).count();
    assertEquals(figures, marks(page, 0).stream().filter(e -> e.getTextContent().startsWith("#")).count(), "a mark for each case");
    assertEquals(report.results().size() + report.results().stream().flatMap(r -> r.peers().stream()).filter(p -> p.times() != null).count(),
        Pages.all(page, "tbody", "").get(1).getElementsByTagName("tr").getLength(), "a row for each case and peer");
  }
}
