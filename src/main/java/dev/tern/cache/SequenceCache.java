package dev.tern.cache;

import static dev.tern.cache.PageAllocator.PAGE_LEN;

import dev.tern.CapacityException;
import dev.tern.ContextFullException;
import java.util.Arrays;

/**
 * Where the keys of one stream are: the table that a {@link CachePolicy} edits. The key of position p lies in page p / 64 of the
 * stream, at place p mod 64, so a page number of the stream is all that must be mapped to a page of the arena. See docs/kv-cache.md.
 *
 * <p>A step is {@link #append}, the forward pass, {@link #commit}. Nothing is allocated per token. For one thread.
 *
 * <p>A dense cache is a window that never rolls: no sinks, and a window as long as the limit.
 */
public final class SequenceCache {
  /** Positions end here, by the contract of the native step. */
  private static final long MAX_POSITION = 1L << 40;

  /** Told the slots that no later row can see, before their page is given back. */
  @FunctionalInterface
  public interface Evictions {
    Evictions NONE = (slot, len) -> {};

    void evicted(int slot, int len);
  }

  private final PageAllocator pages;
  private final int nSinks;
  private final long window;
  private final long limit;
  private final int maxChunk;
  private final int[] sinkPages; // arena page of stream pages [0, sinkPages.length)
  private final int[] windowPages; // arena page of stream page q >= sinkPages.length, at q mod length
  private long length; // tokens in the cache or evicted: the position of the next
  private int uncommitted;
  private long firstPage; // stream pages [firstPage, endPage) are held, and the sinks' below endPage
  private long endPage;
  private long evictedTo; // positions [nSinks, evictedTo) are evicted

  /**
   * @param maxChunk most tokens of one {@link #append}
   */
  public SequenceCache(CachePolicy policy, PageAllocator pages, int maxChunk) {
    this.pages = pages;
    nSinks = nSinks(policy);
    window = window(policy);
    limit = maxLength(policy);
    this.maxChunk = maxChunk;
    sinkPages = new int[pagesOf(nSinks)];
    windowPages = new int[windowPages(policy, maxChunk)];
    release();
  }

  /** Rotations of a query under this policy: 2 with sinks, else 1. */
  public static int nRotations(CachePolicy policy) {
    return nSinks(policy) > 0 ? 2 : 1;
  }

  /** Most tokens that a stream of this policy can have. */
  public static long maxLength(CachePolicy policy) {
    return policy instanceof CachePolicy.Dense dense ? dense.maxTokens() : MAX_POSITION;
  }

  /**
   * Most pages that one stream ever holds while it appends chunks of at most so many tokens: the sinks' pages, and those that
   * window + chunk consecutive positions touch if they begin at the last place of a page. Streams of all lengths attain it.
   */
  public static int maxPages(CachePolicy policy, int chunk) {
    return pagesOf(nSinks(policy)) + windowPages(policy, chunk);
  }

  private static int windowPages(CachePolicy policy, int chunk) {
    long touched = (window(policy) + chunk + PAGE_LEN - 2) / PAGE_LEN + 1;
    return policy instanceof CachePolicy.Dense dense ? (int) Math.min(touched, pagesOf(dense.maxTokens())) : (int) touched;
  }

  private static int nSinks(CachePolicy policy) {
    return policy instanceof CachePolicy.SinksAndWindow rolling ? rolling.nSinks() : 0;
  }

  private static int window(CachePolicy policy) {
    return policy instanceof CachePolicy.SinksAndWindow rolling ? rolling.window() : ((CachePolicy.Dense) policy).maxTokens();
  }

  private static int pagesOf(int n) {
    return (n + PAGE_LEN - 1) / PAGE_LEN;
  }

  /** Tokens appended and committed so far, evicted ones included. */
  public long length() {
    return length;
  }

  /** Tokens that may still be appended. */
  public long room() {
    return limit - length;
  }

  /** Pages held now. */
  public int nPages() {
    return (int) (Math.min(endPage, sinkPages.length) + Math.max(0, endPage - firstPage));
  }

