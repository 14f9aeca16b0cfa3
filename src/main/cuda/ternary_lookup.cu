// Ternary matmul by table lookup, after TLMM of TeLLMe (arXiv 2504.16266): for each group of four activations all 81 sums of c q,
// c in {0, 1, 2}, are made once and shared by 256 weight rows; a byte that holds four codes is the index.
//
// In this layout x | x >> 6 with x = word & 0x33333333 (row g) or (word >> 2) & 0x33333333 (row g + 8) has two such bytes: bits 0-7
// are the codes of columns 4t, 4t+1, 16+4t, 16+4t+1 of the word's 32, bits 16-23 those of 4t+2, 4t+3, 16+4t+2, 16+4t+3. Codes are two
// bits each and never 3, so an index is at most 0xaa: 171 places, 81 of them used. A place holds the sums of two activation rows in
// one word, so that a lookup does eight products; of their first a bias keeps the low half from borrowing from the high one.
//
// On paper the multiply-add kernel needs fewer instructions a weight (12 for 16, here some 20 and four loads from shared memory
// that meet in a bank three at a time); where memory is the bound both wait for it. The plan measures.
#include "ternary_tile.cuh"

namespace tern::cuda {
namespace {

constexpr int kWarps = 8;
constexpr int kTileRows = 2;            // rows of tiles of a warp: 16 a block, 256 weight rows
constexpr int kChunkTiles = 2;          // tiles of 128 columns that tables are made for at once
constexpr int kGroups = kChunkTiles * 32;
constexpr int kPlaces = 171;            // odd: tables begin in different banks
constexpr int kBias = 1024;             // |sum of 4 c q| <= 4 * 2 * 128
constexpr int kLookups = 8;             // of a lane in a tile, before low and high halves are told apart: 8 * 2 * kBias < 2^16

// The four activations of group `group` of a chunk: columns of the pairs described above.
struct Four {
  int q[4];
};
__device__ __forceinline__ Four activations_of(const int8_t* q, int chunk, int group) {
  const int8_t* const at = q + chunk * (kChunkTiles * kTernaryTileCols) + group / 8 * 32 + group % 8 / 2 * 4 + group % 2 * 2;
  return {{at[0], at[1], at[16], at[17]}};
}

__global__ void __launch_bounds__(kWarps* kWarp) ternary_lookup_kernel(TernaryBatch batch, int first_row) {
  int unit = blockIdx.x;
  const TernaryProduct& p = ternary_product_of(batch, unit);
  const TernaryActs& acts = batch.acts;
  const int warp = threadIdx.x / kWarp, lane = threadIdx.x % kWarp, g = lane / 4, t = lane % 4, n_tiles = batch.n_col_tiles;
  const int n_tile_rows = ceil_div(p.w.n_rows, kTernaryTileRows);
  const bool second = first_row + 1 < acts.n_rows;
  const int8_t* const q0 = acts.q + static_cast<int64_t>(first_row) * acts.stride;
  const int8_t* const q1 = second ? q0 + acts.stride : q0;
  int* const table = reinterpret_cast<int*>(dynamic_shared());  // [kGroups, kPlaces]
  const uint4* tiles[kTileRows];
#pragma unroll
  for (int i = 0; i < kTileRows; i++) {
    const int tile_row = min((unit * kWarps + warp) * kTileRows + i, n_tile_rows - 1);  // beyond the last: repeated, not stored
    tiles[i] = static_cast<const uint4*>(p.w.tiles) + static_cast<int64_t>(tile_row) * n_tiles * kWarp + lane;
  }

  int sum[kTileRows][2][2] = {};  // [row of tiles, row g or g + 8, activation row]
  for (int chunk = 0; chunk * kChunkTiles < n_tiles; chunk++) {
    const int n = min(kChunkTiles, n_tiles - chunk * kChunkTiles);
    __syncthreads();  // the tables of the last chunk have been read
    // Four threads a group, one per code of the last activation (the fourth has no code and idles).
    const int group = threadIdx.x / 4, last = threadIdx.x % 4;
    if (last < 3 && group < n * 32) {
      const Four a = activations_of(q0, chunk, group), b = activations_of(q1, chunk, group);
      int* const place = table + group * kPlaces + last * 64;
#pragma unroll
      for (int c = 0; c < 27; c++) {
        const int c0 = c % 3, c1 = c / 3 % 3, c2 = c / 9;
        const int low = c0 * a.q[0] + c1 * a.q[1] + c2 * a.q[2] + last * a.q[3];
        const int high = c0 * b.q[0] + c1 * b.q[1] + c2 * b.q[2] + last * b.q[3];
        place[c0 + 4 * c1 + 16 * c2] = static_cast<int>((static_cast<unsigned>(high) << 16) + static_cast<unsigned>(low + kBias));
      }
    }
    __syncthreads();
    for (int tile = 0; tile < n; tile++) {
#pragma unroll
      for (int i = 0; i < kTileRows; i++) {
        const uint4 words = __ldg(tiles[i] + static_cast<int64_t>(chunk * kChunkTiles + tile) * kWarp);
        unsigned found[2] = {0, 0};
#pragma unroll
        for (int s = 0; s < 4; s++) {
          const int* const pair = table + (tile * 32 + s * 8 + t * 2) * kPlaces;
#pragma unroll
          for (int half = 0; half < 2; half++) {
            const uint32_t x = ternary_word(words, s) >> 2 * half & 0x33333333u, y = x | x >> 6;
            found[half] += static_cast<unsigned>(pair[y & 0xff]) + static_cast<unsigned>(pair[kPlaces + (y >> 16 & 0xff)]);
          }
        }
#pragma unroll
        for (int half = 0; half < 2; half++) {
          sum[i][half][0] += static_cast<int>(found[half] & 0xffff) - kLookups * kBias;
          sum[i][half][1] += static_cast<int>(found[half]) >> 16;
        }
      }
    }
  }

#pragma unroll
  for (int i = 0; i < kTileRows; i++)
#pragma unroll
    for (int half = 0; half < 2; half++)
#pragma unroll
      for (int r = 0; r < 2; r++) {
        int x = sum[i][half][r];
        x += __shfl_xor_sync(kAllLanes, x, 1);
        x += __shfl_xor_sync(kAllLanes, x, 2);
        const int row = ((unit * kWarps + warp) * kTileRows + i) * kTernaryTileRows + half * 8 + g;
        if (t == 0 && row < p.w.n_rows && (r == 0 || second)) ternary_store(p, acts, first_row + r, row, x);
      }
}

}  // namespace

void launch_ternary_lookup(const TernaryProduct* products, int n, const TernaryActs& acts, const DeviceInfo&,
                           cudaStream_t stream) {
  static_assert(kWarps * kWarp == kGroups * 4, "four threads make a table");
  static_assert(kGroups * kPlaces * sizeof(int) <= kPortableShared, "more than some GPUs have");
  const TernaryBatch batch = ternary_batch(products, n, acts, kWarps * kTileRows);
  for (int row = 0; row < acts.n_rows; row += 2)
    launch("ternary_lookup_kernel", ternary_lookup_kernel, dim3(ternary_units(batch)), dim3(kWarps * kWarp),
           kGroups * kPlaces * sizeof(int), stream, batch, row);
}

}  // namespace tern::cuda
