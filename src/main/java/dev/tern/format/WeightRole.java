package dev.tern.format;

/** Which weight of the graph, in the order and with the numbers of tern.h's TERN_ROLE_*. */
public enum WeightRole {
  TOKEN_EMBD("token_embd"),
  OUTPUT("output"),
  OUTPUT_NORM("output_norm"),
  ROPE_FREQS("rope_freqs"),
  ATTN_NORM("attn_norm"),
  ATTN_SUB_NORM("attn_sub_norm"),
  WQ("attn_q"),
  WK("attn_k"),
  WV("attn_v"),
  WO("attn_output"),
  FFN_NORM("ffn_norm"),
  FFN_SUB_NORM("ffn_sub_norm"),
  W_GATE("ffn_gate"),
  W_UP("ffn_up"),
  W_DOWN("ffn_down"),
  ATTN_Q_NORM("attn_q_norm"),
  ATTN_K_NORM("attn_k_norm");

  private final String tensorName;

  WeightRole(String tensorName) {
    this.tensorName = tensorName;
  }

  /** The number in tern.h. */
  public int id() {
    return ordinal();
  }

  /** Whether each layer has one. */
  public boolean perLayer() {
    return compareTo(ATTN_NORM) >= 0;
  }

  /** Whether it is one of a layer's seven matrices. */
  public boolean layerMatrix() {
    return switch (this) {
      case WQ, WK, WV, WO, W_GATE, W_UP, W_DOWN -> true;
      default -> false;
    };
  }

  /** The tensor's name in a GGUF file, with no ".weight" or ".scale". Layer is ignored unless {@link #perLayer}. */
  public String tensorName(int layer) {
    return perLayer() ? "blk." + layer + "." + tensorName : tensorName;
  }
}
