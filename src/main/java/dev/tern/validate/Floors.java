package dev.tern.validate;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.tern.bench.Datasheet;
import dev.tern.validate.Subject.Timed;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.Optional;

/** What a device must reach: shares of its maker's data sheet, and latencies, out of floors.json beside this class. */
final class Floors {
  /**
   * Limits of one figure.
   *
   * @param warn from here on it is worth a look; of rates a least, of latencies a most
   * @param source where they come from
   */
  record Floor(double warn, double fail, String source) {}

  private final JsonNode table;
  private final Optional<Datasheet> sheet;
  private final boolean cuda;

  private Floors(JsonNode table, Optional<Datasheet> sheet, boolean cuda) {
    this.table = table;
    this.sheet = sheet;
    this.cuda = cuda;
  }

  /** @param deviceName as its driver has it; null if that cannot be read */
  static Floors of(String deviceName, boolean cuda) {
    try (InputStream in = Floors.class.getResourceAsStream("floors.json")) {
      return new Floors(new ObjectMapper().readTree(in), deviceName == null ? Optional.empty() : Datasheet.of(deviceName), cuda);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Of a speed, in GB/s or microseconds; null if there is none. */
  Floor of(Timed what) {
    return switch (what) {
      case READ, COPY -> sheet.map(this::bandwidth).orElse(null);
      case LAUNCH -> cuda ? latency("launch") : null;
      case STEP -> cuda ? latency("step") : null;
      default -> null;
    };
  }

  /** Of a call from Java, in microseconds. */
  Floor ofCall() {
    return latency("call");
  }

  private Floor bandwidth(Datasheet d) {
    double rate = d.bytesPerSecond() * 1e-9;
    return new Floor(rate * table.path("bandwidth_warn").asDouble(), rate * table.path("bandwidth_fail").asDouble(), d.source());
  }

  private Floor latency(String what) {
    return new Floor(table.path(what + "_warn_us").asDouble(), table.path(what + "_fail_us").asDouble(), "floors.json");
  }
}
