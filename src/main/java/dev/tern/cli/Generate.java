package dev.tern.cli;

import dev.tern.CancelledException;
import dev.tern.Engine;
import dev.tern.Generation;
import dev.tern.Model;
import dev.tern.Sampling;
import dev.tern.Session;
import dev.tern.Timings;
import dev.tern.Token;
import dev.tern.Usage;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code tern generate}: the prompt and its continuation on standard output, token by token. */
@Command(name = "generate", description = {
    "Continues a text. Writes the prompt and then its continuation, as one text, to standard output.",
    "The prompt is the argument, or else standard input less its last line end; at a terminal without argument it is empty."})
final class Generate implements Callable<Integer> {
  @Parameters(arity = "0..1", paramLabel = "PROMPT", description = "the text to continue")
  String prompt;

  @Mixin
  ModelOptions model;

  @Mixin
  EngineOptions engine;

  @Option(names = "--max-tokens", paramLabel = "N", defaultValue = "256",
      description = "end after N tokens; 0: endless, past the model's end token too; default ${DEFAULT-VALUE}")
  int maxTokens;

  @Option(names = "--temperature", paramLabel = "T", defaultValue = "0.8", description = "0 is greedy; default ${DEFAULT-VALUE}")
  float temperature;

  @Option(names = "--top-k", paramLabel = "K", defaultValue = "0", description = "draw from the K most probable; 0, the default: all")
  int topK;

  @Option(names = "--top-p", paramLabel = "P", defaultValue = "0.95",
      description = "draw from the most probable that together have probability P; 1: all; default ${DEFAULT-VALUE}")
  float topP;

  @Option(names = "--min-p", paramLabel = "P", defaultValue = "0",
      description = "draw from those at least P times as probable as the most probable; 0, the default: all")
  float minP;

  @Option(names = "--repeat-penalty", paramLabel = "R", defaultValue = "1", description = "weakens recent tokens; 1, the default: off")
  float repeatPenalty;

  @Option(names = "--seed", paramLabel = "S", defaultValue = "0", description = "of the draws; default ${DEFAULT-VALUE}")
  long seed;

  @Option(names = "--stats", description = "write statistics to standard error")
  boolean stats;

  private final Streams io;

  Generate(Streams io) {
    this.io = io;
  }

  @Override
  public Integer call() throws IOException {
    Sampling sampling = Sampling.greedy().temperature(temperature).topK(topK).topP(topP).minP(minP).repeatPenalty(repeatPenalty)
        .seed(seed).maxTokens(maxTokens).ignoreEos(maxTokens == 0);
    String text = prompt != null ? prompt : readPrompt();
    try (Model m = model.load(io);
        Engine e = engine.builder(m).build();
        Session session = e.newSession();
        Generation generation = session.generate(text, sampling)) {
      stream(text, generation, e);
    }
    return Tern.OK;
  }

  private void stream(String text, Generation generation, Engine engine) {
    try (Interrupt interrupt = new Interrupt(generation::cancel)) {
      long firstMillis = 0;
      try {
        io.printForeign(text);
        for (Token token : generation) {
          firstMillis = firstMillis == 0 ? System.currentTimeMillis() : firstMillis;
          io.printForeign(token.text());
        }
      } catch (CancelledException e) {
        if (!interrupt.raised()) {
          throw e;
        }
      }
      io.out().endLine();
      if (stats || interrupt.raised()) {
        report(generation, engine, firstMillis);
      }
    }
  }

  private void report(Generation generation, Engine engine, long firstMillis) {
    Usage usage = generation.usage();
    Timings times = generation.timings();
    long decoded = Math.max(0, usage.generatedTokens() - 1); // the first comes out of the prompt's last step
    line("prompt     %d tokens in %s, %.1f tokens/s", usage.promptTokens(), Text.duration(Math.max(0, times.prefillNanos())),
        Text.perSecond(usage.promptTokens(), times.prefillNanos()));
    line("generated  %d tokens, after the first %d in %s, %.1f tokens/s", usage.generatedTokens(), decoded,
        Text.duration(times.decodeNanos()), Text.perSecond(decoded, times.decodeNanos()));
    if (firstMillis != 0) {
      long sinceStart = firstMillis - ManagementFactory.getRuntimeMXBean().getStartTime();
      line("started    first token %s after the start of the JVM", Text.duration(sinceStart * 1_000_000));
    }
    line("ended      %s", generation.finishReason() == null ? "interrupted" : generation.finishReason().toString().toLowerCase(Locale.ROOT));
    line("memory     weights %s, KV cache %s (%s), scratch %s", Text.bytes(engine.model().weightBytes()), Text.bytes(engine.kvBytes()),
        Text.policy(engine.cachePolicy()), Text.bytes(engine.scratchBytes()));
  }

  private void line(String format, Object... args) {
    io.err().println(String.format(Locale.ROOT, format, args));
  }

  private String readPrompt() throws IOException {
    if (io.inIsTerminal()) {
      return "";
    }
    String text = new String(io.in().readAllBytes(), StandardCharsets.UTF_8);
    return text.endsWith("\r\n") ? text.substring(0, text.length() - 2) : text.endsWith("\n") ? text.substring(0, text.length() - 1) : text;
  }
}
