package dev.tern.format;

import dev.tern.Sampling;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Function;

/**
 * What a model's metadata says of conversations: its chat templates, and the sampling that its makers recommend. Immutable.
 *
 * @param templates sources by name; the usual one is "default"
 * @param sampling {@link Sampling#defaults()} with what the model recommends
 */
public record ChatSettings(Map<String, String> templates, Sampling sampling) {
  /** Name of the template that is taken unless another is asked for. */
  public static final String DEFAULT = "default";

  static final String TEMPLATE = "tokenizer.chat_template";
  static final String TEMPLATES = "tokenizer.chat_templates";
  static final String TEMPERATURE = "general.sampling.temp";
  static final String TOP_K = "general.sampling.top_k";
  static final String TOP_P = "general.sampling.top_p";
  static final String MIN_P = "general.sampling.min_p";
  static final String REPEAT_PENALTY = "general.sampling.penalty_repeat";

  public ChatSettings {
    templates = Collections.unmodifiableMap(new LinkedHashMap<>(templates));
  }

  /**
   * Reads them; a file need have none. A recommendation out of its range is ignored: it concerns no one who does not ask for it.
   *
   * @throws dev.tern.ModelFormatException if a key is of the wrong type, or a template that is listed is absent
   */
  public static ChatSettings from(GgufMetadata metadata) {
    Map<String, String> templates = new LinkedHashMap<>();
    if (metadata.has(TEMPLATE)) {
      templates.put(DEFAULT, metadata.string(TEMPLATE));
    }
    if (metadata.has(TEMPLATES)) {
      for (String name : metadata.strings(TEMPLATES)) {
        if (!templates.containsKey(name)) {
          templates.put(name, metadata.string(TEMPLATE + "." + name));
        }
      }
    }
    Sampling sampling = Sampling.defaults();
    sampling = with(sampling, metadata, TEMPERATURE, s -> s.temperature(metadata.floatValue(TEMPERATURE)));
    sampling = with(sampling, metadata, TOP_K, s -> s.topK(metadata.intValue(TOP_K)));
    sampling = with(sampling, metadata, TOP_P, s -> s.topP(metadata.floatValue(TOP_P)));
    sampling = with(sampling, metadata, MIN_P, s -> s.minP(metadata.floatValue(MIN_P)));
    sampling = with(sampling, metadata, REPEAT_PENALTY, s -> s.repeatPenalty(metadata.floatValue(REPEAT_PENALTY)));
    return new ChatSettings(templates, sampling);
  }

  private static Sampling with(Sampling sampling, GgufMetadata metadata, String key, Function<Sampling, Sampling> change) {
    if (!metadata.has(key)) {
      return sampling;
    }
    try {
      return change.apply(sampling);
    } catch (IllegalArgumentException e) {
      return sampling;
    }
  }
}
