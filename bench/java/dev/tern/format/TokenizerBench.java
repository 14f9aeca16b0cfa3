package dev.tern.format;

import dev.tern.Model;
import java.util.Arrays;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OperationsPerInvocation;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.infra.Blackhole;

/** Text to tokens and back with the embedded model's vocabulary, a token: 256 of them at once, or one by one as they are generated. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
public class TokenizerBench {
  private static final int TOKENS = 256;
  private static final String STORY = "Once upon a time, there was a little girl who lived near a big, dark forest. One day she found a shiny red ball "
      + "under a tree, and she asked her mom if she could keep it. Her mom smiled and said, \"Yes, but you have to share it with your friends.\" ";

  private Tokenizer tokenizer;
  private String text;
  private int[] ids;

  @Setup
  public void setUp() {
    try (Model model = Model.embedded()) {
      tokenizer = model.tokenizer();
    }
    ids = Arrays.copyOf(tokenizer.encode(STORY.repeat(10), false, false), TOKENS);
    text = tokenizer.decode(ids);
    int n = tokenizer.encode(text, false, false).length;
    if (n != TOKENS) { // else a token's time would be another's
      throw new IllegalStateException("a text of " + TOKENS + " tokens has " + n);
    }
  }

  @Benchmark
  @OperationsPerInvocation(TOKENS)
  public int[] encode() {
    return tokenizer.encode(text, false, false);
  }

  @Benchmark
  @OperationsPerInvocation(TOKENS)
  public String decode() {
    return tokenizer.decode(ids);
  }

  @Benchmark
  @OperationsPerInvocation(TOKENS)
  public void decodeOneByOne(Blackhole sink) {
    TokenDecoder decoder = tokenizer.decoder(true);
    for (int id : ids) {
      sink.consume(decoder.put(id));
    }
    sink.consume(decoder.finish());
  }
}
