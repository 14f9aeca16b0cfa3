// Ternary sums by table lookup with vpshufb: the 9 sums +-q0 +-q1 of every two activations, as 16 low and 16 high bytes; a group
// of two weights is a 4-bit index 3 c0 + c1, two to a byte: 2 bits a weight. Low and high bytes are interleaved to int16 again.
#include <immintrin.h>

#include "cpu/ternary_kernel.h"

namespace tern::cpu {
namespace {

constexpr int kVectors = 2;           // row vectors that share a table load
constexpr int kRows = 32 * kVectors;  // rows of a tile; byte [step, row] holds the 4 columns of a step
constexpr int kActTile = 4;
constexpr int kChunkTiles = 32;
constexpr int kBlockSteps = 60;  // 120 lookups of at most 256 fit in int16: 30720
constexpr int kTableBytes = 32;  // low and high bytes of one group; a step has two
constexpr int kAhead = 1024;

int n_steps_of(int n_cols) { return (n_cols + 3) / 4; }

int64_t tile_bytes(int n_cols) { return int64_t(n_steps_of(n_cols)) * kRows; }

void pack_row(const uint8_t* codes, int n_cols, int row, uint8_t* tile) {
  uint8_t* out = tile + row;
  for (int s = 0; s < n_steps_of(n_cols); s++, codes += 4, out += kRows)
    *out = uint8_t((3 * codes[0] + codes[1]) | (3 * codes[2] + codes[3]) << 4);
}

// Tables of steps [begin, begin + n). The activations beyond n_cols are zero up to the stride, a multiple of 4.
// Inlined, g++ 12 keeps its constants on the stack.
__attribute__((noinline)) void make_tables(const int8_t* q, int begin, int n, uint8_t* tables) {
  const __m256i sign0 = _mm256_setr_epi16(-1, -1, -1, 0, 0, 0, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0);
  const __m256i sign1 = _mm256_setr_epi16(-1, 0, 1, -1, 0, 1, -1, 0, 1, 0, 0, 0, 0, 0, 0, 0);
  const __m256i low = _mm256_set1_epi16(0xff);
  q += 4 * begin;
  for (int g = 0; g < 2 * n; g++, q += 2, tables += kTableBytes) {
    const __m256i sum = _mm256_add_epi16(_mm256_mullo_epi16(sign0, _mm256_set1_epi16(q[0])),
                                         _mm256_mullo_epi16(sign1, _mm256_set1_epi16(q[1])));
    // packus works within 128-bit halves: [low 0-7, high 0-7, low 8-15, high 8-15], then the middle two change places.
    const __m256i bytes = _mm256_packus_epi16(_mm256_and_si256(sum, low), _mm256_srli_epi16(sum, 8));
    _mm256_store_si256(reinterpret_cast<__m256i*>(tables), _mm256_permute4x64_epi64(bytes, 0xd8));
  }
}

inline __m256i table(const uint8_t* bytes) {
  return _mm256_broadcastsi128_si256(_mm_load_si128(reinterpret_cast<const __m128i*>(bytes)));
}

inline void widen(__m128i sums, int32_t* out) {
  __m256i* to = reinterpret_cast<__m256i*>(out);
  _mm256_storeu_si256(to, _mm256_add_epi32(_mm256_loadu_si256(to), _mm256_cvtepi16_epi32(sums)));
}

// One activation row times n steps of a tile: out [kRows] += sums.
void block_sums(const uint8_t* packed, int n, const uint8_t* tables, int32_t* out) {
  const __m256i nibble = _mm256_set1_epi8(0x0f);
  __m256i even[kVectors], odd[kVectors];  // rows 0-7, 16-23 and 8-15, 24-31 of each vector
  for (int v = 0; v < kVectors; v++) even[v] = odd[v] = _mm256_setzero_si256();
  for (int s = 0; s < n; s++, packed += kRows, tables += 2 * kTableBytes) {
    _mm_prefetch(reinterpret_cast<const char*>(packed + kAhead), _MM_HINT_T0);
    const __m256i low0 = table(tables), high0 = table(tables + 16), low1 = table(tables + 32), high1 = table(tables + 48);
    for (int v = 0; v < kVectors; v++) {
      const __m256i byte = _mm256_load_si256(reinterpret_cast<const __m256i*>(packed) + v);
      const __m256i index0 = _mm256_and_si256(byte, nibble);
      const __m256i index1 = _mm256_and_si256(_mm256_srli_epi16(byte, 4), nibble);
      const __m256i l0 = _mm256_shuffle_epi8(low0, index0), h0 = _mm256_shuffle_epi8(high0, index0);
      const __m256i l1 = _mm256_shuffle_epi8(low1, index1), h1 = _mm256_shuffle_epi8(high1, index1);
      even[v] = _mm256_add_epi16(_mm256_add_epi16(even[v], _mm256_unpacklo_epi8(l0, h0)), _mm256_unpacklo_epi8(l1, h1));
      odd[v] = _mm256_add_epi16(_mm256_add_epi16(odd[v], _mm256_unpackhi_epi8(l0, h0)), _mm256_unpackhi_epi8(l1, h1));
    }
  }
  for (int v = 0; v < kVectors; v++, out += 32) {
    widen(_mm256_castsi256_si128(even[v]), out);
    widen(_mm256_castsi256_si128(odd[v]), out + 8);
    widen(_mm256_extracti128_si256(even[v], 1), out + 16);
    widen(_mm256_extracti128_si256(odd[v], 1), out + 24);
  }
}

// As in avx512_lookup: tables of few activation rows are made once, those of many by every task, block by block.
bool shared_tables(int n_act_rows) { return n_act_rows <= kActTile; }

int64_t row_tables(int n_cols) { return int64_t(n_steps_of(n_cols)) * 2 * kTableBytes; }

int64_t scratch_bytes(int n_cols, int n_act_rows) { return shared_tables(n_act_rows) ? row_tables(n_cols) * n_act_rows : 0; }

int prepare_parts(int, int n_act_rows) { return shared_tables(n_act_rows) ? n_act_rows : 0; }

void prepare(const TernaryActs& a, int n_cols, int part, void* scratch) {
  make_tables(a.rows.q + int64_t(part) * a.rows.stride, 0, n_steps_of(n_cols),
              static_cast<uint8_t*>(scratch) + part * row_tables(n_cols));
}

void sums(const uint8_t* tiles, int n_tiles, int n_cols, const TernaryActs& a, int32_t* out) {
  const int n_steps = n_steps_of(n_cols), stride = n_tiles * kRows;
  __builtin_memset(out, 0, sizeof(int32_t) * size_t(a.n) * stride);
  alignas(32) uint8_t local[kActTile][kBlockSteps * 2 * kTableBytes];
  const bool shared = shared_tables(a.n_act_rows);
  const auto block = [&](int tile, int s, int n) {
    for (int t = 0; t < a.n; t++) {
      const uint8_t* tables = local[t];
      if (shared) tables = static_cast<const uint8_t*>(a.scratch) + (a.first + t) * row_tables(n_cols) + s * 2 * kTableBytes;
      block_sums(tiles + tile * tile_bytes(n_cols) + s * kRows, n, tables, out + t * stride + tile * kRows);
    }
  };
  const auto length = [&](int s) { return n_steps - s < kBlockSteps ? n_steps - s : kBlockSteps; };
  if (shared) {
    for (int i = 0; i < n_tiles; i++)
      for (int s = 0; s < n_steps; s += kBlockSteps) block(i, s, length(s));
    return;
  }
  for (int s = 0; s < n_steps; s += kBlockSteps) {
    for (int t = 0; t < a.n; t++) make_tables(a.q(t), s, length(s), local[t]);
    for (int i = 0; i < n_tiles; i++) block(i, s, length(s));
  }
}

}  // namespace

const TernaryKernel kTernaryLookupAvx2 = {"avx2_lookup", Isa::avx2, kRows, kChunkTiles, 1, kActTile, tile_bytes, pack_row,
                                          scratch_bytes, prepare_parts, prepare, sums};

}  // namespace tern::cpu
