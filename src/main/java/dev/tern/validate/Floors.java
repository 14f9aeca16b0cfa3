package dev.tern.validate;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.tern.validate.Subject.Timed;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;

/** What a device must reach, by its name: out of floors.json beside this class, which names its sources. */
final class Floors {
  /**
   * Limits of one figure.
   *
   * @param warn from here on it is worth a look; of rates a least, of latencies a most
   * @param source where they come from
   */
  record Floor(double warn, double fail, String source) {}

  private final JsonNode table;
  private final JsonNode device;
  private final boolean cuda;

  private Floors(JsonNode table, JsonNode device, boolean cuda) {
    this.table = table;
    this.device = device;
    this.cuda = cuda;
  }

  /** @param deviceName as its driver has it; null if that cannot be read */
  static Floors of(String deviceName, boolean cuda) {
    try (InputStream in = Floors.class.getResourceAsStream("floors.json")) {
      JsonNode table = new ObjectMapper().readTree(in);
      JsonNode found = null;
      for (JsonNode d : table.path("devices")) {
        if (found == null && deviceName != null && deviceName.startsWith(d.path("name").asText())) {
          found = d;
        }
      }
      return new Floors(table, found, cuda);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Of a speed, in GB/s or microseconds; null if there is none. */
  Floor of(Timed what) {
    return switch (what) {
      case READ -> device == null ? null : read(device);
      case LAUNCH -> cuda ? latency("launch") : null;
      case STEP -> cuda ? latency("step") : null;
      default -> null;
    };
  }

  /** Of a call from Java, in microseconds. */
  Floor ofCall() {
    return latency("call");
  }

  private Floor read(JsonNode d) {
    double sheet = d.path("memory_GBs").asDouble();
    return new Floor(sheet * table.path("read_warn").asDouble(), sheet * table.path("read_fail").asDouble(), d.path("source").asText());
  }

  private Floor latency(String what) {
    return new Floor(table.path(what + "_warn_us").asDouble(), table.path(what + "_fail_us").asDouble(), "floors.json");
  }
}
