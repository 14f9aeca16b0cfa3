package dev.tern.validate;

import dev.tern.kernel.DeviceChecks.Case;
import dev.tern.kernel.DeviceChecks.Result;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Every kernel over the tests' tables of cases against the fp64 oracle: a check for each group of them. */
final class CorrectnessChecks {
  /** Neighbours in a table are alike: cases are taken in steps of this or a little more, so that those of a short run come from all over it. */
  private static final int STEP = 37;

  private CorrectnessChecks() {}

  static List<Check> of(Subject subject, Level level) {
    Map<String, List<Case>> groups = new LinkedHashMap<>();
    for (Case c : subject.cases()) {
      groups.computeIfAbsent(c.group(), g -> new ArrayList<>()).add(c);
    }
    List<Check> checks = new ArrayList<>();
    groups.forEach((group, cases) -> checks.add(Check.soak("correct." + group.replaceAll("[^a-z]+", "_"), Group.CORRECTNESS,
        group + ": cases of the tests against the fp64 oracle, with bounds computed from each", round -> run(subject, cases, round, level))));
    return checks;
  }

  private static Outcome run(Subject subject, List<Case> cases, int round, Level level) {
    int n = cases.size();
    int step = STEP;
    while (BigInteger.valueOf(step).gcd(BigInteger.valueOf(n)).intValue() != 1) { // else some would never be visited
      step++;
    }
    long begin = System.nanoTime();
    int done = 0;
    int here = 0;
    int failed = 0;
    long values = 0;
    double nearest = 0;
    String first = null;
    while (done < n && (here == 0 || (System.nanoTime() - begin) * 1e-9 < level.caseSeconds())) {
      Case c = cases.get((int) (((long) done * step + round) % n));
      Result r = subject.runCase(c);
      done++;
      here += r.notHere() ? 0 : 1;
      values += r.nValues();
      nearest = Math.max(nearest, r.bound() > 0 ? r.error() / r.bound() : 0);
      if (r.failed()) {
        failed++;
        first = first == null ? c.name() + ": " + r.text() : first;
      }
    }
    if (here == 0) {
      return Outcome.ABSENT;
    }
    Figure[] figures = {Figure.count("cases", here), Figure.count("failed", failed), Figure.count("values", values),
        new Figure("worst error", nearest, "of its bound", 1)};
    if (failed > 0) {
      return Outcome.fail(failed + " of " + here + " cases beyond their bound, the first " + first, figures);
    }
    return Outcome.pass(here + " cases, " + values + " values" + (done < n ? ", of " + done + " of " + n + " in the table" : ""), figures);
  }
}
