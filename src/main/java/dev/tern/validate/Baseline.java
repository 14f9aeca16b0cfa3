package dev.tern.validate;

import com.fasterxml.jackson.databind.JsonNode;
import dev.tern.BaselineException;
import dev.tern.validate.Floors.Floor;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.Objects;

/** The speeds of a former report of the same kind of device, which a new one is held to. */
public final class Baseline {
  /** Of a former rate; a latency may be as much longer. */
  static final double WARN = 0.90;
  static final double FAIL = 0.75;

  /**
   * What tells whether two reports are of the same kind of device.
   *
   * @param name of the maker; null if it cannot be read
   * @param backend "cpu", "cuda"
   * @param threads of a processor, else 0
   */
  public record Kind(String name, String backend, int threads) {
    /** @param described by the backend, as JSON; null if the device did not open */
    static Kind of(String name, String described) {
      JsonNode chosen = Described.of(described);
      return new Kind(name, chosen.path("backend").asText(""), chosen.path("threads").asInt(0));
    }
  }

  private final String name;
  private final Map<String, Double> speeds;

  private Baseline(String name, Map<String, Double> speeds) {
    this.name = name;
    this.speeds = speeds;
  }

  /**
   * Reads a report that {@code tern validate --json} wrote.
   *
   * @param device what is validated
   * @throws BaselineException if it cannot be read, is no such report, or is one of another device
   */
  public static Baseline read(Path file, Kind device) {
    JsonNode root = JsonFile.read(file, BaselineException::new);
    if (!JsonReport.FORMAT.equals(root.path("format").textValue())) {
      throw new BaselineException(file + " is no report of tern validate: its \"format\" is not \"" + JsonReport.FORMAT + "\"", null);
    }
    if (!root.path("version").isInt() || root.path("version").intValue() != JsonReport.VERSION) {
      throw new BaselineException(file + " has version " + root.path("version") + " of the report, this is version " + JsonReport.VERSION, null);
    }
    JsonNode of = root.path("device");
    String name = of.path("name").textValue();
    if (!Objects.equals(name, device.name())) { // a name that cannot be read is no name of any device
      throw new BaselineException(file + " is a report of " + orNameless(name) + ", and the device here is " + orNameless(device.name()), null);
    }
    String kind = of.path("backend").path("backend").asText("");
    if (!kind.equals(device.backend())) {
      throw new BaselineException(file + " is a report of the backend \"" + kind + "\", and this one is \"" + device.backend() + "\"", null);
    }
    int threads = of.path("backend").path("threads").asInt(0);
    if (threads != device.threads()) {
      throw new BaselineException(file + " is a report of " + threads + " threads, and here are " + device.threads() + " (--threads)", null);
    }
    Map<String, Double> speeds = new HashMap<>();
    for (JsonNode check : root.path("checks")) {
      JsonNode figure = check.path("figures").path(0);
      if (Group.SPEED.id().equals(check.path("group").textValue()) && !figure.isMissingNode()) { // one that was not made has none
        double value = figure.path("value").doubleValue();
        if (!figure.path("value").isNumber() || !(value > 0 && value < Double.POSITIVE_INFINITY)) {
          throw new BaselineException(file + ": the speed of " + check.path("id") + " is " + figure.path("value") + ", no positive number", null);
        }
        speeds.put(check.path("id").asText(), value);
      }
    }
    if (speeds.isEmpty()) {
      throw new BaselineException(file + " has no speeds: nothing to compare with", null);
    }
    return new Baseline(file.getFileName().toString(), speeds);
  }

  private static String orNameless(String name) {
    return name == null ? "a device whose name could not be read" : name;
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
