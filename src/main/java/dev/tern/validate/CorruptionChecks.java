package dev.tern.validate;

import dev.tern.CapacityException;
import dev.tern.kernel.DeviceChecks.Result;
import dev.tern.validate.Subject.MemoryPattern;
import dev.tern.validate.Subject.Repeated;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** What a device gets wrong now and then and says nothing of: repeats compared bit for bit, memory, copies. */
final class CorruptionChecks {
  private static final long LEAST_MEMORY = 16L << 20;

  private CorruptionChecks() {}

  static List<Check> of(Subject subject, Level level, long seed) {
    List<Check> checks = new ArrayList<>();
    for (Repeated what : Repeated.values()) {
      boolean large = what == Repeated.DENSE_LARGE || what == Repeated.TERNARY_LARGE;
      int n = large ? level.largeRepeats() : level.repeats();
      String name = what.name().toLowerCase(Locale.ROOT);
      checks.add(Check.soak("repeat." + name, Group.CORRUPTION, words(what) + ", computed again and again, has the same bits each time",
          round -> repeated(subject.repeat(what, n, seed + round), n)));
    }
    for (MemoryPattern pattern : MemoryPattern.values()) {
      String name = pattern.name().toLowerCase(Locale.ROOT);
      checks.add(Check.soak("memory." + name, Group.CORRUPTION, "memory of the device holds a pattern: " + words(pattern),
          round -> memory(subject, pattern, level, seed + round)));
    }
    checks.add(Check.soak("copies", Group.CORRUPTION, "words copied to the device and from it arrive as they were",
        round -> copies(subject.copies(level.copyBytes(), seed + round))));
    return checks;
  }

  private static String words(Repeated what) {
    return switch (what) {
      case DENSE -> "a product of BF16 weights";
      case TERNARY -> "a product of ternary weights";
      case PREFILL -> "attention of a prompt";
      case DECODE -> "attention of decoding rows";
      case DENSE_LARGE -> "a product of BF16 weights that keeps the whole device busy";
      case TERNARY_LARGE -> "a product of ternary weights that keeps the whole device busy";
    };
  }

  private static String words(MemoryPattern pattern) {
    return switch (pattern) {
      case ADDRESS -> "each word its own number";
      case INVERSE -> "each word its own number, every bit of it inverted";
      case RANDOM -> "random words";
    };
  }

  private static Outcome repeated(Result r, int n) {
    Figure[] figures = {Figure.count("repeats", n), Figure.count("values", r.nValues()), new Figure("wrong", r.nWrong(), "", 0)};
    return r.failed() ? Outcome.fail(r.text(), figures) : Outcome.pass(n + " repeats, the same bits", figures);
  }

  private static Outcome memory(Subject subject, MemoryPattern pattern, Level level, long seed) {
    long share = (long) (subject.freeBytes() * level.memoryShare());
    long nBytes = Math.max(LEAST_MEMORY, Math.min(share, level.memoryBytes())) / 8 * 8;
    Result r = null;
    while (r == null) {
      try {
        r = subject.memory(pattern, nBytes, seed);
      } catch (CapacityException e) { // what is free is not always free in one piece
        if (nBytes <= LEAST_MEMORY) {
          return Outcome.unknown(e.getMessage());
        }
        nBytes = Math.max(LEAST_MEMORY, nBytes / 16 * 8);
      }
    }
    Figure[] figures = {Figure.of("tested", r.nBytes() / 2 * 1e-6, "MB"), new Figure("wrong", r.nWrong(), "", 0)};
    return r.failed() ? Outcome.fail(r.text(), figures) : Outcome.pass(String.format(Locale.ROOT, "%.0f MB", r.nBytes() / 2 * 1e-6), figures);
  }

  private static Outcome copies(Result r) {
    Figure[] figures = {Figure.of("copied", r.nBytes() * 1e-6, "MB"), new Figure("wrong", r.nWrong(), "", 0)};
    return r.failed() ? Outcome.fail(r.text(), figures) : Outcome.pass(String.format(Locale.ROOT, "%.0f MB in both directions", r.nBytes() * 1e-6), figures);
  }
}
