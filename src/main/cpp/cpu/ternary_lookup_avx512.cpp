// Ternary sums by table lookup (TLMM of TeLLMe, arXiv 2504.16266, in registers): for every three activations the 27 sums
// +-q0 +-q1 +-q2 are made on line as one zmm of int16; a group of three weights is a 5-bit index, and vpermw looks up 32 rows at
// once. vpermw reads the low 5 bits of a lane only, so three indices lie in one 16-bit word and are reached by two shifts. The
// 16th bits of five words hold one more index: 48 weights in 80 bits, 1.67 bits a weight. See docs/ternary.md.
#include <immintrin.h>

#include "cpu/in_order.h"
#include "cpu/ternary_kernel.h"

namespace tern::cpu {
namespace {

constexpr int kVectors = 4;                    // row vectors that share a table load
constexpr int kRows = 32 * kVectors;           // rows of a tile
constexpr int kActTile = 4;                    // activation rows in registers: 4 x 4 accumulators
constexpr int kSuperWords = 5, kSuperGroups = 16, kGroup = 3;
constexpr int kWordBytes = 2 * kRows;          // one word of every row of the tile
constexpr int kBlockSupers = 5;                // 80 lookups of at most 384 fit in int16: 30720
constexpr int kBlockGroups = kBlockSupers * kSuperGroups;
constexpr int kChunkTiles = 16;
constexpr int kDecodeTiles = 2;
// Skylake-SP, two tiles from DRAM, one noisy run each: 9.8 to 11 GB/s for 1024 into L1, 7.2 to 10.3 for other distances and into L2.
constexpr int kAhead = 1024;

// Columns as super groups of 48, then words of 9.
struct Shape {
  int supers, tail_groups, tail_words;
  explicit Shape(int n_cols) {
    const int groups = (n_cols + kGroup - 1) / kGroup;
    supers = groups / kSuperGroups;
    tail_groups = groups % kSuperGroups;
    tail_words = (tail_groups + 2) / 3;
  }
  int64_t tile_bytes() const { return (int64_t(supers) * kSuperWords + tail_words) * kWordBytes; }
  int table_groups() const { return supers * kSuperGroups + 3 * tail_words; }
  int n_blocks() const { return (supers + kBlockSupers - 1) / kBlockSupers + (tail_words > 0); }
};

// The columns whose sums stay in int16: up to kBlockSupers super groups, or the words of the tail.
struct Block {
  int supers, words, group;  // group: its first group
  int64_t offset;            // bytes of its words in the tile
  Block(const Shape& shape, int i) {
    const int begin = i * kBlockSupers;
    supers = shape.supers - begin < kBlockSupers ? (shape.supers > begin ? shape.supers - begin : 0) : kBlockSupers;
    words = supers ? 0 : shape.tail_words;
    const int before = supers ? begin : shape.supers;
    group = before * kSuperGroups;
    offset = int64_t(before) * kSuperWords * kWordBytes;
  }
  int groups() const { return supers * kSuperGroups + 3 * words; }
};

// Three codes as bytes 0..2 of x: byte 2 of the product is 9 c0 + 3 c1 + c2, byte 5 the same of bytes 3..5.
inline uint64_t indices(const uint8_t* codes) {
  uint64_t x;
  __builtin_memcpy(&x, codes, 8);
  return (x & 0xffffffffffffu) * 0x090301u;
}

inline uint16_t index_of(const uint8_t* codes) { return uint16_t(9 * codes[0] + 3 * codes[1] + codes[2]); }

void pack_row(const uint8_t* codes, int n_cols, int row, uint8_t* tile) {
  const Shape shape(n_cols);
  uint16_t* out = reinterpret_cast<uint16_t*>(tile) + row;
  for (int s = 0; s < shape.supers; s++, codes += kSuperGroups * kGroup) {
    const uint32_t last = index_of(codes + 45);
    for (int w = 0; w < kSuperWords; w++, out += kRows) {
      const uint64_t x = indices(codes + 9 * w);
      const uint32_t top = last >> (4 - w) & 1;
      *out = uint16_t((x >> 16 & 31) | (x >> 40 & 31) << 5 | uint32_t(index_of(codes + 9 * w + 6)) << 10 | top << 15);
    }
  }
  for (int w = 0; w < shape.tail_words; w++, out += kRows, codes += 9)
    *out = uint16_t(index_of(codes) | index_of(codes + 3) << 5 | index_of(codes + 6) << 10);
}

int64_t tile_bytes(int n_cols) { return Shape(n_cols).tile_bytes(); }

// Table g of activation row t is at (g * n + t) * 32; entry i = 9 c0 + 3 c1 + c2 is sum (c - 1) q. q: the row, n_cols long.
void make_tables(const int8_t* q, int n_cols, int group, int n_groups, int t, int n, int16_t* tables) {
  alignas(64) static const int8_t kSigns[3][32] = {
      {-1, -1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0},
      {-1, -1, -1, 0, 0, 0, 1, 1, 1, -1, -1, -1, 0, 0, 0, 1, 1, 1, -1, -1, -1, 0, 0, 0, 1, 1, 1, 0, 0, 0, 0, 0},
      {-1, 0, 1, -1, 0, 1, -1, 0, 1, -1, 0, 1, -1, 0, 1, -1, 0, 1, -1, 0, 1, -1, 0, 1, -1, 0, 1, 0, 0, 0, 0, 0}};
  __m512i sign[3];
  for (int i = 0; i < 3; i++) sign[i] = _mm512_cvtepi8_epi16(_mm256_load_si256(reinterpret_cast<const __m256i*>(kSigns[i])));
  int16_t* to = tables + t * 32;
  const int whole = n_cols / kGroup - group < n_groups ? n_cols / kGroup - group : n_groups;
  const int8_t* from = q + group * kGroup;
  for (int g = 0; g < whole; g++, to += 32 * n, from += kGroup) {
    const __m512i s0 = _mm512_mullo_epi16(sign[0], _mm512_set1_epi16(from[0]));
    const __m512i s1 = _mm512_mullo_epi16(sign[1], _mm512_set1_epi16(from[1]));
    const __m512i s2 = _mm512_mullo_epi16(sign[2], _mm512_set1_epi16(from[2]));
    _mm512_store_si512(to, _mm512_add_epi16(_mm512_add_epi16(s0, s1), s2));
  }
  for (int g = whole < 0 ? 0 : whole; g < n_groups; g++, to += 32 * n) {  // beyond the columns: activations count as 0
    __m512i sum = _mm512_setzero_si512();
    for (int i = 0; i < kGroup; i++) {
      const int col = (group + g) * kGroup + i;
      if (col < n_cols) sum = _mm512_add_epi16(sum, _mm512_mullo_epi16(sign[i], _mm512_set1_epi16(q[col])));
    }
    _mm512_store_si512(to, sum);
  }
}

// Vector v of a word; beyond kVectors it is the next tile's, tile bytes further.
inline __m512i word(const uint8_t* packed, int64_t tile, int v) {
  return _mm512_load_si512(packed + v / kVectors * tile + 64 * (v % kVectors));
}

inline void widen(__m512i sums, int32_t* out) {
  const __m512i low = _mm512_cvtepi16_epi32(_mm512_castsi512_si256(sums));
  const __m512i high = _mm512_cvtepi16_epi32(_mm512_extracti64x4_epi64(sums, 1));
  _mm512_storeu_si512(out, _mm512_add_epi32(_mm512_loadu_si512(out), low));
  _mm512_storeu_si512(out + 16, _mm512_add_epi32(_mm512_loadu_si512(out + 16), high));
}

// Adds the lookups of one index a lane and row vector: tables [N, 32].
template <int N, int V>
inline __attribute__((always_inline)) void look_up(const __m512i (&index)[V], const int16_t* tables,
                                                   __m512i (&acc)[N][V]) {
#pragma GCC unroll 8
  for (int t = 0; t < N; t++) {
    const __m512i table = _mm512_load_si512(tables + 32 * t);
#pragma GCC unroll 8
    for (int v = 0; v < V; v++) {
      acc[t][v] = _mm512_add_epi16(acc[t][v], _mm512_permutexvar_epi16(index[v], table));
      in_order(acc[t][v]);
    }
  }
}

// One block of a tile for N activation rows: out [N, stride] += sums. tables: [groups, N, 32]
template <int N, int V>
void block_sums(const uint8_t* packed, int64_t tile, const Block& block, const int16_t* tables, int32_t* out, int stride) {
  __m512i acc[N][V], index[V];
#pragma GCC unroll 4
  for (int t = 0; t < N; t++)
#pragma GCC unroll 8
    for (int v = 0; v < V; v++) acc[t][v] = _mm512_setzero_si512();
  const __m512i top = _mm512_set1_epi16(short(0x8000));
  const auto three = [&]() __attribute__((always_inline)) {
#pragma GCC unroll 8
    for (int v = 0; v < V; v++) {
      _mm_prefetch(reinterpret_cast<const char*>(packed + v / kVectors * tile + 64 * (v % kVectors) + kAhead), _MM_HINT_T0);
      index[v] = word(packed, tile, v);
    }
#pragma GCC unroll 3
    for (int g = 0; g < 3; g++, tables += 32 * N) {
      look_up<N, V>(index, tables, acc);
      if (g < 2)
#pragma GCC unroll 8
        for (int v = 0; v < V; v++) {
          index[v] = _mm512_srli_epi16(index[v], 5);
          in_order(index[v]);
        }
    }
    packed += kWordBytes;
  };
  for (int s = 0; s < block.supers; s++) {
#pragma GCC unroll 1  // unrolled, gcc 12 keeps the 20 words for the second reading below and spills them
    for (int w = 0; w < kSuperWords; w++) three();
#pragma GCC unroll 8
    for (int v = 0; v < V; v++) {
      // The 16th bits: the last word's moves down as those before it take the place above.
      index[v] = word(packed - kWordBytes, tile, v);
#pragma GCC unroll 4
      for (int w = 2; w <= kSuperWords; w++)
        index[v] = _mm512_ternarylogic_epi64(top, word(packed - w * kWordBytes, tile, v), _mm512_srli_epi16(index[v], 1), 0xca);
      index[v] = _mm512_srli_epi16(index[v], 11);
    }
    look_up<N, V>(index, tables, acc);
    tables += 32 * N;
  }
  for (int w = 0; w < block.words; w++) three();
#pragma GCC unroll 4
  for (int t = 0; t < N; t++)
#pragma GCC unroll 8
    for (int v = 0; v < V; v++) widen(acc[t][v], out + t * stride + 32 * v);
}

void block_sums(int n, const uint8_t* packed, const Block& block, const int16_t* tables, int32_t* out, int stride) {
  switch (n) {
    case 1: return block_sums<1, kVectors>(packed, 0, block, tables, out, stride);
    case 2: return block_sums<2, kVectors>(packed, 0, block, tables, out, stride);
    case 3: return block_sums<3, kVectors>(packed, 0, block, tables, out, stride);
    default: return block_sums<4, kVectors>(packed, 0, block, tables, out, stride);
  }
}

// Few activation rows: their tables are made once for all tasks. Many: they would not stay in the cache, and every task makes
// those of one block and 4 rows (20 KiB) for its 2048 rows of weights.
bool shared_tables(int n_act_rows) { return n_act_rows <= kActTile; }

int64_t scratch_bytes(int n_cols, int n_act_rows) {
  return shared_tables(n_act_rows) ? int64_t(Shape(n_cols).table_groups()) * n_act_rows * 64 : 0;
}

constexpr int kPartGroups = 2400;  // about 3 us

int prepare_parts(int n_cols, int n_act_rows) {
  return shared_tables(n_act_rows) ? (Shape(n_cols).table_groups() + kPartGroups - 1) / kPartGroups : 0;
}

void prepare(const TernaryActs& a, int n_cols, int part, void* scratch) {
  const int begin = part * kPartGroups, rest = Shape(n_cols).table_groups() - begin;
  int16_t* tables = static_cast<int16_t*>(scratch) + int64_t(begin) * a.n_act_rows * 32;
  for (int t = 0; t < a.n_act_rows; t++)
    make_tables(a.rows.q + int64_t(t) * a.rows.stride, n_cols, begin, rest < kPartGroups ? rest : kPartGroups, t, a.n_act_rows,
                tables);
}

void sums(const uint8_t* tiles, int n_tiles, int n_cols, const TernaryActs& a, int32_t* out) {
  const Shape shape(n_cols);
  const int stride = n_tiles * kRows;
  __builtin_memset(out, 0, sizeof(int32_t) * size_t(a.n) * stride);
  if (shared_tables(a.n_act_rows)) {  // tile by tile: the weights are one linear stream
    int i = 0;
    if (a.n == 1)  // two tiles at once: half as many loads of the tables, which are larger than L1, and two streams
      for (; i + kDecodeTiles <= n_tiles; i += kDecodeTiles, tiles += kDecodeTiles * shape.tile_bytes())
        for (int b = 0; b < shape.n_blocks(); b++) {
          const Block block(shape, b);
          const int16_t* tables = static_cast<const int16_t*>(a.scratch) + int64_t(block.group) * 32;
          block_sums<1, kDecodeTiles * kVectors>(tiles + block.offset, shape.tile_bytes(), block, tables, out + i * kRows, stride);
        }
    for (; i < n_tiles; i++, tiles += shape.tile_bytes())
      for (int b = 0; b < shape.n_blocks(); b++) {
        const Block block(shape, b);
        const int16_t* tables = static_cast<const int16_t*>(a.scratch) + int64_t(block.group) * a.n * 32;
        block_sums(a.n, tiles + block.offset, block, tables, out + i * kRows, stride);
      }
    return;
  }
  alignas(64) int16_t tables[kBlockGroups * kActTile * 32];
  for (int b = 0; b < shape.n_blocks(); b++) {  // block by block: the tables stay in the L1 cache
    const Block block(shape, b);
    for (int t = 0; t < a.n; t++) make_tables(a.q(t), n_cols, block.group, block.groups(), t, a.n, tables);
    for (int i = 0; i < n_tiles; i++)
      block_sums(a.n, tiles + i * shape.tile_bytes() + block.offset, block, tables, out + i * kRows, stride);
  }
}

}  // namespace

const TernaryKernel kTernaryLookupAvx512 = {"avx512_lookup", Isa::avx512, kRows, kChunkTiles, kDecodeTiles, kActTile, tile_bytes, pack_row,
                                            scratch_bytes, prepare_parts, prepare, sums};

}  // namespace tern::cpu
