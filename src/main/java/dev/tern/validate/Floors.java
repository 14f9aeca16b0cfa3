package dev.tern.validate;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.tern.bench.Datasheet;
import dev.tern.bench.KernelPeak;
import dev.tern.validate.Subject.Timed;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.Optional;

/**
 * What a device must reach. In this order: a user's own table; what such a device reached, out of rates.json; shares of its maker's data sheet, and
 * latencies that hold for all, out of floors.json.
 */
final class Floors {
  /** The check of a call from Java. */
  static final String CALL = "speed.call";

  /**
   * Limits of one figure.
   *
   * @param warn from here on it is worth a look; of rates a least, of latencies a most
   * @param fail NaN: however slow, it is no failure
   * @param source where they come from
   */
  record Floor(double warn, double fail, String source) {
    static Floor warning(double warn, String source) {
      return new Floor(warn, Double.NaN, source);
    }

    boolean fails() {
      return !Double.isNaN(fail);
    }
  }

  private final JsonNode rules;
  private final String name;
  private final boolean cuda;
  private final FloorTable own;
  private final FloorTable reached;
  private final Optional<Datasheet> sheet;

  private Floors(JsonNode rules, String name, boolean cuda, Path own) {
    FloorTable.Shares shares = new FloorTable.Shares(rules.path("reached_warn").asDouble(), rules.path("reached_fail").asDouble());
    this.rules = rules;
    this.name = name;
    this.cuda = cuda;
    this.own = own == null ? null : FloorTable.read(own, shares).with(name);
    this.reached = FloorTable.ofTern(shares);
    this.sheet = name == null ? Optional.empty() : Datasheet.of(name);
  }

  /**
   * Of one device.
   *
   * @param name as its driver has it; null if that cannot be read
   * @param own a user's table; null if there is none
   * @throws dev.tern.FloorsException if that is none, or has no floors for the device
   */
  static Floors of(String name, boolean cuda, Path own) {
    try (InputStream in = Floors.class.getResourceAsStream("floors.json")) {
      return new Floors(new ObjectMapper().readTree(in), name, cuda, own);
    } catch (IOException e) {
      throw new UncheckedIOException(e); // of a resource of this class there is none
    }
  }

  boolean ofGpu() {
    return cuda;
  }

  /** Of a speed, in its unit; null if there is none. */
  Floor of(Timed what) {
    Floor known = ofTables(what.id());
    return known != null ? known : switch (what) {
      case READ, COPY -> sheet.map(d -> share("bandwidth", d.bytesPerSecond(), d.source())).orElse(null);
      case PEAK_F32 -> peak(KernelPeak.F32);
      case PEAK_HALF -> peak(KernelPeak.HALF);
      case PEAK_INT8 -> peak(KernelPeak.INT8);
      case DENSE, PREFILL -> sheet.map(d -> unseen("unseen_products", d.opsPerSecond().get(KernelPeak.HALF), d.source())).orElse(null);
      case TERNARY -> sheet.map(d -> unseen("unseen_products", d.opsPerSecond().get(KernelPeak.INT8), d.source())).orElse(null);
      case DECODE -> sheet.map(d -> unseen("unseen_decode", d.bytesPerSecond(), d.source())).orElse(null);
      case LAUNCH -> cuda ? latency("launch") : null;
      case STEP -> cuda ? latency("step") : null;
      case COPY_TO, COPY_FROM, TERNARY_DECODE -> null;
    };
  }

  /** Of a call from Java, in microseconds. */
  Floor ofCall() {
    Floor known = ofTables(CALL);
    return known != null ? known : latency("call");
  }

  private Floor ofTables(String check) {
    Floor known = own == null ? null : own.of(name, check);
    return known != null ? known : reached.of(name, check);
  }

  private Floor peak(KernelPeak peak) {
    String rule = "peak_" + peak.id();
    return sheet.map(d -> reached.of(name, Timed.DENSE.id()) != null ? share(rule, d.opsPerSecond().get(peak), d.source()) : unseen(rule, d.opsPerSecond().get(peak), d.source()))
        .orElse(null);
  }

  private Floor share(String rule, double perSecond, String source) {
    double rate = perSecond * 1e-9;
    return new Floor(rate * rules.path(rule + "_warn").asDouble(), rate * rules.path(rule + "_fail").asDouble(), source);
  }

  private Floor unseen(String rule, double perSecond, String source) {
    return Floor.warning(perSecond * 1e-9 * rules.path(rule + "_warn").asDouble(), "a share of the data sheet, none of its kind was measured; " + source);
  }

  private Floor latency(String what) {
    return new Floor(rules.path(what + "_warn_us").asDouble(), rules.path(what + "_fail_us").asDouble(), "floors.json");
  }
}
