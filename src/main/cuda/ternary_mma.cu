// Ternary matmul for a few activation rows on int8 tensor cores: weights are the A operand (16 rows x 32 columns), unpacked in
// registers from exactly their fragments, 8 activation rows are the B operand, read from global memory (L1) as their fragments. The
// loads of the weights are those of ternary_dp4a.cu; what a step costs beside them hardly grows with the rows.
#include "ptx.cuh"
#include "ternary_tile.cuh"

namespace tern::cuda {
namespace {

constexpr int kWarps = 8;
constexpr int kAhead = 2;
constexpr int kN = 8;  // activation rows of an mma

template <int kTiles>  // of kN activation rows
__global__ void __launch_bounds__(kWarps* kWarp) ternary_mma_kernel(TernaryBatch batch, int first_row) {
  int unit = blockIdx.x;
  const TernaryProduct& p = ternary_product_of(batch, unit);
  const TernaryActs& acts = batch.acts;
  const int warp = threadIdx.x / kWarp, lane = threadIdx.x % kWarp, g = lane / 4, t = lane % 4, n_tiles = batch.n_col_tiles;
  const uint4* const tiles = static_cast<const uint4*>(p.w.tiles) + static_cast<int64_t>(unit) * n_tiles * kWarp + lane;
  const uint32_t* q[kTiles];  // column g of each B tile is an activation row
#pragma unroll
  for (int j = 0; j < kTiles; j++)  // rows beyond the last repeat it, and are not stored
    q[j] = reinterpret_cast<const uint32_t*>(acts.q + static_cast<int64_t>(min(first_row + j * kN + g, acts.n_rows - 1)) * acts.stride) + t;

  int32_t sum[kTiles][4] = {};
  uint4 ahead[kAhead];
#pragma unroll
  for (int a = 0; a < kAhead; a++)
    ahead[a] = warp + a * kWarps < n_tiles ? __ldg(tiles + static_cast<int64_t>(warp + a * kWarps) * kWarp) : uint4{};
  for (int tile = warp; tile < n_tiles; tile += kWarps) {
    const uint4 now = ahead[0];
#pragma unroll
    for (int i = 0; i + 1 < kAhead; i++) ahead[i] = ahead[i + 1];
    const int next = tile + kAhead * kWarps;
    ahead[kAhead - 1] = next < n_tiles ? __ldg(tiles + static_cast<int64_t>(next) * kWarp) : uint4{};
#pragma unroll
    for (int s = 0; s < 4; s++) {
      const uint32_t word = ternary_word(now, s);
      uint32_t a[4];
#pragma unroll
      for (int i = 0; i < 4; i++) a[i] = static_cast<uint32_t>(ternary_codes(word, i));
#pragma unroll
      for (int j = 0; j < kTiles; j++) {
        const uint32_t b[2] = {__ldg(q[j] + tile * 32 + s * 8), __ldg(q[j] + tile * 32 + s * 8 + 4)};
        mma_s8(sum[j], a, b);
      }
    }
  }

  // Each warp's [16 weight rows, activation rows], added up over the warps.
  constexpr int kRows = kTiles * kN;
  int* const part = reinterpret_cast<int*>(dynamic_shared());  // [kWarps, kRows, 16]
#pragma unroll
  for (int j = 0; j < kTiles; j++)
#pragma unroll
    for (int i = 0; i < 4; i++)
      part[(warp * kRows + j * kN + 2 * t + i % 2) * 16 + g + i / 2 * 8] = sum[j][i];
  __syncthreads();
  for (int at = threadIdx.x; at < kRows * 16; at += kWarps * kWarp) {
    const int r = first_row + at / 16, row = unit * kTernaryTileRows + at % 16;
    if (r >= acts.n_rows || row >= p.w.n_rows) continue;
    int all = 0;
#pragma unroll
    for (int w = 0; w < kWarps; w++) all += part[w * kRows * 16 + at];
    ternary_store(p, acts, r, row, all);
  }
}

template <int kTiles>
void launch_tiles(const TernaryBatch& batch, int first_row, cudaStream_t stream) {
  launch("ternary_mma_kernel", ternary_mma_kernel<kTiles>, dim3(ternary_units(batch)), dim3(kWarps * kWarp),
         kWarps * kTiles * kN * 16 * sizeof(int), stream, batch, first_row);
}

}  // namespace

void launch_ternary_mma(const TernaryProduct* products, int n, const TernaryActs& acts, const DeviceInfo&, cudaStream_t stream) {
  const TernaryBatch batch = ternary_batch(products, n, acts, 1);
  for (int row = 0; row < acts.n_rows; row += 4 * kN) {
    const int rows = acts.n_rows - row;
    if (rows <= kN)
      launch_tiles<1>(batch, row, stream);
    else if (rows <= 2 * kN)
      launch_tiles<2>(batch, row, stream);
    else
      launch_tiles<4>(batch, row, stream);
  }
}

}  // namespace tern::cuda
