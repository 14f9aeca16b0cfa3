package dev.tern;

import java.util.Random;

/** Seeds of random tests: fixed, or -Dtern.seed to replay or to look further. Put it into failure messages. */
public final class Seed {
  public static final long VALUE = Long.getLong("tern.seed", 20240501L);

  private Seed() {}

  public static Random random() {
    return new Random(VALUE);
  }

  /** For messages. */
  public static String text() {
    return "-Dtern.seed=" + VALUE;
  }
}
