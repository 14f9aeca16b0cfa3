package dev.tern;

import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** What a model's weights lie on and its engines compute with. Immutable. */
public final class Device {
  private static final Device CPU = new Device("cpu");
  private static final Pattern CUDA = Pattern.compile("cuda(?::([0-9]{1,4}))?");

  private final String name;

  private Device(String name) {
    this.name = name;
  }

  /** The processor that the JVM runs on. */
  public static Device cpu() {
    return CPU;
  }

  /** The first NVIDIA GPU. */
  public static Device cuda() {
    return cuda(0);
  }

  /** An NVIDIA GPU by its number. */
  public static Device cuda(int index) {
    if (index < 0 || index > 9999) {
      throw new IllegalArgumentException("GPU number " + index);
    }
    return new Device("cuda:" + index);
  }

  /**
   * "cpu", "cuda" or "cuda:N".
   *
   * @throws IllegalArgumentException if it is none of these
   */
  public static Device of(String name) {
    if (name.equals("cpu")) {
      return CPU;
    }
    Matcher cuda = CUDA.matcher(name);
    if (!cuda.matches()) {
      throw new IllegalArgumentException("no device is called '" + name + "'; there are cpu, cuda and cuda:N");
    }
    return cuda(cuda.group(1) == null ? 0 : Integer.parseInt(cuda.group(1)));
  }

  /** "cpu" or "cuda:N". */
  public String name() {
    return name;
  }

  public boolean isCuda() {
    return this != CPU;
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof Device device && device.name.equals(name);
  }

  @Override
  public int hashCode() {
    return name.hashCode();
  }

  @Override
  public String toString() {
    return name;
  }
}
