// Ternary GEMV on CUDA cores: sum over columns of c q, four at a time by __dp4a. A block takes one row of tiles (16 rows of the
// weight); its warps take every eighth tile of 128 columns, each lane 16 bytes of it. Memory is the bound: a lane asks for the next
// two tiles' bytes before it multiplies one, so that an SM of eight blocks has some 60 KB under way. The activations, a few KB that
// all blocks read, come through L1.
#include "ternary_tile.cuh"

namespace tern::cuda {
namespace {

constexpr int kWarps = 8;
constexpr int kAhead = 2;

template <int kRows>
__global__ void __launch_bounds__(kWarps* kWarp) ternary_dp4a_kernel(TernaryBatch batch, int first_row) {
  int unit = blockIdx.x;
  const TernaryProduct& p = ternary_product_of(batch, unit);
  const TernaryActs& acts = batch.acts;
  const int warp = threadIdx.x / kWarp, lane = threadIdx.x % kWarp, t = lane % 4, n_tiles = batch.n_col_tiles;
  const uint4* const tiles = static_cast<const uint4*>(p.w.tiles) + static_cast<int64_t>(unit) * n_tiles * kWarp + lane;
  const int* q[kRows];  // this lane's column of each row
#pragma unroll
  for (int r = 0; r < kRows; r++)  // rows beyond the last repeat it, and are not stored
    q[r] = reinterpret_cast<const int*>(acts.q + static_cast<int64_t>(min(first_row + r, acts.n_rows - 1)) * acts.stride) + t;

  int sum[kRows][2] = {};
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
#pragma unroll
      for (int r = 0; r < kRows; r++) {
        const int low = __ldg(q[r] + tile * 32 + s * 8), high = __ldg(q[r] + tile * 32 + s * 8 + 4);
        sum[r][0] = __dp4a(ternary_codes(word, 2), high, __dp4a(ternary_codes(word, 0), low, sum[r][0]));
        sum[r][1] = __dp4a(ternary_codes(word, 3), high, __dp4a(ternary_codes(word, 1), low, sum[r][1]));
      }
    }
  }

  int* const part = reinterpret_cast<int*>(dynamic_shared());  // [kWarps, kRows, 16]
#pragma unroll
  for (int r = 0; r < kRows; r++)
#pragma unroll
    for (int half = 0; half < 2; half++) {
      int x = sum[r][half];
      x += __shfl_xor_sync(kAllLanes, x, 1);
      x += __shfl_xor_sync(kAllLanes, x, 2);
      if (t == 0) part[(warp * kRows + r) * 16 + half * 8 + lane / 4] = x;
    }
  __syncthreads();
  const int r = threadIdx.x / 16, row = unit * kTernaryTileRows + threadIdx.x % 16;
  if (r >= kRows || first_row + r >= acts.n_rows || row >= p.w.n_rows) return;
  int all = 0;
#pragma unroll
  for (int w = 0; w < kWarps; w++) all += part[w * kRows * 16 + threadIdx.x];
  ternary_store(p, acts, first_row + r, row, all);
}

template <int kRows>
void launch_rows(const TernaryBatch& batch, int first_row, cudaStream_t stream) {
  launch("ternary_dp4a_kernel", ternary_dp4a_kernel<kRows>, dim3(ternary_units(batch)), dim3(kWarps * kWarp),
         kWarps * kRows * 16 * sizeof(int), stream, batch, first_row);
}

}  // namespace

void launch_ternary_dp4a(const TernaryProduct* products, int n, const TernaryActs& acts, const DeviceInfo&, cudaStream_t stream) {
  const TernaryBatch batch = ternary_batch(products, n, acts, 1);
  for (int row = 0; row < acts.n_rows; row += 8) {
    const int rows = acts.n_rows - row;
    if (rows == 1)
      launch_rows<1>(batch, row, stream);
    else if (rows == 2)
      launch_rows<2>(batch, row, stream);
    else if (rows <= 4)
      launch_rows<4>(batch, row, stream);
    else
      launch_rows<8>(batch, row, stream);
  }
}

}  // namespace tern::cuda
