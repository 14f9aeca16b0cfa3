package dev.tern.validate;

/**
 * One thing that is checked.
 *
 * @param id the same in every version, as "memory.address"; what baselines and dashboards go by
 * @param what it does, for a reader of the report
 * @param soak whether a soak does it again and again
 */
public record Check(String id, Group group, String what, boolean soak, Body body) {
  /** Does the check. */
  @FunctionalInterface
  public interface Body {
    /** @param round 0 at first, then 1, 2, ... in a soak: seeds follow it */
    Outcome run(int round);
  }

  static Check once(String id, Group group, String what, Body body) {
    return new Check(id, group, what, false, body);
  }

  static Check soak(String id, Group group, String what, Body body) {
    return new Check(id, group, what, true, body);
  }
}
