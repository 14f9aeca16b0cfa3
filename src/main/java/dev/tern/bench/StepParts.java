package dev.tern.bench;

import java.util.Map;

/** What the parts of a step's profile are called in reports. */
public final class StepParts {
  private static final Map<String, String> TITLES = Map.ofEntries(
      Map.entry("embed", "embedding rows"),
      Map.entry("rope_table", "rotation tables"),
      Map.entry("norm", "norms + quantise"),
      Map.entry("qkv", "products wq, wk, wv"),
      Map.entry("rope_append", "rotate, append to cache"),
      Map.entry("attention", "attention"),
      Map.entry("attn_out", "product wo"),
      Map.entry("gate_up", "products w_gate, w_up"),
      Map.entry("gate_norm", "gate + norm + quantise"),
      Map.entry("down", "product w_down"),
      Map.entry("gather", "output rows"),
      Map.entry("head", "head"),
      Map.entry("sample", "sampling"));

  private StepParts() {}

  /** Words for a part; its name if there are none. */
  public static String title(String part) {
    return TITLES.getOrDefault(part, part);
  }
}
