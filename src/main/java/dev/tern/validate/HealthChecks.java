package dev.tern.validate;

import dev.tern.validate.Health.DeviceProcess;
import dev.tern.validate.Health.EccErrors;
import dev.tern.validate.Health.NvLink;
import dev.tern.validate.Health.PcieLink;
import dev.tern.validate.Health.RowRemap;
import dev.tern.validate.Health.Throttle;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;

/** What readings of a device mean: each method judges the readings that are named in it, and nothing else. */
final class HealthChecks {
  /** Degrees below the limit from which on a device is said to be hot. */
  private static final int NEAR_LIMIT = 5;
  /** Under load a sound device keeps this share of its highest clocks: below the memory's there is no reason, below the core's power is one. */
  private static final double MEMORY_CLOCK = 0.9;
  private static final double CORE_CLOCK = 0.5;

  private HealthChecks() {}

  static Outcome temperature(Health health) {
    Reading<Integer> now = health.temperatureCelsius();
    if (!now.isKnown()) {
      return Outcome.unread(now);
    }
    Reading<Integer> limit = health.slowdownCelsius();
    if (!limit.isKnown()) {
      return Outcome.unknown(now.value() + " C; where it slows down cannot be read" + (limit.isAbsent() ? "" : ": " + limit.unreadable()),
          Figure.of("temperature", now.value(), "C"));
    }
    Figure figure = new Figure("temperature", now.value(), "C", limit.value());
    String text = now.value() + " C, it slows down at " + limit.value() + " C";
    return now.value() >= limit.value() ? Outcome.fail(text, figure)
        : now.value() > limit.value() - NEAR_LIMIT ? Outcome.warn(text, figure) : Outcome.pass(text, figure);
  }

  static Outcome throttle(Health health) {
    Reading<Set<Throttle>> reading = health.throttle();
    if (!reading.isKnown()) {
      return Outcome.unread(reading);
    }
    Set<Throttle> reasons = new TreeSet<>(reading.value());
    String text = reasons.stream().map(r -> r.name().toLowerCase(java.util.Locale.ROOT).replace('_', ' ')).collect(Collectors.joining(", "));
    if (reasons.stream().anyMatch(Throttle::isFault)) {
      return Outcome.fail("it runs slower because of: " + text);
    }
    return reasons.contains(Throttle.APPLICATION_CLOCKS) ? Outcome.warn("someone set its clocks: " + text)
        : Outcome.pass(text.isEmpty() ? "no reason to run slower" : text);
  }

  /** @param before the count at the beginning of the validation */
  static Outcome thermalThrottles(Health health, Reading<Long> before) {
    Reading<Long> now = health.thermalThrottles();
    if (!now.isKnown() || !before.isKnown()) {
      return Outcome.unread(now.isKnown() ? before : now);
    }
    long more = now.value() - before.value();
    Figure figure = Figure.count("events", more);
    return more > 0 ? Outcome.fail("heat slowed it down " + more + " times during the validation", figure)
        : Outcome.pass("none during the validation, " + now.value() + " since the machine started", figure);
  }

  /** Read right after copies: idle links fall to a lower generation. */
  static Outcome pcie(Health health) {
    Reading<PcieLink> now = health.pcie();
    Reading<PcieLink> max = health.pcieMax();
    if (!now.isKnown() || !max.isKnown()) {
      return Outcome.unread(now.isKnown() ? max : now);
    }
    Figure[] figures = {new Figure("width", now.value().width(), "lanes", max.value().width()),
        new Figure("generation", now.value().generation(), "", max.value().generation())};
    String text = "generation " + now.value().generation() + " x" + now.value().width() + " of generation " + max.value().generation() + " x"
        + max.value().width();
    return now.value().width() < max.value().width() ? Outcome.fail(text + ": lanes are missing", figures)
        : now.value().generation() < max.value().generation() ? Outcome.warn(text + ", right after copies", figures) : Outcome.pass(text, figures);
  }

  static Outcome ecc(Health health, Reading<EccErrors> before) {
    Reading<EccErrors> now = health.eccErrors();
    if (health.eccEnabled().isKnown() && !health.eccEnabled().value()) {
      return Outcome.warn("ECC is off: wrong bits of its memory are neither corrected nor told");
    }
    if (!now.isKnown()) {
      return Outcome.unread(now);
    }
    long corrected = now.value().corrected();
    long uncorrected = now.value().uncorrected();
    Figure[] figures = {Figure.count("corrected", corrected), new Figure("uncorrected", uncorrected, "", 0)};
    if (uncorrected > 0) {
      return Outcome.fail(uncorrected + " errors that ECC could not correct", figures);
    }
    long more = before.isKnown() ? corrected - before.value().corrected() : 0;
    return more > 0 ? Outcome.warn(more + " errors were corrected during the validation", figures)
        : Outcome.pass("no uncorrected error, " + corrected + " corrected", figures);
  }

