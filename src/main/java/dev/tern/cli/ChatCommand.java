package dev.tern.cli;

import dev.tern.CancelledException;
import dev.tern.Chat;
import dev.tern.ChatTemplate;
import dev.tern.Engine;
import dev.tern.Generation;
import dev.tern.Model;
import dev.tern.Sampling;
import dev.tern.Session;
import dev.tern.Token;
import dev.tern.format.ByteSource;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import java.util.concurrent.atomic.AtomicReference;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code tern chat}: each line of standard input is a message, and its reply goes to standard output. */
@Command(name = "chat", description = {
    "Talks with a model: every line of standard input is a message, its reply is streamed to standard output.",
    "The conversation is written as the model's own chat template wants it. A line /reset begins anew, /exit or the end of the input ends;",
    "Ctrl-C ends a reply, and the command where there is none. Sampling is as the model's makers recommend unless options say otherwise."})
final class ChatCommand implements Callable<Integer> {
  private static final long MAX_TEMPLATE = 1 << 20;

  @Mixin
  ModelOptions model;

  @Mixin
  EngineOptions engine;

  @Option(names = "--system", paramLabel = "TEXT", description = "what the model is told before the conversation")
  String system;

  @Option(names = "--template", paramLabel = "FILE", description = "a chat template (Jinja) instead of the model's own")
  Path template;

  @Option(names = "--max-tokens", paramLabel = "N", defaultValue = "1024",
      description = "end a reply after N tokens; 0: only where the model does; default ${DEFAULT-VALUE}")
  int maxTokens;

  @Option(names = "--temperature", paramLabel = "T", description = "0 is greedy")
  Float temperature;

  @Option(names = "--top-k", paramLabel = "K", description = "draw from the K most probable; 0: all")
  Integer topK;

  @Option(names = "--top-p", paramLabel = "P", description = "draw from the most probable that together have probability P; 1: all")
  Float topP;

  @Option(names = "--min-p", paramLabel = "P", description = "draw from those at least P times as probable as the most probable; 0: all")
  Float minP;

  @Option(names = "--repeat-penalty", paramLabel = "R", description = "weakens recent tokens; 1: off")
  Float repeatPenalty;

  @Option(names = "--seed", paramLabel = "S", defaultValue = "0", description = "of the draws; default ${DEFAULT-VALUE}")
  long seed;

  private final Streams io;
  private final AtomicReference<Generation> running = new AtomicReference<>();

  ChatCommand(Streams io) {
    this.io = io;
  }

  @Override
  public Integer call() throws IOException {
    sampling(Sampling.defaults()); // bad values are refused before a model is loaded
    String source = template == null ? null : source();
    try (Model m = model.load(io)) {
      if (source == null && m.chatTemplates().isEmpty()) {
        throw new IllegalArgumentException(
            m.name() + " has no chat template: it is not made for conversations. 'tern generate' continues a text; --template FILE gives a template");
      }
      ChatTemplate written = source == null ? m.chatTemplate() : ChatTemplate.of(source, m.tokenizer());
      Interrupts interrupts = new Interrupts(this::interrupt);
      try (Engine e = engine.builder(m).build();
          Session session = e.newSession()) {
        Chat chat = session.chat(written);
        if (system != null) {
          chat.system(system);
        }
        converse(chat, sampling(m.sampling()));
      } finally {
        interrupts.close();
      }
    }
    return Tern.OK;
  }

  private String source() {
    if (Files.exists(template) && !Files.isRegularFile(template)) { // a pipe would be waited for, a device has no end
      throw new IllegalArgumentException("--template: " + template + " is " + (Files.isDirectory(template) ? "a directory" : "not a regular file"));
    }
    try (ByteSource file = ByteSource.open(template)) {
      if (file.size() > MAX_TEMPLATE) {
        throw new IllegalArgumentException("--template: " + template + " has more than " + MAX_TEMPLATE + " bytes");
      }
      ByteBuffer bytes = ByteBuffer.allocate((int) file.size());
      file.read(0, bytes);
      return StandardCharsets.UTF_8.newDecoder().decode(bytes.flip()).toString();
    } catch (CharacterCodingException e) {
      throw new IllegalArgumentException("--template: " + template + " is not UTF-8 text");
    }
  }

  private Sampling sampling(Sampling recommended) {
    Sampling s = recommended.seed(seed).maxTokens(maxTokens);
    s = temperature == null ? s : s.temperature(temperature);
    s = topK == null ? s : s.topK(topK);
    s = topP == null ? s : s.topP(topP);
    s = minP == null ? s : s.minP(minP);
    return repeatPenalty == null ? s : s.repeatPenalty(repeatPenalty);
  }

  /** On Ctrl-C: ends the reply, or everything. */
  private void interrupt() {
    Generation generation = running.get();
    if (generation != null) {
      generation.cancel();
    } else {
      System.exit(Tern.INTERRUPTED);
    }
  }

  private void converse(Chat chat, Sampling sampling) throws IOException {
    BufferedReader lines = new BufferedReader(new InputStreamReader(io.in(), StandardCharsets.UTF_8));
    while (true) {
      if (io.inIsTerminal()) {
        io.err().print("> ");
        io.err().flush();
      }
      String line = lines.readLine();
      if (line == null || line.strip().equals("/exit")) {
        if (line == null && io.inIsTerminal()) {
          io.err().println();
        }
        return;
      } else if (line.strip().equals("/reset")) {
        chat.reset();
      } else if (!line.isBlank()) {
        reply(chat, line, sampling);
      }
    }
  }

  private void reply(Chat chat, String message, Sampling sampling) {
    try (Generation generation = chat.send(message, sampling)) {
      running.set(generation);
      for (Token token : generation) {
        io.printForeign(token.text());
      }
    } catch (CancelledException e) {
      // Ctrl-C: what was said stays said.
    } finally {
      running.set(null);
    }
    io.out().endLine();
  }
}