  /** Tokens, at most n, that can be appended now with the arena's free pages. */
  public int fitting(int n) {
    return (int) Math.min(n, (endPage + pages.nFree()) * PAGE_LEN - length);
  }

  /**
   * Takes the pages that the next n tokens need, and writes the tokens' rows and the segments of all keys that one of them can see.
   *
   * @throws ContextFullException if a dense cache has no room for them
   * @throws CapacityException if the arena has not enough free pages
   */
  public void append(int n, RowTable out) {
    if (n < 1 || n > maxChunk || uncommitted != 0) {
      throw new IllegalStateException("append of " + n + " of at most " + maxChunk + " tokens, " + uncommitted + " uncommitted");
    }
    if (n > room()) {
      throw new ContextFullException(
          n + " more tokens do not fit: the cache holds " + length + " of " + limit + "; use a larger one, or a rolling cache");
    }
    if (fitting(n) < n) {
      throw new CapacityException(n + " more tokens need more KV pages than the " + pages.nFree() + " that are free of " + pages.nPages());
    }
    uncommitted = n;
    long end = length + n;
    while (endPage * PAGE_LEN < end) {
      boolean followsHeld = endPage > 0 && (endPage > firstPage || endPage <= sinkPages.length);
      setArenaPage(endPage, pages.take(followsHeld ? arenaPage(endPage - 1) + 1 : 0));
      endPage++;
    }
    for (long pos = length; pos < end; pos++) {
      out.row(slot(pos), pos, pos, Math.min(pos, nSinks + window), Math.min(nSinks, pos + 1), Math.max(0, pos - window), pos);
    }
    segments(0, Math.min(nSinks, end), 1, out);
    segments(Math.max(nSinks, length - window), end, 0, out);
  }

  /** The step is done: its tokens are in the cache, and the pages that no later token can see go back. */
  public void commit(Evictions evictions) {
    length += uncommitted;
    uncommitted = 0;
    long keepFrom = Math.max(nSinks, length - window);
    while (evictedTo < keepFrom) {
      long end = Math.min(keepFrom, (evictedTo / PAGE_LEN + 1) * PAGE_LEN);
      evictions.evicted(slot(evictedTo), (int) (end - evictedTo));
      evictedTo = end;
    }
    for (; firstPage < endPage && firstPage < keepFrom / PAGE_LEN; firstPage++) {
      pages.giveBack(arenaPage(firstPage));
    }
  }

  /** Gives back all pages: the stream is empty, also if a step was not committed. */
  public void release() {
    for (long q = 0; q < Math.min(endPage, sinkPages.length); q++) {
      pages.giveBack(arenaPage(q));
    }
    for (long q = firstPage; q < endPage; q++) {
      pages.giveBack(arenaPage(q));
    }
    Arrays.fill(sinkPages, -1);
    Arrays.fill(windowPages, -1);
    length = 0;
    uncommitted = 0;
    firstPage = sinkPages.length;
    endPage = 0;
    evictedTo = nSinks;
  }

  private int arenaPage(long q) {
    return q < sinkPages.length ? sinkPages[(int) q] : windowPages[(int) (q % windowPages.length)];
  }

  private void setArenaPage(long q, int page) {
    if (q < sinkPages.length) {
      sinkPages[(int) q] = page;
    } else {
      windowPages[(int) (q % windowPages.length)] = page;
    }
  }

  private int slot(long pos) {
    return arenaPage(pos / PAGE_LEN) * PAGE_LEN + (int) (pos % PAGE_LEN);
  }

  /** Segments of positions [from, to): one for each run of consecutive arena pages. */
  private void segments(long from, long to, int rotation, RowTable out) {
    while (from < to) {
      long end = Math.min(to, (from / PAGE_LEN + 1) * PAGE_LEN);
      while (end < to && arenaPage(end / PAGE_LEN) == arenaPage(end / PAGE_LEN - 1) + 1) {
        end = Math.min(to, end + PAGE_LEN);
      }
      out.segment(slot(from), (int) (end - from), from, rotation);
      from = end;
    }
  }
}
