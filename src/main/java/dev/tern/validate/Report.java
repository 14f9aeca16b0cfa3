package dev.tern.validate;

import java.util.List;

/**
 * What a validation found.
 *
 * @param device "cpu", "cuda:0"
 * @param deviceName of the maker; null if it cannot be read
 * @param version of Tern
 * @param level as on the command line
 * @param began in ISO 8601, UTC
 * @param described by the backend, as JSON; null if the device did not open
 * @param stopped why not all checks were made; null if they were
 */
public record Report(String device, String deviceName, String version, String level, double minutes, String began, double seconds, String described,
    List<Inventory> inventory, List<Result> results, String stopped) {
  /**
   * One check of it.
   *
   * @param rounds how often it was made
   */
  public record Result(Check check, Outcome outcome, int rounds, double seconds) {}

  /** What a PASS does not say. */
  public static final List<String> NOT_SAID = List.of(
      "Errors rarer than the repeats, and those that need other data, temperatures or loads, are not found; a soak (--minutes) finds more.",
      "Memory that was in use was not tested, nor was any beyond the share that the level takes.",
      "A wrong bit smaller than an operation's own rounding is within the bound of a correctness check; repeats find it only if it is not always there.",
      "Only the kernels that this build has for the device are checked, on the tests' sizes; other libraries on the device are not.",
      "Speed is that of Tern's kernels when they were measured; what has no floor (UNKNOWN) is told, not judged.",
      "Links to other devices, and what several devices compute together, are not exercised.");

  public Report {
    inventory = List.copyOf(inventory);
    results = List.copyOf(results);
  }

  /** FAIL or WARN if a check has it; UNKNOWN if one that is required could not be told, or none of these was made; else PASS. */
  public Verdict verdict() {
    Verdict worst = Verdict.PASS;
    boolean told = false;
    for (Result r : results) {
      boolean required = r.check().group().isRequired();
      Verdict v = r.outcome().verdict();
      told |= r.check().group() == Group.CORRECTNESS && v != Verdict.UNKNOWN;
      worst = worst.or(v == Verdict.UNKNOWN && !required ? Verdict.PASS : v);
    }
    return told ? worst : worst.or(Verdict.UNKNOWN);
  }

  /** Checks with a verdict. */
  public long count(Verdict verdict) {
    return results.stream().filter(r -> r.outcome().verdict() == verdict).count();
  }

  /** In one line. */
  public String summary() {
    return verdict() + ": " + (deviceName == null ? device : deviceName + " (" + device + ")") + ", " + results.size() + " checks: "
        + count(Verdict.PASS) + " passed, " + count(Verdict.WARN) + " warned, " + count(Verdict.FAIL) + " failed, " + count(Verdict.UNKNOWN) + " unknown";
  }
}
