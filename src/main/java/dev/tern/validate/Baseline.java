package dev.tern.validate;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.tern.BaselineException;
import dev.tern.validate.Floors.Floor;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;

/** The speeds of a former report of the same kind of device, which a new one is held to. */
public final class Baseline {
  /** Of a former rate; a latency may be as much longer. */
  static final double WARN = 0.90;
  static final double FAIL = 0.75;
  private static final long MAX_BYTES = 16L << 20;

  private final String name;
  private final Map<String, Double> speeds;

  private Baseline(String name, Map<String, Double> speeds) {
    this.name = name;
    this.speeds = speeds;
  }

  /**
   * Reads a report that {@code tern validate --json} wrote.
   *
   * @param device name of the device that is validated
   * @throws BaselineException if it cannot be read, is no such report, or is one of another device
   */
  public static Baseline read(Path file, String device) {
    JsonNode root;
    try {
      if (Files.size(file) > MAX_BYTES) {
        throw new BaselineException(file + " is no report of tern validate: it has more than " + MAX_BYTES + " bytes", null);
      }
      root = new ObjectMapper().readTree(Files.readAllBytes(file));
    } catch (JsonProcessingException e) {
      throw new BaselineException(file + " is not JSON: " + e.getOriginalMessage(), e);
    } catch (IOException e) {
      throw new BaselineException(file + " cannot be read: " + e, e);
    }
    if (root == null || !JsonReport.FORMAT.equals(root.path("format").textValue())) {
      throw new BaselineException(file + " is no report of tern validate: its \"format\" is not \"" + JsonReport.FORMAT + "\"", null);
    }
    if (root.path("version").intValue() != JsonReport.VERSION) {
      throw new BaselineException(file + " has version " + root.path("version") + " of the report, this is version " + JsonReport.VERSION, null);
    }
    String of = root.path("device").path("name").asText("");
    if (device != null && !of.equals(device)) {
      throw new BaselineException(file + " is a report of " + of + ", and the device here is " + device, null);
    }
    Map<String, Double> speeds = new HashMap<>();
    for (JsonNode check : root.path("checks")) {
      JsonNode figure = check.path("figures").path(0);
      if (Group.SPEED.id().equals(check.path("group").textValue()) && figure.path("value").isNumber()) {
        double value = figure.path("value").doubleValue();
        if (!(value > 0 && value < Double.POSITIVE_INFINITY)) {
          throw new BaselineException(file + ": the speed of " + check.path("id").asText() + " is " + figure.path("value"), null);
        }
        speeds.put(check.path("id").asText(), figure.path("value").doubleValue());
      }
    }
    if (speeds.isEmpty()) {
      throw new BaselineException(file + " has no speeds: nothing to compare with", null);
    }
    return new Baseline(file.getFileName().toString(), speeds);
  }

  /** Limits of a check's speed; null if the former report has none of it. */
  Floor of(String id, boolean latency) {
    Double former = speeds.get(id);
    if (former == null) {
      return null;
    }
    return latency ? new Floor(former / WARN, former / FAIL, name) : new Floor(former * WARN, former * FAIL, name);
  }
}
