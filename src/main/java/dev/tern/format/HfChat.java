package dev.tern.format;

import com.fasterxml.jackson.databind.JsonNode;
import dev.tern.ModelFormatException;
import dev.tern.ModelIoException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;

/** The chat templates of a Hugging Face directory, and the settings of generation_config.json, written as GGUF metadata. */
final class HfChat {
  private static final long MAX_TEMPLATE = 1 << 20;
  private static final int MAX_TEMPLATES = 64;
  private static final String DEFAULT = "default";

  private HfChat() {}

  /** Templates stand in files of their own, or else in tokenizer_config.json: one, or a list of named ones. */
  static void writeTemplates(GgufWriter out, Path directory, JsonNode tokenizerConfig) {
    Map<String, String> templates = new TreeMap<>();
    JsonNode chat = tokenizerConfig.path("chat_template");
    if (chat.isTextual()) {
      templates.put(DEFAULT, chat.textValue());
    } else if (chat.isArray() && chat.size() <= MAX_TEMPLATES) {
      for (JsonNode one : chat) {
        if (one.path("template").isTextual() && plain(one.path("name").asText(""))) {
          templates.put(one.path("name").textValue(), one.path("template").textValue());
        }
      }
    }
    Path file = directory.resolve("chat_template.jinja");
    if (Files.exists(file)) {
      templates.put(DEFAULT, text(file));
    }
    for (Path more : more(directory.resolve("additional_chat_templates"))) {
      String name = more.getFileName().toString().replaceFirst("\\.jinja$", "");
      if (plain(name)) {
        templates.put(name, text(more));
      }
    }
    String first = templates.remove(DEFAULT);
    if (first != null) {
      out.string(ChatSettings.TEMPLATE, first);
    }
    if (!templates.isEmpty()) {
      out.strings(ChatSettings.TEMPLATES, List.copyOf(templates.keySet()));
      templates.forEach((name, template) -> out.string(ChatSettings.TEMPLATE + "." + name, template));
    }
  }

  private static boolean plain(String name) {
    return name.matches("[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}");
  }

  private static List<Path> more(Path directory) {
    if (!Files.isDirectory(directory)) {
      return List.of();
    }
    try (Stream<Path> entries = Files.list(directory)) {
      return entries.filter(p -> p.toString().endsWith(".jinja")).sorted().limit(MAX_TEMPLATES).toList();
    } catch (IOException e) {
      throw new ModelIoException("cannot list " + directory + ": " + e.getMessage(), e);
    }
  }

  private static String text(Path path) {
    try (ByteSource source = ByteSource.open(path)) {
      if (source.size() > MAX_TEMPLATE) {
        throw new ModelFormatException(path + " has " + source.size() + " bytes, at most " + MAX_TEMPLATE + " are read", -1);
      }
      ByteBuffer bytes = ByteBuffer.allocate((int) source.size());
      source.read(0, bytes);
      return new String(bytes.array(), StandardCharsets.UTF_8);
    }
  }

  /** What generation_config.json recommends. Values out of range are ignored when they are read. */
  static void writeSampling(GgufWriter out, JsonNode generation) {
    if (generation.path("do_sample").isBoolean() && !generation.path("do_sample").booleanValue()) {
      out.float32(ChatSettings.TEMPERATURE, 0);
    } else {
      real(out, generation, "temperature", ChatSettings.TEMPERATURE);
    }
    real(out, generation, "top_p", ChatSettings.TOP_P);
    real(out, generation, "min_p", ChatSettings.MIN_P);
    real(out, generation, "repetition_penalty", ChatSettings.REPEAT_PENALTY);
    JsonNode topK = generation.path("top_k");
    if (topK.isInt() && topK.intValue() >= 0) {
      out.uint32(ChatSettings.TOP_K, topK.intValue());
    }
  }

  private static void real(GgufWriter out, JsonNode generation, String name, String key) {
    if (generation.path(name).isNumber()) {
      out.float32(key, generation.path(name).floatValue());
    }
  }
}
