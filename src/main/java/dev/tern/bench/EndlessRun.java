package dev.tern.bench;

import dev.tern.Engine;
import dev.tern.Generation;
import dev.tern.Model;
import dev.tern.Sampling;
import dev.tern.Session;
import dev.tern.cache.CachePolicy;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Consumer;

/**
 * Generates very many tokens in one stream and watches what must not grow: resident memory and the time of a token. Times are taken
 * over blocks of tokens, and compared as medians of blocks, since a single block only shows who else was on the machine.
 */
public final class EndlessRun {
  private static final int BLOCK = 1000;

  /** RSS at a point of the stream. */
  public record Memory(long tokens, long residentBytes, long nativeBytes) {}

  /**
   * What came out.
   *
   * @param firstNanosPerToken median over the first 1 % of the blocks after the window filled, a warm-up left out
   * @param lastNanosPerToken median over the last 1 % of the blocks
   * @param residentGrowth largest RSS after the first 10,000 tokens over the RSS at 10,000, less 1
   */
  public record Report(
      long tokens, int sinks, int window, double firstNanosPerToken, double lastNanosPerToken, double residentGrowth, List<Memory> memory) {
    /** Time per token at the end over time per token at the start, less 1. */
    public double slowdown() {
      return lastNanosPerToken / firstNanosPerToken - 1;
    }
  }

  private EndlessRun() {}

  /**
   * Runs it.
   *
   * @param tokens at least 20,000
   * @param progress is told every 10,000 tokens
   */
  public static Report run(Model model, int threads, int sinks, int window, long tokens, Consumer<Memory> progress) {
    if (tokens < 20 * BLOCK || tokens > Integer.MAX_VALUE) {
      throw new IllegalArgumentException("tokens is " + tokens + ", it must be " + 20 * BLOCK + " or more");
    }
    List<Memory> memory = new ArrayList<>();
    double[] nanos = new double[(int) (tokens / BLOCK)];
    try (Engine engine = Engine.builder(model).threads(threads).cachePolicy(CachePolicy.sinksAndWindow(sinks, window)).build();
        Session session = engine.newSession();
        Generation generation =
            session.generate("Once upon a time", Sampling.defaults().seed(1).maxTokens(0).ignoreEos(true))) {
      long last = System.nanoTime();
      for (int block = 0; block < nanos.length; block++) {
        for (int i = 0; i < BLOCK; i++) {
          generation.next();
        }
        long now = System.nanoTime();
        nanos[block] = (now - last) / (double) BLOCK;
        if ((block + 1) % 10 == 0) {
          Memory m = new Memory((block + 1L) * BLOCK, ProcessMemory.resident(), Model.nativeBytes());
          memory.add(m);
          progress.accept(m);
        }
        last = System.nanoTime();
      }
    }
    int part = Math.max(5, nanos.length / 100);
    int begin = Math.min(nanos.length - part, Math.max(10, (sinks + window) / BLOCK + 1)); // ten blocks for the JIT compiler
    long base = memory.get(0).residentBytes();
    long top = memory.stream().mapToLong(Memory::residentBytes).max().orElse(base);
    return new Report(
        tokens,
        sinks,
        window,
        median(nanos, begin, begin + part),
        median(nanos, nanos.length - part, nanos.length),
        top / (double) base - 1,
        memory);
  }

  private static double median(double[] values, int from, int to) {
    double[] part = Arrays.copyOfRange(values, from, to);
    Arrays.sort(part);
    return part[part.length / 2];
  }
}
