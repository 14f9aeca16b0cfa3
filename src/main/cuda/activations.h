// What stands between two matmuls, each in one launch: gating, RMSNorm, quantisation to int8; and rows gathered or looked up.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

#include "dense.h"
#include "launch.h"

namespace tern::cuda {

constexpr int kInt8Align = 128;  // the stride of int8 activations is n columns rounded up to this; padding is 0

struct ActivationsArgs {
  const float* x;       // [n_rows, dim]; with up not null: the gate's input
  const float* up;      // [n_rows, dim] or null: no gating; else y = act(x) * up, act by gate_kind
  int gate_kind;        // TERN_GATE_*
  const float* norm;    // [dim] or null: no norm
  float eps;
  int n_rows;
  int dim;
  float* f32;           // [n_rows, dim] or null: not wanted; may be x
  int8_t* int8;         // [n_rows, round_up(dim, kInt8Align)] or null
  float* scale;         // [n_rows], with int8: as tern_op_rmsnorm_quantize
  int32_t* sum;         // [n_rows], with int8: sum of the row's int8
};
void launch_activations(const ActivationsArgs& args, cudaStream_t stream);

// out[i] = row ids[i] of the table, as floats. Ids outside the table give rows of zeros.
void launch_embed(const DenseMatrix& table, const int32_t* ids, int n, float* out, cudaStream_t stream);

// out[i] = x[rows[i]]; x [*, dim], out [n, dim].
void launch_gather(const float* x, const int32_t* rows, int n, int dim, float* out, cudaStream_t stream);

}  // namespace tern::cuda
