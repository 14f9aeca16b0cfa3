// Ternary sums by the tile products of AMX (cpu/amx_tiles.h). What the four (or five) codes that are taken out of 16 rows' dwords at
// once make is 16 groups of four columns' weights, which is a row of a tile B as it is: [columns / 4][16 rows][4]. So the layouts
// are those of avx512_vnni and avx512_vnni3, whose kernels do what has few activation rows.
// Many: the codes of 320 columns and 32 rows are taken out into 10 KiB, which stay in L1, and meet 32 activation rows at a time, which
// come from L2 (10 KiB of their 320 columns, also L1 while they are used); 2 x 2 tiles of sums, four chains of products.
#include <immintrin.h>

#include <algorithm>

#include "cpu/amx_tiles.h"
#include "cpu/streams.h"
#include "cpu/ternary_codes_avx512.h"
#include "cpu/ternary_kernel.h"
#include "cpu/ternary_tile.h"

namespace tern::cpu {
namespace {

constexpr int kFewest = kGroupActs + 1;  // activation rows; fewer are one call of the other kernel, which takes 8 in 0.5 to 0.8 of the time
constexpr int kBlockCols = 320;  // whole steps of both layouts, whole tiles
constexpr int kBlockTiles = kBlockCols / 64;
constexpr int kHalfBytes = kBlockTiles * kTmmBytes;  // the codes of a block and 16 rows
constexpr int kActRows = 2 * kTmmRows;
constexpr int kActTile = 128;   // activation rows of a call: 7000 columns of them are half of a 2 MiB L2
constexpr int kAheadTiles = 2;  // steps of activations that are asked for before they are used

inline void read_ahead(const int8_t* tile) {
#pragma GCC unroll 16
  for (int i = 0; i < kTmmRows; i++) _mm_prefetch(reinterpret_cast<const char*>(tile + i * kTmmRowBytes), _MM_HINT_T0);
}

inline int col_tiles(int n_cols) { return (n_cols + 63) / 64; }

// Bytes w + kOffset, whatever the layout leaves elsewhere shifted down.
template <class Layout>
inline __m512i code(__m512i x) {
  const __m512i placed = Codes<Layout>::place(x);
  return Codes<Layout>::kShift ? _mm512_srli_epi16(placed, Codes<Layout>::kShift) : placed;
}

// The codes of n_steps steps to panel, [2 halves of the rows, kBlockTiles, 16, 64]. What is left of the last tile stays as it is:
// activations beyond a row's columns are 0.
template <class Layout>
void unpack(const uint8_t* packed, int n_steps, uint8_t* panel) {
  for (int s = 0; s < n_steps; s++, packed += kStepBytes) {
    uint8_t* to = panel + s * Layout::kDigits * 64;
    _mm_prefetch(reinterpret_cast<const char*>(packed + kBlockCols / Layout::kStep * kStepBytes), _MM_HINT_T1);
    _mm_prefetch(reinterpret_cast<const char*>(packed + kBlockCols / Layout::kStep * kStepBytes + 64), _MM_HINT_T1);
    __m512i a = _mm512_load_si512(packed), b = _mm512_load_si512(packed + 64);
#pragma GCC unroll 5
    for (int k = 0; k < Layout::kDigits; k++, to += 64) {
      _mm512_store_si512(to, code<Layout>(a));
      _mm512_store_si512(to + kHalfBytes, code<Layout>(b));
      if (k < Layout::kDigits - 1) a = Codes<Layout>::next(a), b = Codes<Layout>::next(b);
    }
  }
}

template <int kTo>
inline void load_two(const int32_t* sums, int64_t stride) {
  tile_load<kTo>(sums, stride);
  tile_load<kTo + 1>(sums + 16, stride);
}

template <int kFrom>
inline void store_two(int32_t* sums, int64_t stride) {
  tile_store<kFrom>(sums, stride);
  tile_store<kFrom + 1>(sums + 16, stride);
}

// sums += products of 32 activation rows with the block. q: [n_tiles, 32, 64]; next: the same of the rows that follow, to be read ahead;
// sums: [32, 32], rows of stride bytes
void add_block(const int8_t* q, const int8_t* next, int n_tiles, const uint8_t* panel, int32_t* sums, int64_t stride) {
  int32_t* const below = sums + kTmmRows * stride / 4;
  load_two<0>(sums, stride);
  load_two<2>(below, stride);
#pragma GCC unroll 1
  for (int i = 0; i < n_tiles; i++, q += 2 * kTmmBytes, panel += kTmmBytes) {
    const int8_t* const ahead = i + kAheadTiles < n_tiles ? q + kAheadTiles * 2 * kTmmBytes : next + (i + kAheadTiles - n_tiles) * 2 * kTmmBytes;
    tile_load<6>(panel, kTmmRowBytes);
    tile_load<4>(q, kTmmRowBytes);
    tile_dot<0, 4, 6>();
    read_ahead(ahead);
    tile_load<7>(panel + kHalfBytes, kTmmRowBytes);
    tile_dot<1, 4, 7>();
    tile_load<5>(q + kTmmBytes, kTmmRowBytes);
    tile_dot<2, 5, 6>();
    read_ahead(ahead + kTmmBytes);
    tile_dot<3, 5, 7>();
  }
  store_two<0>(sums, stride);
  store_two<2>(below, stride);
}

// The same of 16 rows. Two chains of products would wait for each other: the odd tiles' sums are the lower 16 rows of sums, added up at the end.
void add_half_block(const int8_t* q, int n_tiles, const uint8_t* panel, int32_t* sums, int64_t stride) {
  int32_t* const odd = sums + kTmmRows * stride / 4;
  load_two<0>(sums, stride);
  load_two<2>(odd, stride);
#pragma GCC unroll 2
  for (int i = 0; i < n_tiles; i++, q += 2 * kTmmBytes, panel += kTmmBytes) {
    tile_load<6>(panel, kTmmRowBytes);
    tile_load<7>(panel + kHalfBytes, kTmmRowBytes);
    tile_load<4>(q, kTmmRowBytes);
    if (i % 2) {
      tile_dot<2, 4, 6>();
      tile_dot<3, 4, 7>();
    } else {
      tile_dot<0, 4, 6>();
      tile_dot<1, 4, 7>();
    }
  }
  store_two<0>(sums, stride);
  store_two<2>(odd, stride);
}

inline void begin_sums(const int32_t* sum, int n, int offset, int32_t* to, int stride) {
  for (int t = 0; t < n; t++, to += stride) {
    const __m512i first = _mm512_set1_epi32(-offset * sum[t]);
    _mm512_storeu_si512(to, first);
    _mm512_storeu_si512(to + 16, first);
  }
}

// One tile of weights times the activation rows of a.
template <class Layout>
void tile_sums(const uint8_t* packed, int n_cols, const TernaryActs& a, int32_t* out, int stride) {
  alignas(64) uint8_t panel[2 * kHalfBytes];
  alignas(64) int32_t rest[kActRows * kTileRows];  // of the last rows, where they are no whole 32
  const int n_tiles = col_tiles(n_cols), n_steps = Tile<Layout>::steps(n_cols), n_whole = a.n / kActRows, n_rest = a.n % kActRows;
  const int64_t group_bytes = int64_t(n_tiles) * 2 * kTmmBytes;
  const int8_t* const q = static_cast<const int8_t*>(a.scratch) + a.first / kActRows * group_bytes;
  const int32_t* const sum = a.rows.sum + a.first;
  std::memset(rest, 0, sizeof rest);
  begin_sums(sum, n_whole * kActRows, Codes<Layout>::kOffset, out, stride);
  begin_sums(sum + n_whole * kActRows, n_rest, Codes<Layout>::kOffset, rest, kTileRows);
  constexpr int kBlockSteps = kBlockCols / Layout::kStep;
  for (int tile = 0, step = 0; tile < n_tiles; tile += kBlockTiles, step += kBlockSteps) {
    const int n = std::min(kBlockTiles, n_tiles - tile);
    unpack<Layout>(packed + int64_t(step) * kStepBytes, std::min(kBlockSteps, n_steps - step), panel);
    const int8_t* block = q + int64_t(tile) * 2 * kTmmBytes;
    const int8_t* const after = q + int64_t(tile + n) * 2 * kTmmBytes;  // where the next block begins
    for (int g = 0; g < n_whole; g++, block += group_bytes)
      add_block(block, g + 1 < n_whole ? block + group_bytes : after, n, panel, out + int64_t(g) * kActRows * stride, int64_t(stride) * 4);
    if (n_rest > kTmmRows)
      add_block(block, after, n, panel, rest, kTileRows * 4);
    else if (n_rest > 0)
      add_half_block(block, n, panel, rest, kTileRows * 4);
  }
  for (int t = 0; t < n_rest; t++)
    for (int i = 0; i < kTileRows; i++)
      out[int64_t(n_whole * kActRows + t) * stride + i] =
          rest[t * kTileRows + i] + (n_rest > kTmmRows ? 0 : rest[(kTmmRows + t) * kTileRows + i]);
}

// Activations: [groups of 32 rows, tiles of 64 columns, 32, 64], missing rows 0.
template <class Layout, const TernaryKernel* kFew>
struct Tiled {
  static int64_t group_bytes(int n_cols) { return int64_t(col_tiles(n_cols)) * 2 * kTmmBytes; }

