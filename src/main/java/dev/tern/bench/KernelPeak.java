package dev.tern.bench;

import java.util.Locale;

/** Arithmetic that has a ceiling of its own, numbered as {@code TERN_PEAK_*} in tern_bench.h. */
public enum KernelPeak {
  /** Products and sums in floats: vector units of a CPU, CUDA cores. */
  F32,
  /** F16 and BF16 products summed in floats: tensor cores. */
  HALF,
  /** int8 products summed in int32. */
  INT8;

  /** As in reports: "int8". */
  public String id() {
    return name().toLowerCase(Locale.ROOT);
  }
}
