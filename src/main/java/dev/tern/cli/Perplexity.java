package dev.tern.cli;

import dev.tern.CancelledException;
import dev.tern.Engine;
import dev.tern.Model;
import dev.tern.Session;
import dev.tern.cache.CachePolicy;
import dev.tern.format.Tokenizer;
import java.io.IOException;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code tern ppl}: perplexity of a text, exp(-mean log-probability of its tokens), under a cache policy. */
@Command(name = "ppl", description = {
    "Measures the perplexity of a text: exp(-mean log-probability of its tokens), each given those before it in the cache."})
final class Perplexity implements Callable<Integer> {
  private static final int TOKENS_A_CALL = 256;

  @Parameters(paramLabel = "FILE", description = "UTF-8 text")
  Path text;

  @Mixin
  ModelOptions model;

  @Option(names = "--policy", paramLabel = "POLICY", defaultValue = "dense", description = {
      "which tokens stay in the cache:", "dense: all;", "window:W: the last W;", "sinks:S,W: the first S and the last W.",
      "Default ${DEFAULT-VALUE}"})
  String policy;

  @Option(names = "--context", paramLabel = "N", description = {
      "empty the cache after every N tokens; 0: never.", "Default: what the model was trained with if dense, else 0"})
  Integer context;

  @Option(names = "--threads", paramLabel = "N", description = "threads that compute; 0, the default: one per core")
  int threads;

  private final Streams io;
  private double sum;
  private double sumOfSquares;
  private long scored;

  Perplexity(Streams io) {
    this.io = io;
  }

  @Override
  public Integer call() throws IOException {
    if (Files.exists(text) && !Files.isRegularFile(text)) { // a pipe would be waited for, a device has no end
      throw new IllegalArgumentException(text + " is " + (Files.isDirectory(text) ? "a directory" : "not a regular file"));
    }
    String content;
    try {
      content = Files.readString(text, StandardCharsets.UTF_8);
    } catch (CharacterCodingException e) {
      throw new IllegalArgumentException(text + " is not UTF-8 text");
    }
    try (Model m = model.load(io)) {
      Tokenizer tokenizer = m.tokenizer();
      int[] tokens = tokenizer.encode(content, false, false);
      int bos = tokenizer.addsBos() ? tokenizer.bosId() : -1;
      boolean dense = policy.equals("dense");
      int piece = context != null ? context : dense ? m.contextLength() : 0;
      if (piece < 0) {
        throw new IllegalArgumentException("--context is " + piece + ", it must be 0 (never) or more");
      }
      piece = piece == 0 ? Math.max(1, tokens.length) : piece;
      CachePolicy cache = dense ? CachePolicy.dense(Math.min(piece, Math.max(1, tokens.length)) + 1) : rolling(policy);
      try (Engine e = Engine.builder(m).threads(threads).cachePolicy(cache).build();
          Session session = e.newSession()) {
        score(session, tokens, bos, piece);
      }
    }
    return Tern.OK;
  }

  private static CachePolicy rolling(String policy) {
    boolean sinks = policy.startsWith("sinks:");
    if (!sinks && !policy.startsWith("window:")) {
      throw new IllegalArgumentException("--policy " + policy + ": it must be dense, window:W or sinks:S,W");
    }
    int[] numbers = Text.ints("--policy", policy.substring(policy.indexOf(':') + 1));
    if (numbers.length != (sinks ? 2 : 1)) {
      throw new IllegalArgumentException("--policy " + policy + ": it must be dense, window:W or sinks:S,W");
    }
    return sinks ? CachePolicy.sinksAndWindow(numbers[0], numbers[1]) : CachePolicy.sinksAndWindow(0, numbers[0]);
  }

  private void score(Session session, int[] tokens, int bos, int piece) {
    Progress progress = new Progress(io, "scoring");
    Thread scorer = Thread.currentThread();
    try (Interrupt interrupt = new Interrupt(scorer::interrupt)) {
      try {
        for (int begin = 0; begin < tokens.length; begin += piece) {
          session.reset();
          if (bos >= 0) {
            session.score(bos);
          }
          int end = Math.min(tokens.length, begin + piece);
          for (int from = begin; from < end; from += TOKENS_A_CALL) {
            int to = Math.min(end, from + TOKENS_A_CALL);
            add(session.score(Arrays.copyOfRange(tokens, from, to)));
            progress.at(to, tokens.length, String.format(Locale.ROOT, "perplexity %.4f", Math.exp(-mean())));
          }
        }
      } catch (CancelledException e) {
        if (!interrupt.raised()) {
          throw e;
        }
      }
      progress.clear();
      report(session.engine().cachePolicy(), piece, interrupt.raised());
    }
  }

  private void add(float[] logprobs) {
    for (float logprob : logprobs) {
      sum += logprob;
      sumOfSquares += (double) logprob * logprob;
    }
    scored += logprobs.length;
  }

  private double mean() {
    return sum / scored;
  }

  private void report(CachePolicy cache, int piece, boolean interrupted) {
    if (scored == 0) {
      throw new IllegalArgumentException(text + " has too few tokens to score");
    }
    double perplexity = Math.exp(-mean());
    double variance = Math.max(0, sumOfSquares / scored - mean() * mean());
    double error = perplexity * Math.sqrt(variance / scored); // of exp(x), to first order
    String line = String.format(Locale.ROOT, "perplexity %.4f +/- %.4f over %d tokens, policy %s, context %d", perplexity, error, scored,
        Text.policy(cache), piece);
    if (interrupted) {
      io.err().println("interrupted: " + line);
    } else {
      io.out().println(line);
    }
  }
}
