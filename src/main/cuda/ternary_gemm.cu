// Ternary GEMM for many activation rows on int8 tensor cores. A block makes 128 weight rows x 128 (or 64) activation rows; its eight
// warps stand 4 x 2, a warp makes 32 weight rows x 64 (32) activation rows.
//
// Activations, the B operand, come to shared memory by cp.async, 128 columns a stage, four stages, 16-byte pieces swizzled by the row
// so that ldmatrix meets no bank twice. Weights, the A operand, need no shared memory: their fragments lie in global memory as a lane
// wants them, 16 bytes for 128 columns, and are asked for one stage ahead; each is unpacked once for 64 activation rows.
#include "ptx.cuh"
#include "ternary_tile.cuh"

namespace tern::cuda {
namespace {

constexpr int kWarpsM = 4, kWarpsN = 2, kThreads = kWarpsM * kWarpsN * kWarp;
constexpr int kTileRowsOfWarp = 2;                                // 16 weight rows each
constexpr int kTileRowsOfBlock = kWarpsM * kTileRowsOfWarp;
constexpr int kStages = 4;
constexpr int kRowBytes = kTernaryTileCols;                       // of an activation row in a stage

// Offset of 16-byte piece `piece` of row `row` in a stage.
__device__ __forceinline__ int swizzled(int row, int piece) { return row * kRowBytes + ((piece ^ row % 8) * 16); }

// kN8: tiles of 8 activation rows of a warp.
template <int kN8>
__global__ void __launch_bounds__(kThreads) ternary_gemm_kernel(TernaryBatch batch) {
  constexpr int kBlockN = kWarpsN * kN8 * 8;
  constexpr int kStageBytes = kBlockN * kRowBytes;
  int unit = blockIdx.x;
  const TernaryProduct& p = ternary_product_of(batch, unit);
  const TernaryActs& acts = batch.acts;
  const int warp = threadIdx.x / kWarp, lane = threadIdx.x % kWarp, g = lane / 4, t = lane % 4, n_tiles = batch.n_col_tiles;
  const int warp_m = warp % kWarpsM, warp_n = warp / kWarpsM;
  const int first_act = blockIdx.y * kBlockN, n_tile_rows = ceil_div(p.w.n_rows, kTernaryTileRows);
  unsigned char* const stages = dynamic_shared();

  const uint4* tiles[kTileRowsOfWarp];
#pragma unroll
  for (int i = 0; i < kTileRowsOfWarp; i++) {  // beyond the last row of tiles: repeated, not stored
    const int tile_row = min((unit * kWarpsM + warp_m) * kTileRowsOfWarp + i, n_tile_rows - 1);
    tiles[i] = static_cast<const uint4*>(p.w.tiles) + static_cast<int64_t>(tile_row) * n_tiles * kWarp + lane;
  }
  const auto fetch = [&](int tile) {  // the stage of 128 columns; rows beyond the last are zeros
    unsigned char* const stage = stages + tile % kStages * kStageBytes;
    for (int i = threadIdx.x; i < kBlockN * 8; i += kThreads) {
      const int row = i / 8, piece = i % 8, r = first_act + row;
      const bool there = r < acts.n_rows && tile < n_tiles;
      const int8_t* const from = acts.q + static_cast<int64_t>(there ? r : 0) * acts.stride + (there ? tile : 0) * kRowBytes + piece * 16;
      cp_async_16(stage + swizzled(row, piece), from, there ? 16 : 0);
    }
    cp_async_commit();
  };

  int32_t sum[kTileRowsOfWarp][kN8][4] = {};
  uint4 next[kTileRowsOfWarp];
#pragma unroll
  for (int i = 0; i < kTileRowsOfWarp; i++) next[i] = __ldg(tiles[i]);
  for (int tile = 0; tile < kStages - 1; tile++) fetch(tile);
  for (int tile = 0; tile < n_tiles; tile++) {
    cp_async_wait<kStages - 2>();
    __syncthreads();             // all threads' parts of this stage are there, and all have read the stage that is fetched now
    fetch(tile + kStages - 1);
    uint4 now[kTileRowsOfWarp];
#pragma unroll
    for (int i = 0; i < kTileRowsOfWarp; i++) {
      now[i] = next[i];
      next[i] = __ldg(tiles[i] + static_cast<int64_t>(min(tile + 1, n_tiles - 1)) * kWarp);
    }
    const unsigned char* const stage = stages + tile % kStages * kStageBytes;
#pragma unroll
    for (int s = 0; s < 4; s++) {
      uint32_t a[kTileRowsOfWarp][4];
#pragma unroll
      for (int i = 0; i < kTileRowsOfWarp; i++)
#pragma unroll
        for (int j = 0; j < 4; j++) a[i][j] = static_cast<uint32_t>(ternary_codes(ternary_word(now[i], s), j));
#pragma unroll
      for (int j = 0; j < kN8; j += 2) {
        // Matrices: rows j, columns 0-15 and 16-31 of the step; rows j + 1, the same.
        const int row = (warp_n * kN8 + j + lane / 16) * 8 + lane % 8, piece = 2 * s + lane / 8 % 2;
        uint32_t b[4];
        ldmatrix_x4(b, stage + swizzled(row, piece));
        const uint32_t b0[2] = {b[0], b[1]}, b1[2] = {b[2], b[3]};
#pragma unroll
        for (int i = 0; i < kTileRowsOfWarp; i++) {
          mma_s8(sum[i][j], a[i], b0);
          mma_s8(sum[i][j + 1], a[i], b1);
        }
      }
    }
  }
  cp_async_wait<0>();

#pragma unroll
  for (int i = 0; i < kTileRowsOfWarp; i++)
#pragma unroll
    for (int j = 0; j < kN8; j++)
#pragma unroll
      for (int e = 0; e < 4; e++) {
        const int row = ((unit * kWarpsM + warp_m) * kTileRowsOfWarp + i) * kTernaryTileRows + g + e / 2 * 8;
        const int r = first_act + (warp_n * kN8 + j) * 8 + 2 * t + e % 2;
        if (row < p.w.n_rows && r < acts.n_rows) ternary_store(p, acts, r, row, sum[i][j][e]);
      }
}

template <int kN8>
void launch_gemm(const TernaryBatch& batch, cudaStream_t stream) {
  constexpr int kBlockN = kWarpsN * kN8 * 8;
  static_assert(kStages * kBlockN * kRowBytes <= kPortableShared, "more than some GPUs have");
  launch("ternary_gemm_kernel", ternary_gemm_kernel<kN8>, dim3(ternary_units(batch), ceil_div(batch.acts.n_rows, kBlockN)),
         dim3(kThreads), kStages * kBlockN * kRowBytes, stream, batch);
}

}  // namespace

void launch_ternary_gemm(const TernaryProduct* products, int n, const TernaryActs& acts, const DeviceInfo&, cudaStream_t stream) {
  const TernaryBatch batch = ternary_batch(products, n, acts, kTileRowsOfBlock);
  if (acts.n_rows <= 32)
    launch_gemm<2>(batch, stream);
  else if (acts.n_rows <= 64)
    launch_gemm<4>(batch, stream);
  else
    launch_gemm<8>(batch, stream);
}

}  // namespace tern::cuda
