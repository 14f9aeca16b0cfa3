package dev.tern.format;

import java.util.List;

/**
 * The sizes of a model, for {@link RandomModel}. Immutable.
 *
 * @param name as given on the command line
 * @param arch the architecture its checkpoints have: "bitnet-b1.58" (sub-norms, relu²), "bitnet" (sub-norms, SiLU), "llama" or "qwen3"
 * @param tiedOutput whether the embedding is the output matrix too
 */
public record ModelShape(
    String name,
    String arch,
    int nLayers,
    int hiddenDim,
    int nHeads,
    int nKvHeads,
    int headDim,
    int ffnDim,
    int vocabSize,
    int contextLength,
    float ropeFreqBase,
    boolean tiedOutput) {

  /** All shapes, smallest first. Rows are multiples of 256 elements, as the ternary types need. */
  public static final List<ModelShape> ALL =
      List.of(
          new ModelShape("tern-tiny", "bitnet-b1.58", 2, 256, 4, 2, 64, 512, 1024, 512, 10_000, true),
          new ModelShape("llama-tiny", "llama", 2, 256, 4, 2, 64, 512, 1024, 512, 10_000, true),
          new ModelShape("qwen3-tiny", "qwen3", 2, 256, 4, 2, 128, 512, 1024, 512, 1_000_000, true),
          new ModelShape("tern-small", "bitnet-b1.58", 6, 512, 8, 2, 64, 1536, 4096, 2048, 10_000, true),
          new ModelShape("bitnet-0.7b", "bitnet", 24, 1536, 16, 16, 96, 4096, 32000, 2048, 10_000, true),
          new ModelShape("llama-ternary-1b", "llama", 18, 2048, 8, 4, 256, 8192, 131072, 8192, 1_000_042, false),
          new ModelShape("qwen3-1.7b", "qwen3", 28, 2048, 16, 8, 128, 6144, 151936, 40960, 1_000_000, true),
          new ModelShape("bitnet-2b-4t", "bitnet-b1.58", 30, 2560, 20, 5, 128, 6912, 128256, 4096, 500_000, true),
          new ModelShape("llama-ternary-3b", "llama", 22, 3072, 12, 4, 256, 9216, 131072, 8192, 1_000_042, false),
          new ModelShape("llama-ternary-8b", "llama", 32, 4096, 32, 8, 128, 14336, 128256, 8192, 500_000, false));

  /**
   * The shape of this name.
   *
   * @throws IllegalArgumentException if there is none; the message lists them
   */
  public static ModelShape of(String name) {
    return ALL.stream()
        .filter(shape -> shape.name.equals(name))
        .findFirst()
        .orElseThrow(() -> new IllegalArgumentException(
            "no shape '" + name + "'; there are: " + String.join(", ", ALL.stream().map(ModelShape::name).toList())));
  }
}
