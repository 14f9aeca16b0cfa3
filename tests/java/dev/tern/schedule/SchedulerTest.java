package dev.tern.schedule;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.tern.CancelledException;
import dev.tern.CapacityException;
import dev.tern.ClosedException;
import dev.tern.ContextFullException;
import dev.tern.DeviceLostException;
import dev.tern.NativeFaultException;
import dev.tern.NumericalException;
import dev.tern.Sampling;
import dev.tern.Seed;
import dev.tern.cache.CachePolicy;
import dev.tern.cache.SequenceCache;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class SchedulerTest {
  private static final CachePolicy ROLLING = CachePolicy.sinksAndWindow(4, 100);

  private static List<Integer> alone(CachePolicy policy, int[] prompt, long seed, int n) {
    Rig rig = new Rig(policy, 1, 1);
    Collector out = rig.generate(rig.sequence(), prompt, seed, n);
    rig.run();
    assertEquals(n, out.tokens.size());
    return out.tokens;
  }

  @Test
  void tokensAreTheSameAloneAndTogether() {
    Random random = Seed.random();
    for (int c = 0; c < 40; c++) {
      CachePolicy policy =
          random.nextInt(4) == 0 ? CachePolicy.dense(600) : CachePolicy.sinksAndWindow(random.nextInt(70), random.nextInt(150));
      int n = 1 + random.nextInt(6);
      Rig rig = new Rig(policy, n, 1 + random.nextInt(60));
      List<Collector> outs = new ArrayList<>();
      List<int[]> prompts = new ArrayList<>();
      for (int i = 0; i < n; i++) {
        prompts.add(Rig.prompt(1 + random.nextInt(300), random.nextInt()));
        outs.add(rig.generate(rig.sequence(), prompts.get(i), i, 1 + random.nextInt(200)));
        for (int k = random.nextInt(20); k > 0; k--) {
          rig.scheduler.doWork();
        }
      }
      rig.run();
      for (int i = 0; i < n; i++) {
        assertEquals(alone(policy, prompts.get(i), i, outs.get(i).limit), outs.get(i).tokens, Seed.text() + " case " + c);
        assertEquals(1, outs.get(i).nEnded);
        assertNull(outs.get(i).failure);
        assertEquals(prompts.get(i).length, outs.get(i).nPrompt);
      }
    }
  }

  @Test
  void everyStreamDecodesInEachStepWhileAPromptIsFed() {
    Rig rig = new Rig(ROLLING, 4, 16);
    List<Collector> decoding = new ArrayList<>();
    for (int i = 0; i < 3; i++) {
      decoding.add(rig.generate(rig.sequence(), Rig.prompt(3, i), i, 1000));
    }
    rig.scheduler.doWork();
    Collector late = rig.generate(rig.sequence(), Rig.prompt(160, 9), 9, 5);
    int before = decoding.get(0).tokens.size();
    for (int i = 0; i < 10; i++) {
      assertTrue(late.tokens.isEmpty());
      rig.scheduler.doWork();
      assertEquals(3 + 16, rig.step.lastRows, "all that decode, and a chunk");
    }
    decoding.forEach(d -> assertEquals(before + 10, d.tokens.size()));
    assertEquals(1, late.tokens.size());
    rig.scheduler.doWork();
    assertEquals(4, rig.step.lastRows);
  }

  @Test
  void promptsTakeTurns() {
    Rig rig = new Rig(ROLLING, 3, 16);
    Collector longest = rig.generate(rig.sequence(), Rig.prompt(1600, 1), 1, 1);
    rig.scheduler.doWork();
    Collector second = rig.generate(rig.sequence(), Rig.prompt(160, 2), 2, 1);
    Collector quick = rig.generate(rig.sequence(), Rig.prompt(5, 3), 3, 1);
    rig.scheduler.doWork(); // the second
    rig.scheduler.doWork(); // the quick one, and 11 rows of the first
    assertEquals(1, quick.tokens.size());
    assertEquals(16, rig.step.lastRows);
    assertEquals(2, rig.step.lastSeqs);
    int steps = rig.step.nSteps;
    while (!second.ended) {
      rig.scheduler.doWork();
    }
    assertTrue(rig.step.nSteps - steps <= 2 * 10, "every other step was the second's");
    assertTrue(!longest.ended);
    rig.run();
    assertTrue(longest.ended);
  }

  /** Only prompts of one token are fed as one row: chunks must not change a prompt's bits on a GPU. */
  @Test
  void promptsAreNotCutToSingleRows() {
    Random random = Seed.random();
    for (int c = 0; c < 60; c++) {
      int n = 1 + random.nextInt(5);
      Rig rig = new Rig(CachePolicy.dense(400), n, 3 + random.nextInt(12));
      int singles = 0;
      List<Collector> outs = new ArrayList<>();
      for (int i = 0; i < n; i++) {
        int length = random.nextInt(4) == 0 ? 1 : 2 + random.nextInt(50);
        singles += length == 1 ? 1 : 0;
        outs.add(rig.generate(rig.sequence(), Rig.prompt(length, i), i, 1)); // one token: no row is a generated one
        for (int k = random.nextInt(4); k > 0; k--) {
          rig.scheduler.doWork();
        }
      }
      rig.run();
      outs.forEach(out -> assertEquals(1, out.tokens.size()));
      assertEquals(singles, rig.step.nSingleRows, Seed.text() + " case " + c);
    }
  }

  @Test
  void theStreamGoesOnWhereItEnded() {
    int[] prompt = Rig.prompt(20, 1);
    List<Integer> whole = alone(ROLLING, prompt, 5, 60);
    Rig rig = new Rig(ROLLING, 1, 8);
    Sequence sequence = rig.sequence();
    List<Integer> parts = new ArrayList<>();
    for (int[] feed = prompt; parts.size() < 60; feed = new int[0]) {
      Collector out = rig.generate(sequence, feed, 5, 15);
      rig.run();
      parts.addAll(out.tokens);
      assertEquals(20 + parts.size(), sequence.length());
      assertTrue(sequence.hasPending());
    }
    assertEquals(whole, parts);
  }

  @Test
  void aReaderWhoIsBehindPausesOnlyItsOwnStream() {
    Rig rig = new Rig(ROLLING, 2, 8);
    int[] prompt = Rig.prompt(5, 1);
    Collector slow = new Collector(30);
    slow.room = 3;
    Task task = Task.generate(rig.sequence(), prompt, Sampling.greedy().temperature(1).seed(1), slow);
    rig.scheduler.submit(task);
    Collector other = rig.generate(rig.sequence(), prompt, 2, 50);
    rig.run();
    assertTrue(other.ended);
    assertEquals(3, slow.tokens.size());
    assertTrue(task.waitsForRoom());
    assertEquals(0, rig.scheduler.doWork());
    slow.room = 10;
    rig.run();
    assertEquals(10, slow.tokens.size());
    slow.room = 1000;
    rig.run();
    assertEquals(alone(ROLLING, prompt, 1, 30), slow.tokens);
  }

  @Test
  void cancellingTakesEffectBeforeTheNextStep() {
    Rig rig = new Rig(ROLLING, 2, 8);
    Sequence sequence = rig.sequence();
    Collector out = new Collector(1000);
    Task task = Task.generate(sequence, Rig.prompt(100, 1), Sampling.greedy(), out);
    rig.scheduler.submit(task);
    rig.scheduler.doWork();
    rig.scheduler.doWork();
    int steps = rig.step.nSteps;
    task.cancel();
    rig.scheduler.doWork();
    assertEquals(steps, rig.step.nSteps);
    assertInstanceOf(CancelledException.class, out.failure);
    assertEquals(16, sequence.length(), "what was fed stays");
    rig.scheduler.release(sequence);
    rig.scheduler.doWork();
    assertEquals(0, rig.pages.nUsed());
    assertEquals(1, rig.scheduler.stats().cancelled());
    // as new
    Collector again = rig.generate(sequence, Rig.prompt(9, 2), 3, 12);
    rig.run();
    assertEquals(alone(ROLLING, Rig.prompt(9, 2), 3, 12), again.tokens);
  }

  @Test
  void aStreamWithoutFiniteLogitsFailsAlone() {
    Rig rig = new Rig(ROLLING, 3, 8);
    Sequence bad = rig.sequence();
    Collector good = rig.generate(rig.sequence(), Rig.prompt(10, 1), 1, 40);
    int[] prompt = Rig.prompt(10, 2);
    prompt[7] = FakeStep.NAN_TOKEN;
    Collector failed = rig.generate(bad, prompt, 2, 40);
    rig.run();
    assertInstanceOf(NumericalException.class, failed.failure);
    assertTrue(failed.tokens.isEmpty());
    assertEquals(alone(ROLLING, Rig.prompt(10, 1), 1, 40), good.tokens);
    Collector refused = rig.generate(bad, Rig.prompt(1, 1), 2, 40);
    rig.run();
    assertSame(failed.failure, refused.failure, "until it is released");
    rig.scheduler.release(bad);
    Collector fresh = rig.generate(bad, Rig.prompt(10, 1), 1, 40);
    rig.run();
    assertEquals(good.tokens, fresh.tokens);
  }

  @Test
  void aStepThatFailsEndsItsTasksAndNoOthers() {
    Rig rig = new Rig(ROLLING, 2, 8);
    Sequence sequence = rig.sequence();
    Collector out = rig.generate(sequence, Rig.prompt(10, 1), 1, 40);
    rig.scheduler.doWork();
    rig.step.failNext = new IllegalArgumentException("as if");
    rig.run();
    assertInstanceOf(NativeFaultException.class, out.failure);
    assertEquals(1, out.nEnded);
    assertEquals(0, rig.pages.nUsed());
    Collector next = rig.generate(rig.sequence(), Rig.prompt(10, 1), 1, 40);
    rig.run();
    assertEquals(alone(ROLLING, Rig.prompt(10, 1), 1, 40), next.tokens);
  }

  @Test
  void aListenerThatThrowsEndsItsTaskAlone() {
    Rig rig = new Rig(ROLLING, 2, 8);
    Collector bad = new Collector(10) {
      @Override
      public boolean token(int id, float logprob) {
        throw new IllegalStateException("as if");
      }
    };
    rig.scheduler.submit(Task.generate(rig.sequence(), Rig.prompt(3, 1), Sampling.greedy(), bad));
    Collector good = rig.generate(rig.sequence(), Rig.prompt(10, 1), 1, 40);
    rig.run();
    assertInstanceOf(NativeFaultException.class, bad.failure);
    assertEquals(alone(ROLLING, Rig.prompt(10, 1), 1, 40), good.tokens);
  }

  @Test
  void aLostDeviceEndsEverythingForGood() {
    Rig rig = new Rig(ROLLING, 2, 8);
    Collector first = rig.generate(rig.sequence(), Rig.prompt(10, 1), 1, 40);
    Collector second = rig.generate(rig.sequence(), Rig.prompt(10, 1), 1, 40);
    rig.step.failNext = new DeviceLostException("as if");
    rig.scheduler.doWork();
    assertInstanceOf(DeviceLostException.class, first.failure);
    assertInstanceOf(DeviceLostException.class, second.failure);
    assertThrows(DeviceLostException.class, () -> rig.generate(rig.sequence(), Rig.prompt(1, 1), 1, 1));
    assertEquals(0, rig.scheduler.doWork());
  }

  @Test
  void streamsWaitForPagesOfOthers() {
    CachePolicy dense = CachePolicy.dense(256);
    Rig rig = new Rig(dense, 3, 64, 5);
    Sequence first = rig.sequence();
    Collector a = rig.generate(first, Rig.prompt(150, 1), 1, 90); // 4 pages in the end
    Collector b = rig.generate(rig.sequence(), Rig.prompt(120, 2), 2, 10); // 2 or 3 pages
    for (int i = 0; i < 60; i++) {
      rig.scheduler.doWork();
    }
    assertTrue(!a.ended && !b.ended || a.ended != b.ended);
    rig.run();
    assertTrue(a.ended);
    assertEquals(1, a.nEnded);
    assertEquals(1, b.nEnded);
    assertNull(a.failure);
    assertEquals(alone(dense, Rig.prompt(150, 1), 1, 90), a.tokens);
  }

  @Test
  void theNewestGivesWayIfAllWaitForPages() {
    CachePolicy dense = CachePolicy.dense(640);
    Rig rig = new Rig(dense, 3, 64, 4);
    Sequence idle = rig.sequence();
    rig.generate(idle, Rig.prompt(60, 1), 1, 1);
    rig.run();
    Collector a = rig.generate(rig.sequence(), Rig.prompt(60, 2), 2, 100);
    Collector b = rig.generate(rig.sequence(), Rig.prompt(60, 3), 3, 100);
    rig.run();
    assertNull(a.failure);
    assertEquals(alone(dense, Rig.prompt(60, 2), 2, 100), a.tokens);
    assertInstanceOf(CapacityException.class, b.failure);
    // More than the arena has, alone: impossible.
    Collector c = rig.generate(rig.sequence(), Rig.prompt(300, 4), 4, 1);
    rig.run();
    assertInstanceOf(CapacityException.class, c.failure);
    assertTrue(c.failure.getMessage().contains("of 4"), c.failure.getMessage());
  }

  @Test
  void aFullDenseCacheEndsTheStream() {
    Rig rig = new Rig(CachePolicy.dense(70), 2, 16);
    Sequence sequence = rig.sequence();
    Collector out = rig.generate(sequence, Rig.prompt(60, 1), 1, 1000);
    Collector tooLong = rig.generate(rig.sequence(), Rig.prompt(71, 1), 1, 1000);
    rig.run();
    assertInstanceOf(ContextFullException.class, out.failure);
    assertEquals(11, out.tokens.size(), "the last one needs no room itself");
    assertInstanceOf(ContextFullException.class, tooLong.failure);
    assertTrue(tooLong.tokens.isEmpty());
  }

  @Test
  void scoringTellsEveryTokenThatFollowsAnother() {
    int[] text = Rig.prompt(100, 1);
    Rig rig = new Rig(ROLLING, 2, 32);
    Sequence whole = rig.sequence();
    Collector one = new Collector(0);
    rig.scheduler.submit(Task.score(whole, text, one));
    Collector beside = rig.generate(rig.sequence(), Rig.prompt(10, 1), 1, 40);
    rig.run();
    assertEquals(99, one.tokens.size());
    assertEquals(100, whole.length());
    assertNull(one.failure);
    assertEquals(alone(ROLLING, Rig.prompt(10, 1), 1, 40), beside.tokens);
    // In parts: the first part of one token scores nothing.
    Sequence parts = rig.sequence();
    Collector many = new Collector(0);
    int from = 0;
    for (int n : new int[] {1, 1, 20, 33, 45}) {
      rig.scheduler.submit(Task.score(parts, java.util.Arrays.copyOfRange(text, from, from + n), many));
      rig.run();
      from += n;
      assertEquals(from, parts.length());
    }
    assertEquals(one.tokens, many.tokens);
    assertEquals(one.logprobs, many.logprobs);
    for (int i = 0; i < 99; i++) {
      assertEquals(text[i + 1], one.tokens.get(i));
    }
  }

  @Test
  void logitsFollowTheLastToken() {
    Rig rig = new Rig(ROLLING, 1, 8);
    Sequence sequence = rig.sequence();
    float[] logits = {-1};
    Collector out = new Collector(0);
    rig.scheduler.submit(Task.logits(sequence, Rig.prompt(30, 1), logits, out));
    rig.run();
    assertTrue(out.ended);
    assertNull(out.failure);
    assertTrue(logits[0] >= 0);
    assertEquals(30, sequence.length());
    assertTrue(!sequence.hasPending());
  }

  @Test
  void terminatingEndsAllOnce() {
    Rig rig = new Rig(ROLLING, 3, 8);
    Collector running = rig.generate(rig.sequence(), Rig.prompt(10, 1), 1, 40);
    rig.scheduler.doWork();
    Collector queued = rig.generate(rig.sequence(), Rig.prompt(10, 1), 1, 40);
    rig.scheduler.terminate(new ClosedException("closed"));
    for (Collector c : List.of(running, queued)) {
      assertEquals(1, c.nEnded);
      assertInstanceOf(ClosedException.class, c.failure);
    }
    assertThrows(ClosedException.class, () -> rig.generate(rig.sequence(), Rig.prompt(1, 1), 1, 1));
    rig.scheduler.release(rig.sequence());
    assertEquals(0, rig.scheduler.doWork());
  }

  @Test
  void submittingWhileTerminatingNeverLosesATask() throws InterruptedException {
    for (int i = 0; i < 500; i++) {
      Rig rig = new Rig(ROLLING, 1, 8);
      Collector out = new Collector(1);
      Task task = Task.generate(rig.sequence(), Rig.prompt(1, 1), Sampling.greedy(), out);
      boolean[] refused = {false};
      Thread submitter = new Thread(() -> {
        try {
          rig.scheduler.submit(task);
        } catch (ClosedException e) {
          refused[0] = true;
        }
      });
      submitter.start();
      rig.scheduler.terminate(new ClosedException("closed"));
      submitter.join();
      assertEquals(1, out.nEnded + (refused[0] ? 1 : 0));
    }
  }

  @Test
  void aTurnAllocatesNothing() {
    Rig rig = new Rig(ROLLING, 3, 16);
    TaskListener endless = failure -> {};
    for (int i = 0; i < 3; i++) {
      rig.scheduler.submit(Task.generate(rig.sequence(), Rig.prompt(20, i), Sampling.greedy().repeatPenalty(1.1f), endless));
    }
    var threads = (com.sun.management.ThreadMXBean) java.lang.management.ManagementFactory.getThreadMXBean();
    for (int i = 0; i < 20_000; i++) {
      rig.scheduler.doWork(); // until compiled
    }
    long before = threads.getCurrentThreadAllocatedBytes();
    for (int i = 0; i < 5000; i++) {
      rig.scheduler.doWork();
    }
    long bytes = threads.getCurrentThreadAllocatedBytes() - before;
    assertTrue(bytes < 5000, bytes + " bytes in 5000 turns of 3 tokens");
  }

  @Test
  void randomWorkLeavesNoPageBehind() {
    Random random = Seed.random();
    CachePolicy policy = CachePolicy.sinksAndWindow(3, 40);
    Rig rig = new Rig(policy, 5, 20, 5 * SequenceCache.maxPages(policy, 1) + 1);
    List<Sequence> sequences = new ArrayList<>();
    List<Collector> outs = new ArrayList<>();
    List<Task> tasks = new ArrayList<>();
    for (int i = 0; i < 5; i++) {
      sequences.add(rig.sequence());
      outs.add(new Collector(0));
      outs.get(i).ended = true;
      tasks.add(null);
    }
    for (int turn = 0; turn < 20_000; turn++) {
      int i = random.nextInt(5);
      int what = random.nextInt(10);
      if (outs.get(i).ended && what < 5) {
        if (what == 0) {
          rig.scheduler.release(sequences.get(i));
        }
        outs.set(i, new Collector(1 + random.nextInt(60)));
        Task task =
            Task.generate(sequences.get(i), Rig.prompt(1 + random.nextInt(80), turn), Sampling.greedy(), outs.get(i));
        tasks.set(i, task);
        rig.scheduler.submit(task);
      } else if (what == 9 && tasks.get(i) != null) {
        tasks.get(i).cancel();
      }
      rig.scheduler.doWork();
    }
    rig.run();
    sequences.forEach(rig.scheduler::release);
    rig.run();
    assertEquals(0, rig.pages.nUsed(), Seed.text());
    assertEquals(0, rig.scheduler.stats().failed(), Seed.text());
    assertTrue(rig.scheduler.stats().decodedTokens() > 10_000);
  }
}
