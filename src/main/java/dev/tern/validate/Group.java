package dev.tern.validate;

import java.util.Locale;

/** Kinds of checks. Whether the device computes rightly must be told for a PASS; how it is and how fast it is may stay unknown. */
public enum Group {
  /** Whether there is such a device, and what this build has for it. */
  DEVICE(true),
  /** What the device tells of itself. */
  HEALTH(false),
  /** Every kernel against the fp64 oracle. */
  CORRECTNESS(true),
  /** The same again and again, bit for bit; memory; copies. */
  CORRUPTION(true),
  /** Rates and latencies. */
  SPEED(false);

  private final boolean required;

  Group(boolean required) {
    this.required = required;
  }

  /** Whether an UNKNOWN of it makes the verdict UNKNOWN. */
  public boolean isRequired() {
    return required;
  }

  /** As in reports: "correctness". */
  public String id() {
    return name().toLowerCase(Locale.ROOT);
  }
}
