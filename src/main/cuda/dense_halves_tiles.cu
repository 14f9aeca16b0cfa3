// Dense GEMM with F16 or BF16 weights for many activation rows. A block makes 128 weight rows x 128 activation rows, 32 columns a step; its
// eight warps stand 4 x 2, a warp makes 32 x 64. Both operands come by cp.async, four stages, rows swizzled for ldmatrix.
#include "dense_halves.cuh"
#include "mma_tile.cuh"

namespace tern::cuda {
namespace {

constexpr int kWarpsM = 4, kWarpsN = 2, kWarps = kWarpsM * kWarpsN, kThreads = kWarps * kWarp;
constexpr int kM = 128, kN = 128, kK = 32;     // of a block's step: weight rows, activation rows, columns
constexpr int kTilesM = kM / kWarpsM / 16, kTilesN = kN / kWarpsN / 8;  // mma tiles of a warp
constexpr int kPieces = kK / 8;                // of 16 bytes in a row of a step
constexpr int kStages = 4;
constexpr int kTilePieces = kM * kPieces;
static_assert(kM == kN, "one size for both operands' tiles");
constexpr int kSharedBytes = kStages * 2 * kTilePieces * 16;
static_assert(kSharedBytes <= kPortableShared, "more than some GPUs have");

template <class T>
__global__ void __launch_bounds__(kThreads, 1) dense_halves_tiles_kernel(const DenseProduct p, const HalfActs acts) {
  const DenseMatrix& w = p.w;
  const int warp = threadIdx.x / kWarp, lane = threadIdx.x % kWarp, warp_m = warp % kWarpsM, warp_n = warp / kWarpsM;
  const int first_row = blockIdx.x * kM, first_act = blockIdx.y * kN, n_steps = w.stride / kK;
  uint4* const stages = reinterpret_cast<uint4*>(dynamic_shared());  // [kStages, weights and activations, kM, kPieces]

  const auto fetch_rows = [&](uint4* to, const void* data, int first, int n, int stride, int step) {
    for (int i = threadIdx.x; i < kTilePieces; i += kThreads) {
      const int row = i / kPieces, piece = i % kPieces;
      const bool there = first + row < n && step < n_steps;
      const T* const from = static_cast<const T*>(data) + (there ? static_cast<int64_t>(first + row) * stride + step * kK + piece * 8 : 0);
      cp_async_16(to + swizzled<kPieces>(row, piece), from, there ? 16 : 0);
    }
  };
  const auto fetch = [&](int step) {
    uint4* const stage = stages + step % kStages * (2 * kTilePieces);
    fetch_rows(stage, w.data, first_row, w.n_rows, w.stride, step);
    fetch_rows(stage + kTilePieces, acts.x, first_act, acts.n_rows, acts.stride, step);
    cp_async_commit();
  };
  for (int step = 0; step < kStages - 1; step++) fetch(step);

  float total[kTilesM][kTilesN][4] = {}, sum[kTilesM][kTilesN][4] = {};
  for (int step = 0; step < n_steps; step++) {
    cp_async_wait<kStages - 2>();
    __syncthreads();  // this step is there; what the next one replaces has been read
    fetch(step + kStages - 1);
    const uint4* const a_tile = stages + step % kStages * (2 * kTilePieces);
    const uint4* const b_tile = a_tile + kTilePieces;
#pragma unroll
    for (int k = 0; k < kK / 16; k++) {
      uint32_t a[kTilesM][4];
#pragma unroll
      for (int i = 0; i < kTilesM; i++)
        ldmatrix_x4(a[i], a_tile + swizzled<kPieces>((warp_m * kTilesM + i) * 16 + lane % 16, k * 2 + lane / 16));
#pragma unroll
      for (int j = 0; j < kTilesN; j += 2) {
        uint32_t b[4];
        ldmatrix_x4(b, b_tile + swizzled<kPieces>((warp_n * kTilesN + j + lane / 16) * 8 + lane % 8, k * 2 + lane / 8 % 2));
#pragma unroll
        for (int i = 0; i < kTilesM; i++) {
          mma<T>(sum[i][j], a[i], {b[0], b[1]});
          mma<T>(sum[i][j + 1], a[i], {b[2], b[3]});
        }
      }
    }
    if ((step + 1) % (kDenseChunk / kK) == 0 || step + 1 == n_steps) {
#pragma unroll
      for (int i = 0; i < kTilesM; i++)
#pragma unroll
        for (int j = 0; j < kTilesN; j++)
#pragma unroll
          for (int e = 0; e < 4; e++) {
            total[i][j][e] = __fadd_rn(total[i][j][e], sum[i][j][e]);
            sum[i][j][e] = 0;
          }
    }
  }
  cp_async_wait<0>();

#pragma unroll
  for (int i = 0; i < kTilesM; i++)
#pragma unroll
    for (int j = 0; j < kTilesN; j++)
#pragma unroll
      for (int e = 0; e < 4; e++) {
        const int row = first_row + (warp_m * kTilesM + i) * 16 + lane / 4 + e / 2 * 8;
        const int act = first_act + (warp_n * kTilesN + j) * 8 + lane % 4 * 2 + e % 2;
        if (row < w.n_rows && act < acts.n_rows) store_dense(p, acts, act, row, total[i][j][e]);
      }
}

}  // namespace

void launch_dense_halves_tiles(int type, const DenseProduct* products, int n, const HalfActs& acts, cudaStream_t stream) {
  for (int i = 0; i < n; i++) {
    const dim3 grid(ceil_div(products[i].w.n_rows, kM), ceil_div(acts.n_rows, kN));
    if (type == TERN_TYPE_F16)
      launch("dense_halves_tiles_kernel", dense_halves_tiles_kernel<__half>, grid, dim3(kThreads), kSharedBytes, stream, products[i], acts);
    else
      launch("dense_halves_tiles_kernel", dense_halves_tiles_kernel<__nv_bfloat16>, grid, dim3(kThreads), kSharedBytes, stream, products[i], acts);
  }
}

}  // namespace tern::cuda
