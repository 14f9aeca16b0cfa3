package dev.tern.report;

import java.util.Locale;
import java.util.function.DoubleFunction;

/** Measured numbers as people read them: three digits and a unit. What is not finite is a dash. */
public final class Amount {
  private static final String[] LARGE = {"", "k", "M", "G", "T", "P", "E"};
  private static final String[] SMALL = {"", "m", "µ", "n", "p"};
  private static final String NONE = "–";
  /** What three digits round to 1. */
  private static final double ONE = 0.9995;

  private Amount() {}

  /** "8.88 µs". */
  public static String seconds(double seconds) {
    return of(seconds, "s");
  }

  /** With the prefix that leaves one to three digits before the point: "3.06 TB/s". */
  public static String of(double value, String unit) {
    if (!Double.isFinite(value)) {
      return NONE;
    }
    double magnitude = Math.abs(value);
    int step = 0;
    while (magnitude >= 999.5 && step < LARGE.length - 1) {
      magnitude /= 1000;
      step++;
    }
    if (step > 0 || magnitude >= ONE || magnitude == 0) {
      return joined(value < 0, magnitude, LARGE[step] + unit);
    }
    while (magnitude < ONE && step < SMALL.length - 1) {
      magnitude *= 1000;
      step++;
    }
    return joined(value < 0, magnitude, SMALL[step] + unit);
  }

  /** How ticks of an axis are written: "10 µs", without zeros at the end. */
  public static DoubleFunction<String> ticks(String unit) {
    return value -> {
      String text = of(value, unit);
      int digits = text.indexOf(' ') < 0 ? text.length() : text.indexOf(' ');
      return trimmed(text.substring(0, digits)) + text.substring(digits);
    };
  }

  /** A share in percent: "9.70 %", "0.12 %". */
  public static String share(double share) {
    if (!Double.isFinite(share)) {
      return NONE;
    }
    double percent = 100 * Math.abs(share);
    String digits = percent >= 99.95 ? "%.0f %%" : percent >= 9.995 ? "%.1f %%" : percent >= 0.0995 || percent == 0 ? "%.2f %%" : "%.1g %%";
    return String.format(Locale.ROOT, digits, 100 * share);
  }

  /** A plain number without digits that say nothing: "32768", "0.5", "1.25e+12". */
  public static String number(double value) {
    if (!Double.isFinite(value)) {
      return NONE;
    }
    if (value == Math.rint(value) && Math.abs(value) < 1e9) {
      return Long.toString((long) value);
    }
    double magnitude = Math.abs(value);
    return magnitude >= 1e-3 && magnitude < 1e9 ? trimmed(String.format(Locale.ROOT, magnitude < 1 ? "%.4f" : magnitude < 100 ? "%.2f" : "%.1f", value))
        : String.format(Locale.ROOT, "%.3g", value);
  }

  private static String joined(boolean negative, double magnitude, String unit) {
    String digits = magnitude == 0 ? "0" : String.format(Locale.ROOT, magnitude < 9.995 ? "%.2f" : magnitude < 99.95 ? "%.1f" : "%.0f", magnitude);
    return (negative ? "-" : "") + digits + (unit.isEmpty() ? "" : " " + unit);
  }

  private static String trimmed(String digits) {
    if (digits.indexOf('.') < 0) {
      return digits;
    }
    int end = digits.length();
    while (digits.charAt(end - 1) == '0') {
      end--;
    }
    return digits.substring(0, digits.charAt(end - 1) == '.' ? end - 1 : end);
  }
}