  static Outcome rowRemap(Health health) {
    Reading<RowRemap> reading = health.rowRemap();
    if (!reading.isKnown()) {
      return Outcome.unread(reading);
    }
    RowRemap remap = reading.value();
    Figure[] figures = {Figure.count("corrected", remap.corrected()), Figure.count("uncorrected", remap.uncorrected())};
    if (remap.failed()) {
      return Outcome.fail("a row of its memory could not be remapped: no spare is left", figures);
    }
    if (remap.pending()) {
      return Outcome.fail("a row of its memory waits to be remapped: reset the device", figures);
    }
    return remap.uncorrected() > 0 ? Outcome.warn(remap.uncorrected() + " rows were remapped after uncorrected errors", figures)
        : Outcome.pass(remap.corrected() + " rows remapped", figures);
  }

  static Outcome nvLinks(Health health) {
    Reading<List<NvLink>> reading = health.nvLinks();
    if (!reading.isKnown()) {
      return Outcome.unread(reading);
    }
    List<NvLink> links = reading.value();
    long active = links.stream().filter(NvLink::active).count();
    long errors = links.stream().mapToLong(NvLink::errors).sum();
    Figure[] figures = {new Figure("active", active, "", links.size()), new Figure("errors", errors, "", 0)};
    if (links.isEmpty() || active == 0) {
      return Outcome.pass(links.isEmpty() ? "none" : "none is wired", figures);
    }
    return active < links.size() ? Outcome.fail(active + " of " + links.size() + " links are active", figures)
        : errors > 0 ? Outcome.warn(errors + " errors on its links", figures) : Outcome.pass(active + " links, no error", figures);
  }

  /** Read while the device is kept busy. */
  static Outcome coreClock(Health health) {
    return clock("core", health.coreClockMhz(), health.coreClockMaxMhz(), CORE_CLOCK);
  }

  static Outcome memoryClock(Health health) {
    return clock("memory", health.memoryClockMhz(), health.memoryClockMaxMhz(), MEMORY_CLOCK);
  }

  private static Outcome clock(String what, Reading<Integer> now, Reading<Integer> max, double share) {
    if (!now.isKnown() || !max.isKnown()) {
      return Outcome.unread(now.isKnown() ? max : now);
    }
    int least = (int) (max.value() * share);
    Figure figure = new Figure(what + " clock", now.value(), "MHz", least);
    String text = now.value() + " MHz under load, of " + max.value();
    return now.value() < least ? Outcome.fail(text, figure) : Outcome.pass(text, figure);
  }

  static Outcome powerLimit(Health health) {
    Reading<Double> now = health.powerLimitWatts();
    Reading<Double> factory = health.powerLimitDefaultWatts();
    if (!now.isKnown() || !factory.isKnown()) {
      return Outcome.unread(now.isKnown() ? factory : now);
    }
    Figure figure = new Figure("power limit", now.value(), "W", factory.value());
    String text = Math.round(now.value()) + " W, from the factory " + Math.round(factory.value()) + " W";
    return now.value() < factory.value() - 0.5 ? Outcome.warn(text + ": someone lowered it", figure) : Outcome.pass(text, figure);
  }

  static Outcome xids(Health health) {
    Reading<List<Integer>> reading = health.xids();
    if (!reading.isKnown()) {
      return Outcome.unread(reading);
    }
    Figure figure = new Figure("events", reading.value().size(), "", 0);
    return reading.value().isEmpty() ? Outcome.pass("none during the validation", figure)
        : Outcome.fail("Xid " + reading.value() + " during the validation", figure);
  }

  static Outcome alone(Health health) {
    Reading<List<DeviceProcess>> reading = health.otherProcesses();
    if (!reading.isKnown()) {
      return Outcome.unread(reading);
    }
    Figure figure = new Figure("others", reading.value().size(), "", 0);
    return reading.value().isEmpty() ? Outcome.pass("no other process computes on it", figure)
        : Outcome.warn("also used by " + reading.value().stream().map(p -> p.name() + " (" + p.pid() + ")").collect(Collectors.joining(", ")), figure);
  }
}
