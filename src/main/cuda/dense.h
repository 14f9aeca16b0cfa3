// Matmuls with dense weights: out = or += x W^T.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

#include "launch.h"
#include "tern.h"

namespace tern::cuda {

constexpr int kDenseAlign = 64;  // columns of a row in memory are rounded up to this; padding is 0

// [n_rows, stride] elements in device memory, row-major. Q8_0: data int8, block_scale [n_rows, stride / 32] F16.
struct DenseMatrix {
  const void* data;
  const void* block_scale;  // null unless type is Q8_0
  int type;                 // TERN_TYPE_F32, F16, BF16, Q8_0
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

// Products with the same activations x [n_rows, n_cols] floats, in one launch. The CUDA-core kernel reads activations and weights in
// full precision, sums in a fixed order, and gives a row the same bits whatever the number of rows; weights are read once per 8 rows.
void launch_dense_rows(const DenseProduct* products, int n, const float* x, int n_rows, cudaStream_t stream);

// Tensor-core GEMM for F16 and BF16 weights and many rows; activations are rounded to the weights' type, F16 after an exact scaling of
// each row by a power of two, so that none overflows. Returns false if a weight's type has no such kernel.
bool launch_dense_tiles(const DenseProduct* products, int n, const float* x, int n_rows, const DeviceInfo& device, cudaStream_t stream);

// Which of the two a product takes: rows by shape alone.
constexpr int kDenseTileRows = 17;  // from this many rows on, tiles

}  // namespace tern::cuda
