package dev.tern.report;

import java.util.ArrayList;
import java.util.List;
import java.util.function.DoubleFunction;

/**
 * One axis of a {@link Plot}: its scale, how far it reaches, and how its ticks are written. Immutable.
 *
 * @param label what it measures, with the unit
 * @param lo where it begins; NaN, or what it cannot hold: with the data
 * @param hi where it ends; NaN, or what it cannot hold: with the data
 * @param format of a tick
 */
public record Axis(String label, Kind kind, double lo, double hi, DoubleFunction<String> format) {
  /** How values become distances. */
  public enum Kind { LINEAR, LOG2, LOG10 }

  private static final double MARGIN = 0.04;
  private static final int MANY = 9;
  private static final double FAR = 1e30; // nothing that is measured is larger, and one value that is would leave no room for the others

  /** Equal differences are equal distances. */
  public static Axis linear(String label) {
    return new Axis(label, Kind.LINEAR, Double.NaN, Double.NaN, Amount::number);
  }

  /** Equal ratios are equal distances; ticks at powers of two. What is not above 0 is not drawn. */
  public static Axis log2(String label) {
    return new Axis(label, Kind.LOG2, Double.NaN, Double.NaN, Amount::number);
  }

  /** Equal ratios are equal distances; ticks at powers of ten. What is not above 0 is not drawn. */
  public static Axis log10(String label) {
    return new Axis(label, Kind.LOG10, Double.NaN, Double.NaN, Amount::number);
  }

  /** The same with other words for its ticks, as {@link Amount#ticks} gives them. */
  public Axis written(DoubleFunction<String> how) {
    return new Axis(label, kind, lo, hi, how);
  }

  /** The same from here to there, whatever the data; NaN leaves an end to the data, and so does what the axis has no place for. */
  public Axis between(double from, double to) {
    return new Axis(label, kind, from, to, format);
  }

  /** A value that this axis has a place for. */
  boolean holds(double value) {
    return Math.abs(value) < FAR && (kind == Kind.LINEAR || value > 1 / FAR);
  }

  /** The axis for data between two values, both of which it holds; low may equal high. */
  Span fit(double low, double high) {
    double a = unit(holds(lo) ? lo : low);
    double b = unit(holds(hi) ? hi : high);
    if (!(b > a)) {
      double half = kind == Kind.LINEAR ? Math.max(Math.abs(a) / 2, 0.5) : Math.log(2);
      a -= half;
      b += half;
    }
    double margin = MARGIN * (b - a);
    if (!holds(lo)) {
      a = kind == Kind.LINEAR && low >= 0 ? Math.max(0, a - margin) : a - margin;
    }
    if (!holds(hi)) {
      b += margin;
    }
    return new Span(this, a, b);
  }

  /** Where a value lies: itself, or its logarithm. */
  double unit(double value) {
    return kind == Kind.LINEAR ? value : Math.log(value);
  }

  private double value(double unit) {
    return kind == Kind.LINEAR ? unit : Math.exp(unit);
  }

  /**
   * An axis that knows its ends.
   *
   * @param from its begin, as {@link Axis#unit} of the value there
   */
  record Span(Axis axis, double from, double to) {
    /** 0 at its begin, 1 at its end. */
    double at(double value) {
      return (axis.unit(value) - from) / (to - from);
    }

    /** The value at its begin. */
    double begin() {
      return axis.value(from);
    }

    /** Two at least, nine or so at most, all within the axis. */
    List<Double> ticks() {
      List<Double> ticks = switch (axis.kind) {
        case LINEAR -> even(from, to);
        case LOG2 -> powers(2, new double[] {1});
        case LOG10 -> powers(10, to - from < 3.2 * Math.log(10) ? new double[] {1, 2, 5} : new double[] {1});
      };
      return ticks.size() >= 2 ? ticks : even(axis.value(from), axis.value(to));
    }

    /** Times each mantissa; some powers are left out if they are many. */
    private List<Double> powers(int base, double[] mantissas) {
      double log = Math.log(base);
      int first = (int) Math.floor(from / log);
      int last = (int) Math.ceil(to / log);
      int step = Math.max(1, (last - first + MANY - 1) / MANY);
      List<Double> ticks = new ArrayList<>();
      for (int p = Math.floorDiv(first, step) * step; p <= last; p += step) {
        for (double m : mantissas) {
          double value = m * Math.pow(base, p);
          if (inside(axis.unit(value))) {
            ticks.add(value);
          }
        }
      }
      return ticks;
    }

    /** Multiples of 1, 2 or 5 times a power of ten. */
    private List<Double> even(double low, double high) {
      double raw = (high - low) / 6;
      double power = Math.pow(10, Math.floor(Math.log10(raw)));
      double step = raw <= power ? power : raw <= 2 * power ? 2 * power : raw <= 5 * power ? 5 * power : 10 * power;
      List<Double> ticks = new ArrayList<>();
      for (double k = Math.ceil(low / step - 1e-9); k * step <= high + 1e-9 * step && ticks.size() <= 2 * MANY; k++) {
        // Dividing keeps 0.3 what it is where multiplying 3 by 0.1 does not.
        double value = power < 1 ? k * Math.rint(step / power) / Math.rint(1 / power) : k * step;
        ticks.add(Double.isFinite(value) ? value + 0.0 : k * step);
      }
      return ticks;
    }

    private boolean inside(double unit) {
      double slack = 1e-9 * (to - from);
      return unit >= from - slack && unit <= to + slack;
    }
  }
}
