package dev.tern.validate;

import com.fasterxml.jackson.databind.JsonNode;
import dev.tern.bench.ReportFormatException;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** Reads what {@link JsonReport} wrote: a report to look at, whose checks cannot be made again. */
public final class JsonReportReader {
  private JsonReportReader() {}

  /** Whether a tree looks like such a report. */
  public static boolean isReport(JsonNode root) {
    return JsonReport.FORMAT.equals(root.path("format").textValue());
  }

  /**
   * Reads a report.
   *
   * @param name of the file, for errors
   * @throws ReportFormatException if the tree is no report, or one of another version
   */
  public static Report read(JsonNode root, String name) {
    if (!isReport(root)) {
      throw new ReportFormatException(name + " is no report of tern validate: its \"format\" is not \"" + JsonReport.FORMAT + "\"");
    }
    if (root.path("version").asInt() != JsonReport.VERSION) {
      throw new ReportFormatException(name + " has version " + root.path("version") + " of the report, this reads " + JsonReport.VERSION);
    }
    try {
      return report(root);
    } catch (IllegalArgumentException e) {
      throw new ReportFormatException(name + ": " + e.getMessage(), e);
    }
  }

  private static Report report(JsonNode root) {
    JsonNode device = root.path("device");
    List<Inventory> inventory = new ArrayList<>();
    root.path("inventory").forEach(i -> inventory.add(new Inventory(text(i, "item"), i.path("value").textValue(), i.path("unreadable").textValue())));
    List<Report.Result> results = new ArrayList<>();
    if (!root.path("checks").isArray()) {
      throw new IllegalArgumentException("\"checks\" is no list");
    }
    root.path("checks").forEach(c -> results.add(result(c)));
    JsonNode backend = device.path("backend");
    Report report = new Report(text(device, "id"), device.path("name").textValue(), text(root, "tern"), text(root, "level"), root.path("minutes").asDouble(),
        text(root, "began"), root.path("seconds").asDouble(), backend.isContainerNode() ? backend.toString() : null, inventory, results,
        root.path("stopped").textValue());
    for (Verdict v : Verdict.values()) {
      JsonNode count = root.path("counts").path(v.name().toLowerCase(Locale.ROOT));
      if (!count.isIntegralNumber() || count.longValue() != report.count(v)) {
        throw new IllegalArgumentException("\"counts\" do not agree with its checks: " + report.count(v) + " are " + v);
      }
    }
    if (constant(Verdict.class, text(root, "verdict")) != report.verdict()) {
      throw new IllegalArgumentException("\"verdict\" does not agree with its checks, which say " + report.verdict());
    }
    return report;
  }

  private static Report.Result result(JsonNode node) {
    String id = text(node, "id");
    Check check = new Check(id, constant(Group.class, text(node, "group")), text(node, "what"), false, round -> {
      throw new UnsupportedOperationException(id + " is of a saved report");
    });
    List<Figure> figures = new ArrayList<>();
    node.path("figures").forEach(f -> figures.add(new Figure(text(f, "name"), number(f, "value"), text(f, "unit"), number(f, "limit"))));
    Outcome outcome = new Outcome(constant(Verdict.class, text(node, "verdict")), text(node, "reason"), figures);
    return new Report.Result(check, outcome, node.path("rounds").asInt(1), node.path("seconds").asDouble());
  }

  private static <E extends Enum<E>> E constant(Class<E> type, String name) {
    for (E value : type.getEnumConstants()) {
      if (value.name().equals(name.toUpperCase(Locale.ROOT))) {
        return value;
      }
    }
    throw new IllegalArgumentException("no " + type.getSimpleName().toLowerCase(Locale.ROOT) + " is called \"" + name + "\"");
  }

  private static String text(JsonNode node, String field) {
    JsonNode value = node.path(field);
    if (!value.isTextual()) {
      throw new IllegalArgumentException("\"" + field + "\" is " + (value.isMissingNode() ? "missing" : value + ", no text"));
    }
    return value.textValue();
  }

  /** JSON writes what is not finite as a text, or not at all. */
  private static double number(JsonNode node, String field) {
    return node.path(field).isNumber() ? node.path(field).doubleValue() : Double.NaN;
  }
}