  static int groups(int n_cols, int n_act_rows) {
    return n_act_rows < kFewest ? kFew->prepare_parts(n_cols, n_act_rows) : (n_act_rows + kActRows - 1) / kActRows;
  }

  static int64_t scratch_bytes(int n_cols, int n_act_rows) {
    return n_act_rows < kFewest ? kFew->scratch_bytes(n_cols, n_act_rows) : groups(n_cols, n_act_rows) * group_bytes(n_cols);
  }

  static void prepare(const TernaryActs& a, int n_cols, int part, void* scratch) {
    if (a.n_act_rows < kFewest) return kFew->prepare(a, n_cols, part, scratch);
    const int first = part * kActRows, n = std::min(kActRows, a.n_act_rows - first), n_tiles = col_tiles(n_cols);
    int8_t* to = static_cast<int8_t*>(scratch) + part * group_bytes(n_cols);
    for (int tile = 0; tile < n_tiles; tile++)
      for (int t = 0; t < kActRows; t++, to += 64) {
        const bool there = t < n;
        _mm512_store_si512(to, there ? _mm512_loadu_si512(a.rows.q + int64_t(first + t) * a.rows.stride + tile * 64) : _mm512_setzero_si512());
      }
  }

  static void sums(const uint8_t* tiles, int n_tiles, int n_cols, const TernaryActs& a, int32_t* out) {
    if (a.n_act_rows < kFewest) return kFew->sums(tiles, n_tiles, n_cols, a, out);
    static constexpr TileConfig config{};
    tiles_begin(config);
    for (int i = 0; i < n_tiles; i++)
      tile_sums<Layout>(tiles + i * Tile<Layout>::bytes(n_cols), n_cols, a, out + i * kTileRows, n_tiles * kTileRows);
    tiles_end();
  }

  static constexpr TernaryKernel kernel(const char* name) {
    return {name, Isa::avx512, kTileRows, 1, kStreams, kActTile, Tile<Layout>::bytes, Tile<Layout>::pack_row, scratch_bytes, groups, prepare, sums};
  }
};

}  // namespace

const TernaryKernel kTernaryAmx = Tiled<Planes, &kTernaryVnniAvx512>::kernel("amx");
const TernaryKernel kTernaryAmx3 = Tiled<Base3, &kTernaryVnni3Avx512>::kernel("amx3");

}  // namespace tern::cpu
