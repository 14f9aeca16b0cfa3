package dev.tern.validate;

import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;

/**
 * A report as JUnit XML, as build servers read it: a FAIL is a failure, an UNKNOWN is skipped, a WARN passes and says so in its output. Written
 * by hand: java.xml is no module of the bundle's runtime.
 */
public final class JunitReport {
  private JunitReport() {}

  public static String of(Report report) {
    StringBuilder xml = new StringBuilder("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    xml.append(String.format(Locale.ROOT, "<testsuites name=\"tern validate\" tests=\"%d\" failures=\"%d\" skipped=\"%d\" time=\"%.3f\">%n",
        report.results().size(), report.count(Verdict.FAIL), report.count(Verdict.UNKNOWN), report.seconds()));
    Map<Group, List<Report.Result>> groups = report.results().stream()
        .collect(Collectors.groupingBy(r -> r.check().group(), () -> new EnumMap<>(Group.class), Collectors.toList()));
    groups.forEach((group, results) -> suite(xml, report, group, results));
    return xml.append("</testsuites>\n").toString();
  }

  private static void suite(StringBuilder xml, Report report, Group group, List<Report.Result> results) {
    xml.append(String.format(Locale.ROOT, "  <testsuite name=\"%s\" tests=\"%d\" failures=\"%d\" skipped=\"%d\" timestamp=\"%s\" time=\"%.3f\">%n",
        escaped(report.device() + "." + group.id()), results.size(), count(results, Verdict.FAIL), count(results, Verdict.UNKNOWN),
        escaped(report.began()), results.stream().mapToDouble(Report.Result::seconds).sum()));
    for (Report.Result r : results) {
      xml.append(String.format(Locale.ROOT, "    <testcase classname=\"%s\" name=\"%s\" time=\"%.3f\">%n", escaped("tern.validate." + group.id()),
          escaped(r.check().id()), r.seconds()));
      String reason = escaped(r.outcome().reason());
      switch (r.outcome().verdict()) {
        case FAIL -> xml.append("      <failure message=\"").append(reason).append("\">").append(escaped(r.check().what())).append("</failure>\n");
        case UNKNOWN -> xml.append("      <skipped message=\"").append(reason).append("\"/>\n");
        case WARN -> xml.append("      <system-out>WARN: ").append(reason).append("</system-out>\n");
        case PASS -> xml.append("      <system-out>").append(reason).append("</system-out>\n");
      }
      xml.append("    </testcase>\n");
    }
    xml.append("  </testsuite>\n");
  }

  private static long count(List<Report.Result> results, Verdict verdict) {
    return results.stream().filter(r -> r.outcome().verdict() == verdict).count();
  }

  /** For text and for attributes. What XML 1.0 cannot hold becomes U+FFFD. */
  static String escaped(String text) {
    StringBuilder out = new StringBuilder();
    text.codePoints().forEach(c -> {
      switch (c) {
        case '&' -> out.append("&amp;");
        case '<' -> out.append("&lt;");
        case '>' -> out.append("&gt;");
        case '"' -> out.append("&quot;");
        case '\n', '\r', '\t' -> out.append("&#").append(c).append(';');
        default -> {
          boolean allowed = c >= 0x20 && c <= 0xd7ff || c >= 0xe000 && c <= 0xfffd || c >= 0x10000;
          out.appendCodePoint(allowed ? c : 0xfffd);
        }
      }
    });
    return out.toString();
  }
}
