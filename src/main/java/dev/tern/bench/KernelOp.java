package dev.tern.bench;

import java.util.Locale;

/** What a kernel benchmark times: the ops of a step, numbered as {@code TERN_BENCH_*} in tern_bench.h. */
public enum KernelOp {
  /** One query row of each sequence over its keys. */
  ATTENTION_DECODE,
  /** The last rows of one sequence over all of its keys, causal. */
  ATTENTION_PREFILL,
  /** Ternary weights times int8 activations, exact in int32, then scaled. */
  TERNARY,
  /** Weights as they are in the file times float activations. */
  DENSE,
  /** RMSNorm of rows and their int8 activations. */
  NORM_QUANTIZE,
  /** act(gate) * up, then as NORM_QUANTIZE. */
  GATE_NORM_QUANTIZE,
  /** Rotation of q and k, and writing k and v to the cache. */
  ROPE_APPEND,
  /** Rows of the embedding looked up. */
  EMBED,
  /** One token drawn from each row of logits. */
  SAMPLE;

  /** As on the command line and in reports: "attention_decode". */
  public String id() {
    return name().toLowerCase(Locale.ROOT);
  }

  /**
   * The op of a name.
   *
   * @throws IllegalArgumentException if there is none, with those there are
   */
  public static KernelOp of(String id) {
    StringBuilder all = new StringBuilder();
    for (KernelOp op : values()) {
      if (op.id().equals(id)) {
        return op;
      }
      all.append(all.isEmpty() ? "" : ", ").append(op.id());
    }
    throw new IllegalArgumentException("no op is called '" + id + "'; there are " + all);
  }
}
