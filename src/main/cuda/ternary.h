// Matmuls with ternary weights and int8 activations, exact in int32:
//   out[r][row] = float(sum_j w[row][j] q[r][j]) * (scale[r] * row_scale[row])
//
// One packed layout serves all kernels. Code c = w + 1, 2 bits. A tile is 16 rows x 128 columns, 512 bytes: lane l of 32, g = l / 4,
// t = l % 4, holds 16 bytes, one 32-bit word per 32 columns; in the word of columns [32 s, 32 s + 32), byte b, bits 2i and 2i + 1:
//   i = 0: row g,     column 32 s + 4 t + b          i = 2: row g,     column 32 s + 16 + 4 t + b
//   i = 1: row g + 8, column 32 s + 4 t + b          i = 3: row g + 8, column 32 s + 16 + 4 t + b
// so that (word >> 2 i) & 0x03030303 is register i of the A fragment of mma m16n8k32. Tiles of 16 rows follow each other along the
// columns, then along the rows. Padding is code 1 (weight 0).
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

#include "launch.h"

namespace tern::cuda {

constexpr int kTernaryTileRows = 16;
constexpr int kTernaryTileCols = 128;
constexpr int64_t kTernaryTileBytes = 512;
constexpr int kMaxTernaryCols = 1 << 22;  // int32 cannot overflow: |sum of c q| <= 2 * 128 * 2^22 = 2^30

int64_t ternary_packed_bytes(int n_rows, int n_cols);
// Packs up to 16 rows w [n, n_cols] of -1, 0, 1 into one row of tiles, host memory.
void ternary_pack(const int8_t* w, int n, int n_cols, uint8_t* tiles);

struct TernaryMatrix {
  const void* tiles;       // device
  const float* row_scale;  // [n_rows], device
  int n_rows;
  int n_cols;
};

struct TernaryProduct {
  TernaryMatrix w;
  float* out;        // [n_act_rows, w.n_rows]; null: out_int32 instead
  int32_t* out_int32;
  bool accumulate;   // out += instead of =
};

struct TernaryActs {
  const int8_t* q;     // [n_rows, stride], zeros from n_cols on; stride a multiple of 128
  const float* scale;  // [n_rows]
  const int32_t* sum;  // [n_rows]: sum of the row's q
  int stride;
  int n_rows;
};

enum class TernaryKernel {
  dp4a,    // CUDA cores: four codes a __dp4a; any number of rows, best for few
  lookup,  // tables of activation sums in shared memory, after TLMM of TeLLMe (arXiv 2504.16266); any number of rows, best for 1 and 2
  mma,     // int8 tensor cores, weights unpacked in registers, 8 activation rows a tile; best for 3 to 16
  gemm,    // int8 tensor cores, 128 x 128 tiles, activations staged in shared memory; for many rows
  gemm_sm90,  // the same on Hopper: 256 x 128 tiles, wgmma, activations by TMA
};
const char* ternary_kernel_name(TernaryKernel kernel);
bool ternary_kernel_from_name(const char* name, TernaryKernel* kernel);
bool ternary_kernel_available(TernaryKernel kernel, const DeviceInfo& device);

constexpr int kMaxTernaryProducts = 4;

// Products with the same activations, in one launch; all have the same n_cols.
void launch_ternary(TernaryKernel kernel, const TernaryProduct* products, int n, const TernaryActs& acts, const DeviceInfo& device,
                    cudaStream_t stream);
// One launcher per kernel file, called by launch_ternary.
void launch_ternary_dp4a(const TernaryProduct* products, int n, const TernaryActs& acts, const DeviceInfo& device, cudaStream_t stream);
void launch_ternary_lookup(const TernaryProduct* products, int n, const TernaryActs& acts, const DeviceInfo& device,
                           cudaStream_t stream);
void launch_ternary_mma(const TernaryProduct* products, int n, const TernaryActs& acts, const DeviceInfo& device, cudaStream_t stream);
void launch_ternary_gemm(const TernaryProduct* products, int n, const TernaryActs& acts, const DeviceInfo& device, cudaStream_t stream);
void launch_ternary_gemm_sm90(const TernaryProduct* products, int n, const TernaryActs& acts, const DeviceInfo& device,
                              cudaStream_t stream);

}  // namespace tern::cuda
