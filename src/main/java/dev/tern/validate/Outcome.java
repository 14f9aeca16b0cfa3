package dev.tern.validate;

import java.util.List;

/**
 * What one check found.
 *
 * @param reason in words: of a PASS what was seen, else what is wrong or why it cannot be told
 */
public record Outcome(Verdict verdict, String reason, List<Figure> figures) {
  /** Of a check that means nothing on this device, which is left out of the report. */
  static final Outcome ABSENT = new Outcome(Verdict.PASS, "", List.of());

  public Outcome {
    figures = List.copyOf(figures);
  }

  static Outcome of(Verdict verdict, String reason, Figure... figures) {
    return new Outcome(verdict, reason, List.of(figures));
  }

  static Outcome pass(String reason, Figure... figures) {
    return of(Verdict.PASS, reason, figures);
  }

  static Outcome warn(String reason, Figure... figures) {
    return of(Verdict.WARN, reason, figures);
  }

  static Outcome fail(String reason, Figure... figures) {
    return of(Verdict.FAIL, reason, figures);
  }

  static Outcome unknown(String reason, Figure... figures) {
    return of(Verdict.UNKNOWN, reason, figures);
  }

  /** Of a reading that is not known: absent, or unknown with its reason. */
  static Outcome unread(Reading<?> reading) {
    return reading.isAbsent() ? ABSENT : unknown("cannot be read: " + reading.unreadable());
  }
}
