package dev.tern.format;

import java.util.Arrays;
import java.util.SplittableRandom;

/** Finds a token by its bytes: open addressing over one shared byte array, no object per token. */
final class TokenTable {
  private static final long PRIME = (1L << 31) - 1;

  /** Another one in each process, so that no file can be made whose tokens all collide; below 2^30, which keeps the sum of a step below 2^62. */
  private static final long MULTIPLIER = new SplittableRandom().nextLong(1 << 29, 1 << 30);

  private final GgufStrings tokens;
  private final int[] slots; // id + 1, 0 is free
  private final int mask;

  TokenTable(GgufStrings tokens) {
    this.tokens = tokens;
    int capacity = Integer.highestOneBit(Math.max(8, Math.min(tokens.size(), 1 << 28)) * 2 - 1) * 2;
    slots = new int[capacity];
    mask = capacity - 1;
  }

  /**
   * Adds a token; the empty one is never found.
   *
   * @return its id, or, of two with the same bytes, that of the first, which stays
   */
  int add(int id) {
    int begin = tokens.begin(id);
    int end = tokens.end(id);
    if (begin == end) {
      return id;
    }
    int slot = slot(tokens.data(), begin, end);
    if (slots[slot] == 0) {
      slots[slot] = id + 1;
    }
    return slots[slot] - 1;
  }

  /** The id of the token of these bytes, or -1. */
  int find(byte[] data, int begin, int end) {
    return slots[slot(data, begin, end)] - 1;
  }

  /**
   * A polynomial of the bytes at a random place, modulo a prime: two tokens of n bytes are alike at no more than n places. (Carter, Wegman 1979)
   * Modulo a power of two there are tokens that are alike at all of them: those of Thue and Morse.
   */
  static int hash(byte[] data, int begin, int end) {
    long hash = 1;
    for (int i = begin; i < end; i++) {
      hash = hash * MULTIPLIER + (data[i] & 255);
      hash = (hash & PRIME) + (hash >>> 31);
    }
    return (int) hash * 0x9e3779b9;
  }

  private int slot(byte[] data, int begin, int end) {
    int hash = hash(data, begin, end);
    int slot = (hash ^ hash >>> 15) & mask;
    while (slots[slot] != 0) {
      int id = slots[slot] - 1;
      if (tokens.end(id) - tokens.begin(id) == end - begin
          && Arrays.equals(tokens.data(), tokens.begin(id), tokens.end(id), data, begin, end)) {
        break;
      }
      slot = (slot + 1) & mask;
    }
    return slot;
  }
}
