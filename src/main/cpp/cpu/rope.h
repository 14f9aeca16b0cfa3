// Rotary position embedding (Su et al. 2021). Angles are computed in fp64 from the integer position, so that position four
// million is as exact as position four; tables of cosines are made once a step and used by every layer.
#pragma once

#include <cstdint>

#include "core/pool.h"
#include "cpu/isa.h"

namespace tern::cpu {

// cos_sin: [n_rows, rope_dim]: rope_dim/2 cosines, then rope_dim/2 sines. inv_freq: [rope_dim / 2], fp64.
void rope_table(Pool& pool, const int64_t* pos, int n_rows, const double* inv_freq, int rope_dim, float* cos_sin);

// inv_freq[j] = base^(-2j/rope_dim) / (factor ? factor[j] : 1)
void rope_inv_freq(double base, const float* factor, int rope_dim, double* inv_freq);

// x: [n_rows, x_stride] holding n_heads * head_dim elements a row; out likewise with out_stride. x may be out.
void rope(Pool& pool, Isa isa, const float* x, int x_stride, const float* cos_sin, int style, int n_rows, int n_heads,
          int head_dim, int rope_dim, float* out, int out_stride);

}  // namespace tern::cpu
