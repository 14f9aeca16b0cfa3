// Between norm.cpp and norm_kernel.h: passes over one row. No pass keeps the normed floats for the next: computing them again
// from L1 costs less than room for them in every thread.
#pragma once

#include <cstdint>

namespace tern::cpu {

// y[j] = x[j] * inverse * weight[j], or x[j] without weight.
struct NormRow {
  const float* x;       // [dim]
  const float* weight;  // [dim] or null
  double inverse;
  int dim;
};

struct NormKernels {
  // weight: of the next pass, which would find it in memory; fetched meanwhile.
  double (*sum_of_squares)(const float* x, int dim, const float* weight);

  // Writes y to out unless null; returns the largest |y|, NaN if one is.
  float (*norm_row)(const NormRow& row, float* out);

  // q[j] = clamp(round_half_even(y[j] * scale)), zeros up to stride, a multiple of 16; NaN becomes -128. Returns sum of q.
  int32_t (*quantize_row)(const NormRow& row, float scale, int stride, int8_t* q);
};

extern const NormKernels kNormPortable;
extern const NormKernels kNormAvx2;
extern const NormKernels kNormAvx512;

}  // namespace tern::cpu
