package dev.tern;

import dev.tern.cache.CachePolicy;
import dev.tern.cache.PageAllocator;
import dev.tern.cache.SequenceCache;
import dev.tern.kernel.StepBatch;

/**
 * What an engine was built with, and the sizes that follow. Of the pages: 0 stands for as many as can ever be needed.
 */
record EngineSettings(
    int threads, int maxSequences, CachePolicy cachePolicy, KvType kvType, int prefillChunk, int queueCapacity, int scoreRows,
    int kvPages) {
  private static final int DEFAULT_SINKS = 4;
  private static final int DEFAULT_CONTEXT = 4096;

  EngineSettings {
    kvPages = kvPages > 0 ? kvPages : enoughPages(cachePolicy, maxSequences, prefillChunk);
  }

  /** A few sinks, and a window such that a token sees as many keys as the model was trained with, within reason. */
  static CachePolicy defaultPolicy(int contextLength) {
    int keys = Math.min(contextLength, DEFAULT_CONTEXT);
    int sinks = Math.min(DEFAULT_SINKS, (keys - 1) / 2);
    return CachePolicy.sinksAndWindow(sinks, Math.max(0, keys - 1 - sinks));
  }

  /**
   * Pages that suffice always: between steps a stream holds at most what decoding needs, and in a step the prompt chunks, together
   * prefillChunk rows, add to that at most what one chunk of as many rows does, or are cut shorter.
   */
  private static int enoughPages(CachePolicy policy, int maxSequences, int prefillChunk) {
    int decoding = SequenceCache.maxPages(policy, 1);
    int chunk = SequenceCache.maxPages(policy, prefillChunk) - decoding;
    long all = (long) maxSequences * decoding + chunk;
    if (all > Integer.MAX_VALUE / PageAllocator.PAGE_LEN) {
      throw new IllegalArgumentException(
          maxSequences + " sequences of " + decoding + " pages are more than an arena can have: lower the window or maxSequences");
    }
    return (int) all;
  }

  /** A step has a row for each session and a chunk of prompts; each page may be a segment, and one page of each stream two. */
  StepBatch.Limits limits() {
    return new StepBatch.Limits(
        maxSequences + prefillChunk, maxSequences, kvPages + maxSequences, SequenceCache.nRotations(cachePolicy),
        maxSequences + Math.min(scoreRows, prefillChunk));
  }
}
