package dev.tern.cache;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.tern.CapacityException;
import dev.tern.ContextFullException;
import dev.tern.Seed;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.SortedMap;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class SequenceCacheTest {
  private static final int WHOLE = 1000;

  /** The policy in one line each: the keys that position i sees, and how far each is. */
  private static SortedMap<Long, Long> expected(CachePolicy policy, long i) {
    SortedMap<Long, Long> keys = new TreeMap<>();
    for (long j = 0; j <= i; j++) {
      if (policy instanceof CachePolicy.SinksAndWindow p) {
        if (j >= i - p.window()) {
          keys.put(j, i - j);
        } else if (j < p.nSinks()) {
          keys.put(j, Math.min(i, p.nSinks() + p.window()) - j);
        }
      } else {
        keys.put(j, i - j);
      }
    }
    return keys;
  }

  private static void feed(SequenceCache cache, CachePolicy policy, Arena arena, int sequence, int n, String what) {
    RecordingTable table = new RecordingTable();
    long from = cache.length();
    cache.append(n, table);
    arena.step(sequence, table);
    assertEquals(n, table.rows.size());
    for (int r = 0; r < n; r++) {
      assertEquals(expected(policy, from + r), table.visible(table.rows.get(r)), () -> what);
    }
    // Each segment begins where the first row sees, and none could be joined to the one before it.
    RecordingTable.Segment before = null;
    for (RecordingTable.Segment s : table.segments) {
      if (before != null && before.rotation() == s.rotation()) {
        assertTrue(before.slot() + before.len() != s.slot(), "segments that should be one");
      }
      before = s;
    }
    cache.commit(arena::evict);
    assertEquals(from + n, cache.length());
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 7, 16, 50, WHOLE})
  void rowsSeeWhatThePolicySays(int chunk) {
    Random random = Seed.random();
    for (int c = 0; c < 300; c++) {
      int sinks = random.nextInt(4) == 0 ? 0 : random.nextInt(100);
      int window = random.nextInt(8) == 0 ? 0 : random.nextInt(200);
      int length = 1 + random.nextInt(400);
      CachePolicy policy = random.nextInt(5) == 0 ? CachePolicy.dense(length) : CachePolicy.sinksAndWindow(sinks, window);
      String what = Seed.text() + " case " + c + ": " + policy + ", " + length + " tokens";
      Arena arena = new Arena(SequenceCache.maxPages(policy, Math.min(chunk, length)));
      arena.shuffle(random);
      SequenceCache cache = new SequenceCache(policy, arena.pages, Math.min(chunk, length));
      while (cache.length() < length) {
        feed(cache, policy, arena, 0, (int) Math.min(chunk, length - cache.length()), what);
      }
      cache.release();
      assertEquals(0, arena.pages.nUsed(), what);
    }
  }

  @Test
  void sequencesNeverShareSlots() {
    Random random = Seed.random();
    for (int c = 0; c < 60; c++) {
      CachePolicy policy = CachePolicy.sinksAndWindow(random.nextInt(70), random.nextInt(150));
      int n = 2 + random.nextInt(5);
      int maxChunk = 1 + random.nextInt(80);
      Arena arena = new Arena(n * SequenceCache.maxPages(policy, maxChunk));
      arena.shuffle(random);
      List<SequenceCache> caches = new ArrayList<>();
      for (int i = 0; i < n; i++) {
        caches.add(new SequenceCache(policy, arena.pages, maxChunk));
      }
      for (int step = 0; step < 80; step++) {
        int i = random.nextInt(n);
        if (random.nextInt(20) == 0) {
          caches.get(i).release();
          arena.forget(i);
        } else {
          feed(caches.get(i), policy, arena, i, 1 + random.nextInt(maxChunk), Seed.text() + " case " + c + ": " + policy);
        }
        int held = caches.stream().mapToInt(SequenceCache::nPages).sum();
        assertEquals(held, arena.pages.nUsed(), Seed.text() + " case " + c);
      }
      caches.forEach(SequenceCache::release);
      assertEquals(0, arena.pages.nUsed());
    }
  }

  @Test
  void pagesHeldReachTheBoundAndNeverPassIt() {
    Random random = Seed.random();
    for (int c = 0; c < 100; c++) {
      CachePolicy policy = CachePolicy.sinksAndWindow(random.nextInt(130), random.nextInt(200));
      int chunk = 1 + random.nextInt(130);
      int bound = SequenceCache.maxPages(policy, chunk);
      int most = 0;
      for (int start = 1; start <= 64; start++) { // every alignment of the chunks
        PageAllocator pages = new PageAllocator(bound);
        SequenceCache cache = new SequenceCache(policy, pages, Math.max(chunk, start));
        for (int i = 0; i < start; i++) {
          append(cache, 1);
        }
        while (cache.length() < 1200) {
          cache.append(chunk, new RecordingTable());
          most = Math.max(most, cache.nPages());
          cache.commit(SequenceCache.Evictions.NONE);
          assertTrue(cache.nPages() <= SequenceCache.maxPages(policy, 1), "between steps a stream holds what decoding needs");
        }
      }
      assertEquals(bound, most, Seed.text() + " case " + c + ": " + policy + ", chunk " + chunk);
    }
  }

  private static void append(SequenceCache cache, int n) {
    cache.append(n, new RecordingTable());
    cache.commit(SequenceCache.Evictions.NONE);
  }

  @ParameterizedTest
  @CsvSource({"4, 1020, 1", "4, 1020, 128", "0, 1024, 1", "100, 0, 1", "128, 256, 64"})
  void fourMillionTokensInConstantPages(int sinks, int window, int chunk) {
    CachePolicy policy = CachePolicy.sinksAndWindow(sinks, window);
    int bound = SequenceCache.maxPages(policy, chunk);
    PageAllocator pages = new PageAllocator(bound);
    SequenceCache cache = new SequenceCache(policy, pages, chunk);
    long[] evicted = {0};
    RowTable nothing = new RowTable() {
      @Override
      public void row(int slot, long ropePos, long windowQPos, long sinkQPos, long sinkEnd, long lo, long hi) {}

      @Override
      public void segment(int slot, int len, long index, int rotation) {}
    };
    while (cache.length() < 4_194_304) {
      cache.append(chunk, nothing);
      cache.commit((slot, len) -> evicted[0] += len);
    }
    assertEquals(cache.length() - sinks - window, evicted[0]);
    assertTrue(pages.nUsed() <= bound);
    RecordingTable table = new RecordingTable();
    cache.append(1, table);
    assertEquals(sinks + window + 1, table.visible(table.rows.get(0)).size());
  }

  @Test
  void fewSegmentsWhenPagesAreConsecutive() {
    CachePolicy policy = CachePolicy.sinksAndWindow(4, 1020);
    SequenceCache cache = new SequenceCache(policy, new PageAllocator(SequenceCache.maxPages(policy, 1)), 1);
    for (int i = 0; i < 20_000; i++) {
      RecordingTable table = new RecordingTable();
      cache.append(1, table);
      cache.commit(SequenceCache.Evictions.NONE);
      assertTrue(table.segments.size() <= 4, () -> "sinks, and a window that wraps around: " + table.segments);
    }
  }

  @Test
  void sinksAreTheirOwnFirstSegment() {
    CachePolicy policy = CachePolicy.sinksAndWindow(4, 100);
    SequenceCache cache = new SequenceCache(policy, new PageAllocator(8), 10);
    RecordingTable first = new RecordingTable();
    cache.append(3, first);
    cache.commit(SequenceCache.Evictions.NONE);
    assertEquals(List.of(new RecordingTable.Segment(0, 3, 0, 1)), first.segments);
    RecordingTable second = new RecordingTable();
    cache.append(10, second);
    assertEquals(
        List.of(new RecordingTable.Segment(0, 4, 0, 1), new RecordingTable.Segment(4, 9, 4, 0)), second.segments);
  }

  @Test
  void denseEndsWhereItIsFull() {
    PageAllocator pages = new PageAllocator(4);
    SequenceCache cache = new SequenceCache(CachePolicy.dense(100), pages, 64);
    append(cache, 64);
    assertEquals(36, cache.room());
    ContextFullException e = assertThrows(ContextFullException.class, () -> append(cache, 37));
    assertTrue(e.getMessage().contains("37") && e.getMessage().contains("64 of 100"), e.getMessage());
    append(cache, 36);
    assertEquals(100, cache.length());
    assertEquals(2, pages.nUsed());
    assertThrows(ContextFullException.class, () -> append(cache, 1));
    cache.release();
    assertEquals(0, pages.nUsed());
    append(cache, 5);
    assertEquals(5, cache.length());
  }

  @Test
  void aRefusedAppendChangesNothing() {
    PageAllocator pages = new PageAllocator(2);
    SequenceCache cache = new SequenceCache(CachePolicy.sinksAndWindow(0, 1000), pages, 200);
    append(cache, 100);
    assertEquals(28, cache.fitting(200));
    assertEquals(0, pages.nFree());
    assertThrows(CapacityException.class, () -> append(cache, 29));
    append(cache, 28);
    assertEquals(128, cache.length());
    assertEquals(0, cache.fitting(1));
  }

  @Test
  void aStepThatFailedCanBeReleased() {
    PageAllocator pages = new PageAllocator(4);
    SequenceCache cache = new SequenceCache(CachePolicy.sinksAndWindow(4, 60), pages, 128);
    append(cache, 70);
    cache.append(100, new RecordingTable());
    cache.release();
    assertEquals(0, pages.nUsed());
    assertEquals(0, cache.length());
    append(cache, 1);
  }

  @Test
  void policiesRefuseWhatCannotBe() {
    for (int bad : new int[] {0, -1, Integer.MIN_VALUE, Integer.MAX_VALUE}) {
      assertThrows(IllegalArgumentException.class, () -> CachePolicy.dense(bad));
    }
    assertThrows(IllegalArgumentException.class, () -> CachePolicy.sinksAndWindow(-1, 10));
    assertThrows(IllegalArgumentException.class, () -> CachePolicy.sinksAndWindow(10, -1));
    assertThrows(IllegalArgumentException.class, () -> CachePolicy.sinksAndWindow(Integer.MAX_VALUE, Integer.MAX_VALUE));
    CachePolicy.sinksAndWindow(0, 0);
  }
}
