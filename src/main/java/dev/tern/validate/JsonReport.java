package dev.tern.validate;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.Locale;

/** A report as JSON; docs/validation.md says what stands where. */
public final class JsonReport {
  static final String FORMAT = "tern-validation";
  static final int VERSION = 1;

  private static final ObjectMapper MAPPER = new ObjectMapper().enable(SerializationFeature.INDENT_OUTPUT);

  private JsonReport() {}

  public static String of(Report report) {
    ObjectNode root = MAPPER.createObjectNode();
    root.put("format", FORMAT).put("version", VERSION).put("tern", report.version()).put("verdict", report.verdict().name());
    root.put("level", report.level()).put("minutes", report.minutes()).put("began", report.began()).put("seconds", rounded(report.seconds()));
    ObjectNode device = root.putObject("device");
    device.put("id", report.device()).put("name", report.deviceName());
    device.set("backend", Described.of(report.described()));
    ObjectNode counts = root.putObject("counts");
    for (Verdict v : Verdict.values()) {
      counts.put(v.name().toLowerCase(Locale.ROOT), report.count(v));
    }
    root.put("stopped", report.stopped());
    ArrayNode inventory = root.putArray("inventory");
    for (Inventory item : report.inventory()) {
      ObjectNode node = inventory.addObject().put("item", item.item()).put("value", item.value());
      if (item.unreadable() != null) {
        node.put("unreadable", item.unreadable());
      }
    }
    ArrayNode checks = root.putArray("checks");
    report.results().forEach(result -> add(checks.addObject(), result));
    ArrayNode notSaid = root.putArray("not_said");
    Report.NOT_SAID.forEach(notSaid::add);
    try {
      return MAPPER.writeValueAsString(root) + "\n";
    } catch (JsonProcessingException e) {
      throw new IllegalStateException(e); // a tree of nodes can always be written
    }
  }

  private static void add(ObjectNode node, Report.Result result) {
    Check check = result.check();
    node.put("id", check.id()).put("group", check.group().id()).put("what", check.what()).put("required", check.group().isRequired());
    node.put("verdict", result.outcome().verdict().name()).put("reason", result.outcome().reason());
    node.put("rounds", result.rounds()).put("seconds", rounded(result.seconds()));
    ArrayNode figures = node.putArray("figures");
    for (Figure f : result.outcome().figures()) {
      ObjectNode figure = figures.addObject().put("name", f.name()).put("value", f.value()).put("unit", f.unit());
      if (!Double.isNaN(f.limit())) {
        figure.put("limit", f.limit());
      }
    }
  }

  private static double rounded(double seconds) {
    return Math.round(seconds * 1e3) / 1e3;
  }
}
