package dev.tern.validate;

/**
 * A number that a check found.
 *
 * @param name as "rate", "temperature"
 * @param unit as "GB/s", "us"; "" for a count
 * @param limit what it was held to, in the same unit; NaN if to nothing
 */
public record Figure(String name, double value, String unit, double limit) {
  public static Figure of(String name, double value, String unit) {
    return new Figure(name, value, unit, Double.NaN);
  }

  public static Figure count(String name, long value) {
    return new Figure(name, value, "", Double.NaN);
  }
}
