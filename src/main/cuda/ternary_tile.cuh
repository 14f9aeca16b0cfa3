// What the ternary kernels share: finding a block's tiles among the products of a launch, codes out of a word, the epilogue.
#pragma once

#include "device.cuh"
#include "ternary.h"

namespace tern::cuda {

// Up to four products whose rows of tiles are numbered through: product i has those below end[i] and not below end[i - 1], in units
// of `unit` rows of tiles.
struct TernaryBatch {
  TernaryProduct product[kMaxTernaryProducts];
  int end[kMaxTernaryProducts];
  int n;
  int n_col_tiles;
  TernaryActs acts;
};

inline TernaryBatch ternary_batch(const TernaryProduct* products, int n, const TernaryActs& acts, int unit) {
  TernaryBatch batch = {};
  batch.n = n;
  batch.n_col_tiles = ceil_div(products[0].w.n_cols, kTernaryTileCols);
  batch.acts = acts;
  int units = 0;
  for (int i = 0; i < n; i++) {
    batch.product[i] = products[i];
    units += ceil_div(ceil_div(products[i].w.n_rows, kTernaryTileRows), unit);
    batch.end[i] = units;
  }
  return batch;
}
inline int ternary_units(const TernaryBatch& batch) { return batch.end[batch.n - 1]; }

// The product that unit u belongs to; u becomes its number within it.
__device__ __forceinline__ const TernaryProduct& ternary_product_of(const TernaryBatch& batch, int& u) {
  int i = 0;
  while (i + 1 < batch.n && u >= batch.end[i]) i++;
  if (i > 0) u -= batch.end[i - 1];
  return batch.product[i];
}

// Register i of the A fragment: four codes.
__device__ __forceinline__ int ternary_codes(uint32_t word, int i) { return static_cast<int>(word >> 2 * i & 0x03030303u); }
__device__ __forceinline__ uint32_t ternary_word(const uint4& v, int s) { return s == 0 ? v.x : s == 1 ? v.y : s == 2 ? v.z : v.w; }

// out[r][row] from sum c q, in the order of the CPU's operations: no contraction into a fused multiply-add.
__device__ __forceinline__ void ternary_store(const TernaryProduct& p, const TernaryActs& acts, int r, int row, int sum_cq) {
  const int sum = sum_cq - acts.sum[r];
  const int64_t at = static_cast<int64_t>(r) * p.w.n_rows + row;
  if (!p.out) {
    p.out_int32[at] = sum;
    return;
  }
  const float value = __fmul_rn(static_cast<float>(sum), __fmul_rn(acts.scale[r], p.w.row_scale[row]));
  p.out[at] = p.accumulate ? __fadd_rn(p.out[at], value) : value;
}

}  // namespace tern::cuda
