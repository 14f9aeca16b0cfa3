// Matmuls with dense weights: out = or += x W^T.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

#include "launch.h"
#include "tern.h"

namespace tern::cuda {

constexpr int kDenseAlign = 64;  // columns of a row in memory are rounded up to this; padding is 0

// [n_rows, stride] elements in device memory, row-major. Q8_0: data int8, block_scale [n_rows, stride / 32]
// F16. Q6_K: data int8, block_scale [n_rows, stride / 16] F32.
struct DenseMatrix {
  const void* data;
  const void* block_scale;  // null unless type is Q8_0 or Q6_K
  int type;                 // TERN_TYPE_F32, F16, BF16, Q8_0, Q6_K
  int n_rows;
  int n_cols;
  int stride;
};

struct DenseProduct {
  DenseMatrix w;
  float* out;  // [n_act_rows, w.n_rows]
  bool accumulate;
};

constexpr int kMaxProducts = 4;

// Products with the same activations x [n_rows, n_cols] floats, in one launch, for F32, Q8_0 and Q6_K weights, on CUDA cores: activations
// and weights are read in full precision, and a row has the same bits whatever the number of rows; weights are read once per 8 rows.
void launch_dense_rows(const DenseProduct* products, int n, const float* x, int n_rows, cudaStream_t stream);

// The same for F16 and BF16 weights on tensor cores; activations are rounded to the weights' type, F16 after an exact scaling of each row
// by a power of two, so that none overflows. Sums run over chunks of 256 columns, each a chain of mma from 0, then over the chunks in
// order: in the kernel for few rows as in that for many, so that a row has the same bits whatever the number of rows.
// scratch: dense_halves_scratch_bytes.
int64_t dense_halves_scratch_bytes(int n_cols, int max_rows);
void launch_dense_halves(const DenseProduct* products, int n, const float* x, int n_rows, void* scratch, cudaStream_t stream);

}  // namespace tern::cuda
