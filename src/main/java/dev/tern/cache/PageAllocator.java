package dev.tern.cache;

import java.util.BitSet;

/** Hands out the pages of a KV arena. Pages are {@value #PAGE_LEN} slots each. For one thread. */
public final class PageAllocator {
  /** Slots of a page. */
  public static final int PAGE_LEN = 64;

  private final int nPages;
  private final BitSet used;
  private int nUsed;

  public PageAllocator(int nPages) {
    if (nPages < 1 || nPages > Integer.MAX_VALUE / PAGE_LEN) {
      throw new IllegalArgumentException("an arena of " + nPages + " pages: it must be 1 to " + Integer.MAX_VALUE / PAGE_LEN);
    }
    this.nPages = nPages;
    used = new BitSet(nPages);
  }

  /**
   * Takes a page: the wanted one if it is free, so that runs stay long, else the lowest.
   *
   * @return its number, or -1 if none is free
   */
  int take(int wanted) {
    int page = wanted >= 0 && wanted < nPages && !used.get(wanted) ? wanted : used.nextClearBit(0);
    if (page >= nPages) {
      return -1;
    }
    used.set(page);
    nUsed++;
    return page;
  }

  void giveBack(int page) {
    if (!used.get(page)) {
      throw new IllegalStateException("page " + page + " is free already");
    }
    used.clear(page);
    nUsed--;
  }

  public int nPages() {
    return nPages;
  }

  public int nUsed() {
    return nUsed;
  }

  public int nFree() {
    return nPages - nUsed;
  }
}
