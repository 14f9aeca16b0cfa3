package dev.tern.cache;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;

/** Which key is in which slot, as a step would leave it; checks every read. Obvious, and only for tests. */
final class Arena {
  private static final long EMPTY = -1;

  final PageAllocator pages;
  private final long[] position;
  private final int[] owner;

  Arena(int nPages) {
    pages = new PageAllocator(nPages);
    position = new long[nPages * PageAllocator.PAGE_LEN];
    owner = new int[position.length];
    Arrays.fill(position, EMPTY);
  }

  /** Takes and returns pages, so that later ones are not consecutive. */
  void shuffle(java.util.Random random) {
    int[] taken = new int[pages.nPages()];
    for (int i = 0; i < taken.length; i++) {
      taken[i] = pages.take(random.nextInt(taken.length));
    }
    for (int i = taken.length - 1; i > 0; i--) {
      int j = random.nextInt(i + 1);
      int swapped = taken[i];
      taken[i] = taken[j];
      taken[j] = swapped;
    }
    for (int page : taken) {
      pages.giveBack(page);
    }
  }

  /** Writes the rows, then reads every key that a segment holds: each must be this sequence's, at its own place. */
  void step(int sequence, RecordingTable table) {
    for (RecordingTable.Row row : table.rows) {
      assertEquals(row.ropePos() % 64, row.slot() % 64, "a key's place in its page");
      assertTrue(position[row.slot()] == EMPTY, () -> "slot " + row.slot() + " still holds " + position[row.slot()]);
      position[row.slot()] = row.ropePos();
      owner[row.slot()] = sequence;
    }
    long next = 0;
    for (RecordingTable.Segment s : table.segments) {
      assertTrue(s.index() >= next && s.len() > 0, "segments ascend");
      next = s.index() + s.len();
      for (int t = 0; t < s.len(); t++) {
        assertEquals(s.index() + t, position[s.slot() + t], "key in slot");
        assertEquals(sequence, owner[s.slot() + t], "owner of slot");
      }
    }
  }

  void evict(int slot, int len) {
    Arrays.fill(position, slot, slot + len, EMPTY);
  }

  /** All keys of a sequence are gone. */
  void forget(int sequence) {
    for (int i = 0; i < position.length; i++) {
      if (owner[i] == sequence) {
        position[i] = EMPTY;
      }
    }
  }
}
