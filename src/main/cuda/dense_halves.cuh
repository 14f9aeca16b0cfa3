// What the files of launch_dense_halves share.
#pragma once

#include "dense.h"
#include "device.cuh"

namespace tern::cuda {

constexpr int kDenseChunk = 256;  // columns summed from 0 by one chain of mma

// Activations rounded to the weights' type: x * 2^exponent, [n_rows, stride], zeros from n_cols on.
struct HalfActs {
  const void* x;
  const int* exponent;  // [n_rows]
  int stride;
  int n_rows;
};

__device__ __forceinline__ float power_of_two(int n) { return __uint_as_float(static_cast<uint32_t>(n + 127) << 23); }

__device__ __forceinline__ void store_dense(const DenseProduct& p, const HalfActs& acts, int act, int row, float sum) {
  float* const out = p.out + static_cast<int64_t>(act) * p.w.n_rows + row;
  const float value = __fmul_rn(sum, power_of_two(-acts.exponent[act]));
  *out = p.accumulate ? __fadd_rn(*out, value) : value;
}

constexpr int kDenseMaxRows = 64;  // activation rows that the kernel for few rows takes

// type: TERN_TYPE_F16 or BF16, of all products.
void launch_dense_halves_rows(int type, const DenseProduct* products, int n, const HalfActs& acts, cudaStream_t stream);
void launch_dense_halves_tiles(int type, const DenseProduct* products, int n, const HalfActs& acts, cudaStream_t stream);
// width: weight rows of a block, 64, 128 or 192.
void launch_dense_halves_sm90(int type, const DenseProduct* products, int n, const HalfActs& acts, int width, cudaStream_t stream);

}  // namespace tern::cuda
