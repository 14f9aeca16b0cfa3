package dev.tern.format;

import java.util.Arrays;
import java.util.SplittableRandom;

/** Finds a token by its bytes: open addressing over one shared byte array, no object per token. */
final class TokenTable {
  /** Another one in each process, so that no file can be made whose tokens all collide. */
  private static final int MULTIPLIER = new SplittableRandom().nextInt() & ~7 | 5;

  private final GgufStrings tokens;
  private final int[] slots; // id + 1, 0 is free
  private final int mask;

  TokenTable(GgufStrings tokens) {
    this.tokens = tokens;
    int capacity = Integer.highestOneBit(Math.max(8, Math.min(tokens.size(), 1 << 28)) * 2 - 1) * 2;
    slots = new int[capacity];
    mask = capacity - 1;
  }

  /** Adds a token. Of two with the same bytes the first stays; the empty one is never found. */
  void add(int id) {
    int begin = tokens.begin(id);
    int end = tokens.end(id);
    if (begin == end) {
      return;
    }
    int slot = slot(tokens.data(), begin, end);
    if (slots[slot] == 0) {
      slots[slot] = id + 1;
    }
  }

  /** The id of the token of these bytes, or -1. */
  int find(byte[] data, int begin, int end) {
    return slots[slot(data, begin, end)] - 1;
  }

  private int slot(byte[] data, int begin, int end) {
    int hash = 0;
    for (int i = begin; i < end; i++) {
      hash = hash * MULTIPLIER + data[i];
    }
    hash *= 0x9e3779b9;
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
