package dev.tern.cli;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.tern.Engine;
import dev.tern.Model;
import dev.tern.Session;
import java.util.concurrent.Callable;
import java.util.stream.IntStream;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code tern logits}: what the model expects after some tokens. */
@Command(name = "logits", description = {
    "Writes the most probable next tokens as JSON: ids, logits and probabilities, most probable first.",
    "The tokens are fed as they are: no begin-of-text token is added."})
final class Logits implements Callable<Integer> {
  @Mixin
  ModelOptions model;

  @Mixin
  EngineOptions engine;

  @Option(names = "--tokens", paramLabel = "IDS", required = true, description = "token ids, separated by commas or blanks")
  String tokens;

  @Option(names = "--top", paramLabel = "N", defaultValue = "10", description = "how many, 0: all; default ${DEFAULT-VALUE}")
  int top;

  @Option(names = "--json", description = "the default, and the only form")
  boolean json;

  private final Streams io;

  Logits(Streams io) {
    this.io = io;
  }

  @Override
  public Integer call() {
    int[] ids = Text.ints("--tokens", tokens);
    if (top < 0) {
      throw new IllegalArgumentException("--top is " + top + ", it must be 0 (all) or more");
    }
    try (Model m = model.load(io);
        Engine e = engine.builder(m).build();
        Session session = e.newSession()) {
      io.printForeign(toJson(m, ids, session.logits(ids)).toPrettyString() + "\n"); // what is spelled out is still JSON
    }
    return Tern.OK;
  }

  private ObjectNode toJson(Model m, int[] ids, float[] logits) {
    double max = Double.NEGATIVE_INFINITY;
    for (float logit : logits) {
      max = Math.max(max, logit);
    }
    double sum = 0;
    for (float logit : logits) {
      sum += Math.exp(logit - max);
    }
    ObjectNode node = new ObjectMapper().createObjectNode();
    ArrayNode prompt = node.putArray("tokens");
    for (int id : ids) {
      prompt.add(id);
    }
    ArrayNode bestIds = node.putArray("ids");
    ArrayNode bestLogits = node.putArray("logits");
    ArrayNode probabilities = node.putArray("probabilities");
    ArrayNode texts = node.putArray("texts");
    int n = top == 0 ? logits.length : Math.min(top, logits.length);
    int[] order = IntStream.range(0, logits.length).boxed().sorted((a, b) -> Float.compare(logits[b], logits[a])).limit(n)
        .mapToInt(Integer::intValue).toArray();
    for (int id : order) {
      bestIds.add(id);
      bestLogits.add(logits[id]);
      probabilities.add(Math.exp(logits[id] - max) / sum);
      texts.add(m.tokenizer().text(id));
    }
    return node;
  }
}
