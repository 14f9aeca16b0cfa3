package dev.tern.format;

import dev.tern.ModelFormatException;
import dev.tern.UnsupportedModelException;
import java.util.List;

/**
 * What a model file says its graph is: the hyperparameters that the kernels need, all checked against each other and against every
 * tensor's dimensions, and the list of weights to load. Immutable.
 *
 * <p>Architectures: {@code llama}; {@code bitnet-b1.58} and {@code bitnet-25} (sub-norms and relu², as published in BitNet b1.58 2B4T);
 * {@code bitnet} (SiLU unless {@code bitnet.hidden_activation} or {@code .hidden_act} says otherwise, or its sizes are those of 2B4T;
 * sub-norms if their tensors are there); {@code qwen3} (a norm of each head of q and k).
 *
 * @param arch "general.architecture"
 * @param name "general.name", or the file's name
 * @param vocabSize rows of the embedding; the tokenizer may have fewer tokens, the rest is padding
 * @param ropeDim elements of a head that are rotated
 * @param subNorms whether attention and FFN have a norm before their last matrix
 * @param normEps epsilon of every RMSNorm
 * @param contextLength positions the model was trained for
 * @param tiedOutput whether the embedding serves as output matrix too; then no weight has role OUTPUT
 * @param weights in the order to load them: whole model first, then layer by layer; unmodifiable
 */
public record ModelSpec(
    String arch,
    String name,
    int nLayers,
    int nHeads,
    int nKvHeads,
    int headDim,
    int hiddenDim,
    int ffnDim,
    int vocabSize,
    int ropeDim,
    RopeStyle ropeStyle,
    Gate gate,
    boolean subNorms,
    float normEps,
    double ropeFreqBase,
    int contextLength,
    boolean tiedOutput,
    List<WeightRef> weights) {

  /** Which elements a rotation pairs, numbered as TERN_ROPE_* in tern.h. */
  public enum RopeStyle {
    /** (2i, 2i + 1), as converters to GGUF permute the llama architecture. */
    ADJACENT,
    /** (i, i + ropeDim / 2). */
    HALVES;

    public int id() {
      return ordinal();
    }
  }

  /** The FFN's gating, numbered as TERN_GATE_* in tern.h. */
  public enum Gate {
    SILU,
    RELU2;

    public int id() {
      return ordinal();
    }
  }

  public ModelSpec {
    weights = List.copyOf(weights);
  }

  /**
   * Reads and checks the model in a file. Tensors of one element ("scale") and the RoPE factors are read; no other weight is, nor
   * a scale that is computed from one.
   *
   * @throws ModelFormatException if a value is absent or impossible, or a tensor is absent or of other dimensions than the rest says
   * @throws UnsupportedModelException for another architecture, and for whatever would change the result but is not implemented: biases,
   *     experts, other RoPE scalings, tensors that are not known; the message names it
   */
  public static ModelSpec from(ModelFile file) {
    return new ModelSpecReader(file).read();
  }
}
