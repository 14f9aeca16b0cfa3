// RMSNorm, and its fusion with int8 activation quantisation (formulas: tern.h, tern_op_rmsnorm and tern_op_rmsnorm_quantize).
// A row's bits depend on that row alone.
#pragma once

#include <cstdint>

#include "core/pool.h"
#include "cpu/activations.h"
#include "cpu/isa.h"

namespace tern::cpu {

void rmsnorm(Pool& pool, Isa isa, const float* x, const float* weight, float eps, int n_rows, int dim, float* out);

// weight may be null: quantises x itself. out_f32, [n_rows, dim], may be null: the normed floats as well.
void rmsnorm_quantize(Pool& pool, Isa isa, const float* x, const float* weight, float eps, int n_rows, int dim,
                      QuantRows out, float* out_f32);

}  // namespace tern::cpu
