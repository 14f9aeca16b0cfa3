package dev.tern.cli;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.tern.Engine;
import dev.tern.Model;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** {@code tern info}: what would run, on what, with which kernels, and the memory it takes. */
@Command(name = "info", description = "Shows the model, the device with the kernels it chose and why not others, and the memory by kind.")
final class Info implements Callable<Integer> {
  @Mixin
  ModelOptions model;

  @Mixin
  EngineOptions engine;

  private final Streams io;

  Info(Streams io) {
    this.io = io;
  }

  @Override
  public Integer call() throws JsonProcessingException {
    try (Model m = model.load(io);
        Engine e = engine.builder(m).build()) {
      line("model", Text.plain(m.name(), 200));
      line("architecture", m.architecture());
      line("parameters", Text.count(m.nParameters()));
      line("shape", m.nLayers() + " layers, hidden " + m.hiddenDim() + ", FFN " + m.ffnDim() + ", " + m.nHeads() + " heads of " + m.headDim()
          + ", " + m.nKvHeads() + " KV heads");
      line("vocabulary", m.vocabSize() + " tokens");
      line("context", m.contextLength() + " tokens in training");
      line("matrices", m.nTernaryWeights() + " ternary, " + m.nDenseWeights() + " dense");
      io.out().println("");
      JsonNode device = new ObjectMapper().readTree(m.describeDevice());
      for (Map.Entry<String, JsonNode> field : device.properties()) {
        line(field.getKey().replace('_', ' '), plain(field.getValue()));
      }
      io.out().println("");
      line("cache policy", Text.policy(e.cachePolicy()) + ", " + e.kvType().toString().toLowerCase(Locale.ROOT));
      line("weights", Text.bytes(m.weightBytes()) + ", " + Text.bytes(m.decodeBytes()) + " read for each token");
      line("KV cache", Text.bytes(e.kvBytes()));
      line("scratch", Text.bytes(e.scratchBytes()));
      line("all native", Text.bytes(Model.nativeBytes()));
    }
    return Tern.OK;
  }

  private void line(String name, String value) {
    io.out().format("%-16s %s%n", name, value.replace("\n", "\n" + " ".repeat(17)));
  }

  /** A JSON value without its quotes and brackets; a list of objects is a line each, one inside of another in parentheses. */
  private static String plain(JsonNode value) {
    return plain(value, "\n");
  }

  private static String plain(JsonNode value, String betweenObjects) {
    List<String> parts = new ArrayList<>();
    if (value.isArray()) {
      boolean objects = value.size() > 0 && value.get(0).isObject();
      value.forEach(element -> parts.add(plain(element, "; ")));
      return String.join(objects ? betweenObjects : ", ", parts);
    }
    if (value.isObject()) {
      value.properties().forEach(field -> {
        String text = plain(field.getValue(), "; ");
        parts.add(field.getKey().replace('_', ' ') + " " + (field.getValue().isContainerNode() ? "(" + text + ")" : text));
      });
      return String.join(", ", parts);
    }
    return value.asText();
  }
}
