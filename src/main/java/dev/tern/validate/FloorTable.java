package dev.tern.validate;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.tern.FloorsException;
import dev.tern.validate.Floors.Floor;
import dev.tern.validate.Subject.Timed;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.function.UnaryOperator;

/** Floors device by device, by the names their drivers give: rates.json beside this class, or a user's file like it (docs/validation.md). */
final class FloorTable {
  static final String FORMAT = "tern-floors";
  static final int VERSION = 1;

  private static final Map<String, String> UNITS = units();

  private final String file;
  private final Shares shares;
  private final Map<String, Map<String, Floor>> devices = new LinkedHashMap<>();

  /** Of what such a device reached: the shares below which another one is worth a look, or fails. */
  record Shares(double warn, double fail) {}

  private FloorTable(String file, Shares shares, JsonNode root) {
    this.file = file;
    this.shares = shares;
    if (!FORMAT.equals(root.path("format").textValue())) {
      throw refused("is no table of floors: its \"format\" is not \"" + FORMAT + "\"");
    }
    if (!root.path("version").isInt() || root.path("version").intValue() != VERSION) {
      throw refused("has version " + root.path("version") + " of such tables, this is version " + VERSION);
    }
    onlyThese(root, "the table", Set.of("format", "version", "about", "devices"));
    if (!root.path("devices").isArray() || root.path("devices").isEmpty()) {
      throw refused("has no list \"devices\"");
    }
    root.path("devices").forEach(this::addDevice);
  }

  /** The table that Tern comes with. */
  static FloorTable ofTern(Shares shares) {
    try (InputStream in = FloorTable.class.getResourceAsStream("rates.json")) {
      return new FloorTable("rates.json", shares, new ObjectMapper().readTree(in));
    } catch (IOException e) {
      throw new UncheckedIOException(e); // of a resource of this class there is none
    }
  }

  /**
   * A user's own.
   *
   * @throws FloorsException if it cannot be read or is no such table
   */
  static FloorTable read(Path file, Shares shares) {
    return new FloorTable(file.toString(), shares, JsonFile.read(file, FloorsException::new));
  }

  /**
   * Insists on floors for a device.
   *
   * @param device its driver's name; null if that cannot be read
   * @throws FloorsException if there are none
   */
  FloorTable with(String device) {
    if (!devices.containsKey(device)) {
      throw refused("has floors for " + String.join(", ", devices.keySet()) + ", none for " + (device == null ? "a device whose name cannot be read" : device));
    }
    return this;
  }

  /** Of a check; null if there is none. */
  Floor of(String device, String check) {
    return devices.getOrDefault(device, Map.of()).get(check);
  }

  private static Map<String, String> units() {
    Map<String, String> all = new HashMap<>(Map.of(Floors.CALL, "us"));
    for (Timed what : Timed.values()) {
      all.put(what.id(), what.unit());
    }
    return Map.copyOf(all);
  }

  private void addDevice(JsonNode device) {
    String name = text(device, "name", "a device");
    if (devices.containsKey(name)) {
      throw refused("has " + name + " twice");
    }
    String source = text(device, "source", name);
    if (device.has("as")) {
      onlyThese(device, name, Set.of("name", "source", "as"));
      Map<String, Floor> same = devices.get(text(device, "as", name));
      if (same == null) {
        throw refused("has " + name + " as " + device.path("as") + ", which does not stand before it");
      }
      devices.put(name, changed(same, floor -> new Floor(floor.warn(), floor.fail(), source)));
      return;
    }
    onlyThese(device, name, Set.of("name", "source", "floors"));
    if (!device.path("floors").isObject() || device.path("floors").isEmpty()) {
      throw refused("has no \"floors\" of " + name);
    }
    Map<String, Floor> floors = new HashMap<>();
    device.path("floors").properties().forEach(entry -> floors.put(entry.getKey(), floor(name, entry.getKey(), entry.getValue(), source)));
    devices.put(name, floors);
  }

  private static Map<String, Floor> changed(Map<String, Floor> floors, UnaryOperator<Floor> change) {
    Map<String, Floor> all = new HashMap<>();
    floors.forEach((check, floor) -> all.put(check, change.apply(floor)));
    return all;
  }

  private Floor floor(String device, String check, JsonNode node, String source) {
    String where = check + " of " + device;
    String unit = UNITS.get(check);
    if (unit == null) {
      throw refused("has a floor for " + check + ", which is no speed that is measured");
    }
    if (!unit.equals(text(node, "unit", where))) {
      throw refused("has " + where + " in " + node.path("unit") + ", it is measured in " + unit);
    }
    boolean latency = unit.equals("us");
    if (node.has("reached")) {
      onlyThese(node, where, Set.of("unit", "reached"));
      double reached = number(node, "reached", where);
      return latency ? new Floor(reached / shares.warn(), reached / shares.fail(), source) : new Floor(reached * shares.warn(), reached * shares.fail(), source);
    }
    onlyThese(node, where, Set.of("unit", "warn", "fail"));
    double warn = number(node, "warn", where);
    if (!node.has("fail")) {
      return Floor.warning(warn, source);
    }
    double fail = number(node, "fail", where);
    if (latency ? fail < warn : fail > warn) {
      throw refused("fails " + where + " at " + fail + " before it warns at " + warn);
    }
    return new Floor(warn, fail, source);
  }

  private String text(JsonNode node, String field, String where) {
    String text = node.path(field).textValue();
    if (text == null || text.isBlank()) {
      throw refused("has no text \"" + field + "\" of " + where);
    }
    return text;
  }

  private double number(JsonNode node, String field, String where) {
    double value = node.path(field).doubleValue();
    if (!node.path(field).isNumber() || !(value > 0 && value < Double.POSITIVE_INFINITY)) {
      throw refused("has " + field + " " + node.path(field) + " of " + where + ": a positive number is needed");
    }
    return value;
  }

  private void onlyThese(JsonNode node, String where, Set<String> fields) {
    node.fieldNames().forEachRemaining(field -> {
      if (!fields.contains(field)) {
        throw refused("has an unknown \"" + field + "\" in " + where);
      }
    });
  }

  private FloorsException refused(String what) {
    return new FloorsException(file + " " + what, null);
  }
}
