package dev.tern.schedule;

import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.tern.Sampling;
import dev.tern.cache.CachePolicy;
import dev.tern.cache.PageAllocator;
import dev.tern.cache.SequenceCache;
import dev.tern.kernel.StepBatch;

/** A scheduler over a {@link FakeStep}, turned by hand. */
final class Rig {
  final CachePolicy policy;
  final int prefillRows;
  final PageAllocator pages;
  final FakeStep step;
  final Scheduler scheduler;

  Rig(CachePolicy policy, int maxSeqs, int prefillRows, int nPages) {
    this.policy = policy;
    this.prefillRows = prefillRows;
    pages = new PageAllocator(nPages);
    StepBatch batch = new StepBatch(
        new StepBatch.Limits(maxSeqs + prefillRows, maxSeqs, nPages + maxSeqs, SequenceCache.nRotations(policy), maxSeqs + prefillRows));
    step = new FakeStep(batch, nPages);
    scheduler = new Scheduler(batch, step, pages, prefillRows, Math.min(prefillRows, 8));
  }

  Rig(CachePolicy policy, int maxSeqs, int prefillRows) {
    this(policy, maxSeqs, prefillRows, maxSeqs * SequenceCache.maxPages(policy, prefillRows));
  }

  Sequence sequence() {
    return new Sequence(new SequenceCache(policy, pages, prefillRows));
  }

  Collector generate(Sequence sequence, int[] prompt, long seed, int n) {
    Collector out = new Collector(n);
    scheduler.submit(Task.generate(sequence, prompt, Sampling.greedy().temperature(1).seed(seed), out));
    return out;
  }

  /** Turns until there is nothing to do. */
  void run() {
    for (int i = 0; scheduler.doWork() > 0; i++) {
      assertTrue(i < 1_000_000, "the scheduler never rests");
    }
  }

  static int[] prompt(int n, int salt) {
    int[] tokens = new int[n];
    for (int i = 0; i < n; i++) {
      tokens[i] = Math.floorMod(i * 7919 + salt * 104729, FakeStep.VOCAB);
    }
    return tokens;
  }
}
