package dev.tern.format;

import java.util.SplittableRandom;

/** From a pair of tokens to the rank of their merge and the token it makes: open addressing, no object per merge. */
final class PairTable {
  /** Another one in each process, so that no file can be made whose pairs all collide. */
  private static final long MULTIPLIER = new SplittableRandom().nextLong() & ~7 | 5;

  private final long[] keys; // left << 32 | right, plus 1; 0 is free
  private final int[] rank;
  private final int[] joined; // by rank
  private final int mask;

  /** For merges of ranks below n. */
  PairTable(int n) {
    int capacity = Integer.highestOneBit(Math.max(8, Math.min(n, 1 << 28)) / 2 * 3 - 1) * 2; // at most some two thirds are taken
    keys = new long[capacity];
    rank = new int[capacity];
    joined = new int[n];
    mask = capacity - 1;
  }

  /** Of two merges of the same pair the first stays. */
  void add(int left, int right, int rank, int joined) {
    int slot = slot(left, right);
    if (keys[slot] == 0) {
      keys[slot] = key(left, right);
      this.rank[slot] = rank;
      this.joined[rank] = joined;
    }
  }

  /** A handle for {@link #rank} and {@link #joined}, or -1. */
  int find(int left, int right) {
    int slot = slot(left, right);
    return keys[slot] == 0 ? -1 : slot;
  }

  int rank(int pair) {
    return rank[pair];
  }

  int joined(int pair) {
    return joined[rank[pair]];
  }

  private static long key(int left, int right) {
    return ((long) left << 32 | right) + 1;
  }

  private int slot(int left, int right) {
    long key = key(left, right);
    long hash = key * MULTIPLIER;
    int slot = (int) (hash >>> 32) & mask;
    while (keys[slot] != 0 && keys[slot] != key) {
      slot = (slot + 1) & mask;
    }
    return slot;
  }
}
