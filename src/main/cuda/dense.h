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
// by a power of two, so that none overflows. Sums run over chunks of 256 columns, each a chain of 16-column products from 0, then over the
// chunks in order: in the kernel for few rows as in those for many, so that a row has the same bits whatever the number of rows.
// scratch: dense_halves_scratch_bytes.
enum class DenseHalves {
  rows,   // up to 64 activation rows, mma.sync: reading the weights is the bound
  tiles,  // any number, mma.sync
  sm90,   // any number, compute capability 9.0: wgmma, TMA
};
int64_t dense_halves_scratch_bytes(int n_cols, int max_rows);
// sm90: whether that kernel is for this GPU.
DenseHalves dense_halves_kernel(int n_rows, bool sm90);
// The weight rows that a block of the sm90 kernel takes.
int dense_halves_sm90_width(const DenseProduct* products, int n, int n_act_rows, const DeviceInfo& device);
void launch_dense_halves(DenseHalves kernel, const DenseProduct* products, int n, const float* x, int n_rows, void* scratch,
                         const DeviceInfo& device, cudaStream_t stream);

}  // namespace tern::cuda
