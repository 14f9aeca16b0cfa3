package dev.tern.validate;

import dev.tern.DeviceLostException;
import dev.tern.kernel.DeviceChecks.Case;
import dev.tern.kernel.DeviceChecks.Result;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** A device in order, as fast as an H100, with faults that a test plants. */
final class FakeSubject implements Subject {
  static final String CHOSEN = "{\"backend\": \"fake\"}";

  /** Groups of cases that err. */
  Set<String> wrongGroups = Set.of();
  /** What differs when it is repeated, holds no pattern, in words of {@link #toString}. */
  Set<Object> wrong = Set.of();
  boolean wrongCopies;
  /** The check after which the device is lost; null: none. */
  Object lostAt;
  /** Seconds of a call over what they should be. */
  final Map<Timed, Double> slower = new EnumMap<>(Timed.class);
  final List<Long> seeds = new ArrayList<>();

  private static Result result(boolean failed, long nBytes) {
    return new Result(failed, false, 1000, failed ? 1 : 0, nBytes, 0, failed ? 2 : 0.5, 1, 0.001, failed ? "one bit" : "");
  }

  private void meet(Object what) {
    if (what.equals(lostAt)) {
      throw new DeviceLostException("an illegal address");
    }
  }

  @Override
  public List<Case> cases() {
    List<Case> cases = new ArrayList<>();
    for (String group : new String[] {"products", "attention"}) {
      for (int i = 0; i < 74; i++) { // a multiple of the step, which then is not taken
        cases.add(new Case(cases.size(), group, group + " " + i));
      }
    }
    cases.add(new Case(cases.size(), "kernels of others", "absent"));
    return cases;
  }

  @Override
  public Result runCase(Case c) {
    meet(c.group());
    if (c.group().equals("kernels of others")) {
      return new Result(false, true, 0, 0, 0, 0, 0, 0, 0, "no such kernel");
    }
    return result(wrongGroups.contains(c.group()) && c.name().endsWith(" 73"), 0);
  }

  @Override
  public Result repeat(Repeated what, int nRepeats, long seed) {
    meet(what);
    synchronized (seeds) {
      seeds.add(seed);
    }
    return result(wrong.contains(what), 0);
  }

  @Override
  public Result memory(MemoryPattern pattern, long nBytes, long seed) {
    meet(pattern);
    return result(wrong.contains(pattern), 2 * nBytes);
  }

  @Override
  public Result copies(long nBytes, long seed) {
    return result(wrongCopies, 2 * nBytes);
  }

  @Override
  public Result speed(Timed what) {
    if (what == Timed.PEAK_F32) {
      return new Result(false, true, 0, 0, 0, 0, 0, 0, 0, "not measured");
    }
    double seconds = switch (what) {
      case READ, COPY -> 1e9 / 3.0e12;
      case COPY_TO, COPY_FROM -> 1e9 / 9e9;
      case DENSE -> 1e9 / 4.2e14;
      case TERNARY -> 1e9 / 7.2e14;
      case TERNARY_DECODE -> 1e9 / 1.1e13;
      case PREFILL -> 1e9 / 3.8e14;
      case DECODE -> 1e9 / 2.1e12;
      case LAUNCH -> 12e-6;
      case STEP -> 40e-6;
      case PEAK_F32 -> throw new AssertionError("not here");
      case PEAK_HALF -> 1e9 / 9.9e14;
      case PEAK_INT8 -> 1e9 / 1.98e15;
    };
    return new Result(false, false, 0, 0, 1_000_000_000, 1_000_000_000, 0, 0, seconds * slower.getOrDefault(what, 1.0), "");
  }

  @Override
  public double callSeconds() {
    return 20e-9;
  }

  @Override
  public long freeBytes() {
    return 70L << 30;
  }

  @Override
  public String name() {
    return null;
  }

  @Override
  public String describe() {
    return CHOSEN;
  }

  @Override
  public void close() {}
}
