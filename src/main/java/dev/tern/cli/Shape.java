package dev.tern.cli;

import java.util.List;

/** Hyperparameters of known models, for files with their shape and random weights. */
record Shape(
    String name, String architecture, int nLayers, int hiddenDim, int ffnDim, int nHeads, int nKvHeads, int headDim, int vocabSize,
    int contextLength, float ropeBase, float normEps, boolean subNorms, boolean tied) {

  static final List<Shape> ALL = List.of(
      new Shape("bitnet-2b-4t", "bitnet-b1.58", 30, 2560, 6912, 20, 5, 128, 128256, 4096, 500000, 1e-5f, true, true),
      new Shape("bitnet-tiny", "bitnet-b1.58", 2, 256, 512, 4, 2, 64, 512, 256, 10000, 1e-5f, true, true),
      new Shape("llama-3-8b", "llama", 32, 4096, 14336, 32, 8, 128, 128256, 8192, 500000, 1e-5f, false, false),
      new Shape("llama-3.2-1b", "llama", 16, 2048, 8192, 32, 8, 64, 128256, 131072, 500000, 1e-5f, false, true),
      new Shape("tinyllama-1.1b", "llama", 22, 2048, 5632, 32, 4, 64, 32000, 2048, 10000, 1e-5f, false, false),
      new Shape("stories-15m", "llama", 6, 288, 768, 6, 6, 48, 32000, 256, 10000, 1e-5f, false, true),
      new Shape("stories-260k", "llama", 5, 64, 172, 8, 4, 8, 512, 512, 10000, 1e-5f, false, true),
      new Shape("llama-tiny", "llama", 2, 256, 512, 4, 2, 64, 512, 256, 10000, 1e-5f, false, true));

  static List<String> names() {
    return ALL.stream().map(Shape::name).toList();
  }

  static Shape named(String name) {
    return ALL.stream().filter(shape -> shape.name.equals(name)).findFirst()
        .orElseThrow(() -> new IllegalArgumentException("--shape " + name + ": it must be one of " + String.join(", ", names())));
  }
}
