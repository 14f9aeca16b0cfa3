package dev.tern.format;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** The chat templates of a Hugging Face directory, and the settings of generation_config.json, written as GGUF metadata. */
final class HfChat {
  private static final long MAX_TEMPLATE = 1 << 20;
  private static final int MAX_TEMPLATES = 64;
  private static final String DEFAULT = "default";

  private HfChat() {}

  /** Templates stand in files of their own, or else in tokenizer_config.json: one, or a list of named ones. */
  static void writeTemplates(GgufWriter out, HfFiles directory, JsonNode tokenizerConfig) {
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
    if (directory.has("chat_template.jinja")) {
      templates.put(DEFAULT, text(directory, "chat_template.jinja"));
    }
    for (String more : directory.list("additional_chat_templates").stream().filter(f -> f.endsWith(".jinja")).limit(MAX_TEMPLATES).toList()) {
      String name = more.substring(more.lastIndexOf('/') + 1, more.length() - ".jinja".length());
      if (plain(name)) {
        templates.put(name, text(directory, more));
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

  private static String text(HfFiles directory, String file) {
    try (ByteSource source = directory.open(file)) {
      return new String(Json.bytes(source, MAX_TEMPLATE), StandardCharsets.UTF_8);
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
