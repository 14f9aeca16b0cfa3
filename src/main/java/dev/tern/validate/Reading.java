package dev.tern.validate;

import java.util.Objects;
import java.util.function.Function;

/**
 * A value read from a device; or why it could not be read; or nothing, where a device of its kind has no such thing (a processor has no
 * NVLink). What cannot be read is said in a report; what is absent is left out of it. Immutable.
 *
 * @param value null unless it was read
 * @param unreadable why there is no value; null if there is one, and if it is absent
 */
public record Reading<T>(T value, String unreadable) {
  private static final Reading<?> ABSENT = new Reading<>(null, null);

  public Reading {
    if (value != null && unreadable != null) {
      throw new IllegalArgumentException("both read and unreadable: " + unreadable);
    }
  }

  public static <T> Reading<T> of(T value) {
    return new Reading<>(Objects.requireNonNull(value), null);
  }

  /** @param reason for a report's reader, such as "nvmlDeviceGetPowerUsage: not supported" */
  public static <T> Reading<T> unreadable(String reason) {
    return new Reading<>(null, Objects.requireNonNull(reason));
  }

  @SuppressWarnings("unchecked")
  public static <T> Reading<T> absent() {
    return (Reading<T>) ABSENT;
  }

  public boolean isKnown() {
    return value != null;
  }

  public boolean isAbsent() {
    return value == null && unreadable == null;
  }

  /** The same of what f makes of the value. */
  public <R> Reading<R> map(Function<? super T, ? extends R> f) {
    return value == null ? new Reading<>(null, unreadable) : of(f.apply(value));
  }
}
