// Ternary GEMM for many activation rows on Hopper: out^T = W q^T with W unpacked in registers as the A operand of wgmma, q brought to
// shared memory by TMA as the B operand. A block makes 256 weight rows x 128 activation rows; of its three warpgroups one asks for
// tiles, 128 columns a stage, and two compute, each 2 x 64 weight rows. While one waits for its products the other unpacks.
//
// Packed weights need no shared memory: a lane's 16 bytes for 128 columns are its fragments of mma, and wgmma has the same, warp w of a
// warpgroup holding row of tiles w of four.
#include "hopper.cuh"
#include "tensor_map.h"
#include "ternary_tile.cuh"

namespace tern::cuda {
namespace {

constexpr int kWarpgroup = 128, kConsumers = 2, kThreads = (1 + kConsumers) * kWarpgroup;
constexpr int kTilesM = 2;                               // of 64 weight rows, of a warpgroup
constexpr int kTileRowsOfBlock = kConsumers * kTilesM * 4;
constexpr int kBlockN = 128;                             // activation rows
constexpr int kStages = 6;
constexpr int kStageBytes = kBlockN * kTernaryTileCols;

struct Ring {
  uint64_t full[kStages];   // the stage's bytes have come
  uint64_t empty[kStages];  // both consumers have read it
};

__global__ void __launch_bounds__(kThreads, 1)
    ternary_gemm_sm90_kernel(const __grid_constant__ TernaryBatch batch, const __grid_constant__ CUtensorMap activations) {
  int unit = blockIdx.x;
  const TernaryProduct& p = ternary_product_of(batch, unit);
  unsigned char* const stages = dynamic_shared();
  Ring& ring = *reinterpret_cast<Ring*>(stages + kStages * kStageBytes);
  const int warpgroup = threadIdx.x / kWarpgroup, n_tiles = batch.n_col_tiles, first_act = blockIdx.y * kBlockN;
  if (threadIdx.x == 0) {
    prefetch_map(&activations);
    for (int s = 0; s < kStages; s++) {
      barrier_init(&ring.full[s], 1);
      barrier_init(&ring.empty[s], kConsumers);
    }
    fence_barrier_init();
  }
  __syncthreads();

  if (warpgroup == 0) {
    give_registers<40>();
    if (threadIdx.x == 0)
      for (int tile = 0; tile < n_tiles; tile++) {
        const int s = tile % kStages;
        barrier_wait(&ring.empty[s], (tile / kStages + 1) % 2);
        barrier_expect(&ring.full[s], kStageBytes);
        tma_load_2d(stages + s * kStageBytes, &activations, &ring.full[s], tile * kTernaryTileCols, first_act);
      }
    return;
  }
  take_registers<232>();

  const int thread = threadIdx.x % kWarpgroup, warp = thread / kWarp, lane = thread % kWarp, g = lane / 4, t = lane % 4;
  const int n_tile_rows = ceil_div(p.w.n_rows, kTernaryTileRows);
  const int first_tile_row = unit * kTileRowsOfBlock + (warpgroup - 1) * kTilesM * 4 + warp;
  const uint4* tiles[kTilesM];
  int32_t sum[kTilesM][kBlockN / 2];
  uint4 next[kTilesM];
#pragma unroll
  for (int i = 0; i < kTilesM; i++) {  // beyond the last row of tiles: repeated, not stored
    tiles[i] = static_cast<const uint4*>(p.w.tiles) + static_cast<int64_t>(min(first_tile_row + 4 * i, n_tile_rows - 1)) * n_tiles * kWarp + lane;
    next[i] = __ldg(tiles[i]);
#pragma unroll
    for (int j = 0; j < kBlockN / 2; j++) sum[i][j] = 0;
  }
  for (int tile = 0; tile < n_tiles; tile++) {
    uint32_t a[kTilesM][4][4];
#pragma unroll
    for (int i = 0; i < kTilesM; i++) {
#pragma unroll
      for (int k = 0; k < 4; k++)
#pragma unroll
        for (int r = 0; r < 4; r++) a[i][k][r] = static_cast<uint32_t>(ternary_codes(ternary_word(next[i], k), r));
      next[i] = __ldg(tiles[i] + static_cast<int64_t>(min(tile + 1, n_tiles - 1)) * kWarp);
    }
    const int s = tile % kStages;
    barrier_wait(&ring.full[s], tile / kStages % 2);
    const uint64_t b = wgmma_matrix(stages + s * kStageBytes);
#pragma unroll
    for (int i = 0; i < kTilesM; i++) {
      settle(a[i]);
      settle(sum[i]);
    }
    wgmma_fence();
#pragma unroll
    for (int k = 0; k < 4; k++)
#pragma unroll
      for (int i = 0; i < kTilesM; i++) wgmma_s8_n128(sum[i], a[i][k], b + 2 * k);
    wgmma_commit();
    wgmma_wait<0>();
#pragma unroll
    for (int i = 0; i < kTilesM; i++) settle(sum[i]);
    if (thread == 0) barrier_arrive(&ring.empty[s]);
  }

#pragma unroll
  for (int i = 0; i < kTilesM; i++)
#pragma unroll
    for (int j = 0; j < kBlockN / 2; j++) {
      const int row = (first_tile_row + 4 * i) * kTernaryTileRows + g + j % 4 / 2 * 8, r = first_act + j / 4 * 8 + 2 * t + j % 2;
      if (row < p.w.n_rows && r < batch.acts.n_rows) ternary_store(p, batch.acts, r, row, sum[i][j]);
    }
}

}  // namespace

void launch_ternary_gemm_sm90(const TernaryProduct* products, int n, const TernaryActs& acts, const DeviceInfo&, cudaStream_t stream) {
  const TernaryBatch batch = ternary_batch(products, n, acts, kTileRowsOfBlock);
  const CUtensorMap activations = tensor_map(1, acts.q, acts.n_rows, acts.stride, acts.stride, kBlockN);
  launch("ternary_gemm_sm90_kernel", ternary_gemm_sm90_kernel, dim3(ternary_units(batch), ceil_div(acts.n_rows, kBlockN)),
         dim3(kThreads), kStages * kStageBytes + sizeof(Ring), stream, batch, activations);
}

}  // namespace tern::cuda
