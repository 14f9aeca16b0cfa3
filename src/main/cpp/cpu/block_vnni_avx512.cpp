// Tiles of a block type times activations of two digits (block_tile.h) by vpdpbusd: codes are its unsigned bytes, digits the signed ones.
#include <immintrin.h>

#include "cpu/block_tile.h"
#include "cpu/in_order.h"
#include "cpu/streams.h"
#include "cpu/ternary_codes_avx512.h"

#if !defined(TERN_ON_BW) && !defined(__clang__)  // cmake/Simd.cmake tells clang
#pragma GCC target("avx512vnni")
#endif
#include "cpu/ternary_dot4_avx512.h"

namespace tern::cpu {
namespace {

inline __m512i magnitude(__m512 x) { return _mm512_and_si512(_mm512_castps_si512(x), _mm512_set1_epi32(0x7fffffff)); }

inline float float_of(uint32_t bits) {
  float f;
  __builtin_memcpy(&f, &bits, sizeof f);
  return f;
}

// The unit of a turn by its largest |x|, given as bits: as integers they are compared in order, a NaN above all.
struct Unit {
  float size, inverse;

  explicit Unit(uint32_t largest) {
    // The exponent of the largest, one more if it is 1.99216 times that power of two or more: two digits hold 32639, not 2^15.
    const uint32_t exponent = (largest + 0x10100) >> 23;
    const bool nothing = largest < (127 - 70) << 23;
    size = nothing ? 0 : float_of(largest < 0x7f800000 ? (exponent - 14) << 23 : 0x7fc00000);
    inverse = nothing ? 0 : float_of((254 + 14 - exponent) << 23);
  }
};

// The lowest byte of each number.
inline void store_bytes(int8_t* to, __m512i q) { _mm_storeu_si128(reinterpret_cast<__m128i*>(to), _mm512_cvtepi32_epi8(q)); }

template <class Tile>
void prepare(const float* x, int64_t x_stride, int n, int n_turns, BlockActs* out) {
  for (int k = 0; k < n_turns; k++)
    for (int a = 0; a < n; a++, out++) {
      const float* const from = x + a * x_stride + k * kTurnCols;
      const __m512 v[2] = {_mm512_loadu_ps(from), _mm512_loadu_ps(from + 16)};
      const Unit unit(_mm512_reduce_max_epu32(_mm512_max_epu32(magnitude(v[0]), magnitude(v[1]))));
      __m512i sum = _mm512_setzero_si512();
      for (int i = 0; i < 2; i++) {
        const __m512i q = _mm512_cvtps_epi32(_mm512_mul_ps(v[i], _mm512_set1_ps(unit.inverse)));
        store_bytes(out->digit[0] + 16 * i, q);
        store_bytes(out->digit[1] + 16 * i, _mm512_srai_epi32(_mm512_add_epi32(q, _mm512_set1_epi32(128)), 8));  // what is left above d0
        sum = _mm512_add_epi32(sum, q);
        if ((i + 1) % Tile::kScaleQuads != 0) continue;
        // Lane by lane: what is not finite is INT_MIN, and then 0.
        out->start[i / Tile::kScaleQuads] = -_mm512_reduce_add_epi32(_mm512_slli_epi32(sum, Tile::kOffsetBits));
        sum = _mm512_setzero_si512();
      }
      out->unit = unit.size;
    }
}

// sums [N] += a step's codes times four columns of N activation rows, of which q has the first one's.
template <int N, int kHalves>
inline void add(__m512i (&sums)[N][kHalves], const __m512i (&w)[kHalves][4], int step, const int8_t* q) {
#pragma GCC unroll 4
  for (int a = 0; a < N; a++) {
    const __m512i d = four(q + a * int{sizeof(BlockActs)});
#pragma GCC unroll 2
    for (int h = 0; h < kHalves; h++) {
      sums[a][h] = dot4(sums[a][h], w[h][step], d);
      in_order(sums[a][h]);
    }
  }
}

// Codes of the four steps of a quad for 16 rows, the first half of the tile's or the second; what their sums are before they meet the rows' scale; and that.
template <class Tile>
struct Codes4;

inline __m512i line(const uint8_t* p) { return _mm512_load_si512(p); }
inline __m512 halves(const uint8_t* p) { return _mm512_cvtph_ps(_mm256_load_si256(reinterpret_cast<const __m256i*>(p))); }

template <>
struct Codes4<Q8Tile> : Q8Tile {
  static void load(const uint8_t* turn, int quad, int half, __m512i (&w)[4]) {
#pragma GCC unroll 4
    for (int s = 0; s < 4; s++) w[s] = line(turn + line_at(half, 4 * quad + s));
  }
  static __m512 scaled(__m512 sum, const uint8_t*, int, int, __m512) { return sum; }
  static __m512 scale(const uint8_t*, const uint8_t* turn, int half) { return halves(turn + kScalesAt + 32 * half); }
};

template <>
struct Codes4<Q4Tile> : Q4Tile {
  static void load(const uint8_t* turn, int quad, int half, __m512i (&w)[4]) {
#pragma GCC unroll 4
    for (int s = 0; s < 4; s++) {
      const __m512i both = line(turn + line_at(half, s));
      w[s] = _mm512_and_si512(quad == 0 ? both : _mm512_srli_epi16(both, 4), _mm512_set1_epi8(0x0f));
    }
  }
  static __m512 scaled(__m512 sum, const uint8_t*, int, int, __m512) { return sum; }
  static __m512 scale(const uint8_t*, const uint8_t* turn, int half) { return halves(turn + kScalesAt + 32 * half); }
};

template <>
struct Codes4<Q6Tile> : Q6Tile {
  static __m512i choose(int bits, __m512i yes, __m512i no) {  // yes where a bit is set
    return _mm512_ternarylogic_epi32(_mm512_set1_epi8(static_cast<char>(bits)), yes, no, 0xca);
  }
  static void load(const uint8_t* turn, int quad, int half, __m512i (&w)[4]) {
    const __m512i six_bits = _mm512_set1_epi8(0x3f);
    const __m512i x = line(turn + line_at(half, quad, 0)), y = line(turn + line_at(half, quad, 1)), z = line(turn + line_at(half, quad, 2));
    w[0] = _mm512_and_si512(x, six_bits);
    w[1] = _mm512_and_si512(y, six_bits);
    w[2] = _mm512_and_si512(z, six_bits);
    const __m512i low = choose(0x03, _mm512_srli_epi16(x, 6), _mm512_srli_epi16(y, 4));
    w[3] = _mm512_and_si512(choose(0x0f, low, _mm512_srli_epi16(z, 2)), six_bits);
  }
  static __m512 scaled(__m512 sum, const uint8_t* turn, int quad, int half, __m512 before) {
    const __m128i each = _mm_load_si128(reinterpret_cast<const __m128i*>(turn + kScalesAt + kBlockRows * quad + 16 * half));
    const __m512 scales = _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(each));
    return quad == 0 ? _mm512_mul_ps(sum, scales) : _mm512_fmadd_ps(sum, scales, before);
  }
  static __m512 scale(const uint8_t* first, const uint8_t*, int half) { return halves(first + 32 * half); }
};

// out: [N, kBlockRows] += a turn's rows times N activation rows. first: where its block begins
template <class Tile, int N>
inline void add_turn(const uint8_t* first, const uint8_t* turn, const BlockActs* acts, float* out) {
  using Codes = Codes4<Tile>;
  constexpr int kHalves = Tile::kHalves;
#pragma GCC unroll 2
  for (int half = 0; half < 2; half += kHalves) {
    __m512i d0[N][kHalves], d1[N][kHalves];  // sums of codes with each digit
    __m512 sums[N][kHalves] = {};
#pragma GCC unroll 2
    for (int quad = 0; quad < 2; quad++) {
      const int scale = quad / Tile::kScaleQuads;
      if (quad % Tile::kScaleQuads == 0) {
#pragma GCC unroll 4
        for (int a = 0; a < N; a++)
          for (int h = 0; h < kHalves; h++) d0[a][h] = _mm512_set1_epi32(acts[a].start[scale]), d1[a][h] = _mm512_setzero_si512();
      }
      __m512i w[kHalves][4];
      for (int h = 0; h < kHalves; h++) Codes::load(turn, quad, half + h, w[h]);
#pragma GCC unroll 4
      for (int s = 0; s < 4; s++) {
        add(d0, w, s, acts[0].digit[0] + 16 * quad + 4 * s);
        add(d1, w, s, acts[0].digit[1] + 16 * quad + 4 * s);
      }
      if ((quad + 1) % Tile::kScaleQuads != 0) continue;
#pragma GCC unroll 2
      for (int h = 0; h < kHalves; h++) {
#pragma GCC unroll 4
        for (int a = 0; a < N; a++) {
          const __m512 sum = _mm512_cvtepi32_ps(_mm512_add_epi32(_mm512_slli_epi32(d1[a][h], 8), d0[a][h]));
          sums[a][h] = Codes::scaled(sum, turn, quad, half + h, sums[a][h]);
        }
      }
    }
#pragma GCC unroll 2
    for (int h = 0; h < kHalves; h++) {
      const __m512 row_scale = Codes::scale(first, turn, half + h);
#pragma GCC unroll 4
      for (int a = 0; a < N; a++) {
        float* const to = out + a * kBlockRows + 16 * (half + h);  // in memory, between turns
        _mm512_store_ps(to, _mm512_fmadd_ps(sums[a][h], _mm512_mul_ps(row_scale, _mm512_set1_ps(acts[a].unit)), _mm512_load_ps(to)));
      }
    }
  }
}

// Asks for a turn, into L1 or L2, and for the beginning of its block if it is the first of one.
template <class Tile, int kLevel>
inline void ask(const uint8_t* turn, bool first) {
#pragma GCC unroll 32
  for (int i = 0; i < Tile::kTurnBytes; i += 64) __builtin_prefetch(turn + i, 0, 4 - kLevel);
  if (Tile::kFirst > 0 && first) __builtin_prefetch(turn + Tile::kTurnBytes, 0, 4 - kLevel);
}

constexpr int kLinearTurns = 8;  // how far ahead one tile at once is asked for, into L2, if it meets several rows: docs/dense.md

// A turn of each tile after the other. More than four activation rows are two groups, for which the registers suffice. One tile at once and
// one row ask for nothing: the processor's own prefetching is the best there.
template <class Tile, int N, bool kLinear>
void tile_sums(const uint8_t* tiles, int n_tiles, int n_blocks, const BlockActs* acts, float* out) {
  constexpr int kNow = N <= 4 ? N : (N + 1) / 2, kThen = N - kNow;
  constexpr int kBytes = Tile::kFirst + Tile::kTurns * Tile::kTurnBytes;
  for (int i = 0; i < 2 * N * n_tiles; i++) _mm512_store_ps(out + 16 * i, _mm512_setzero_ps());
  const int64_t tile_bytes = int64_t(n_blocks) * kBytes;
  const Streams streams(n_tiles, tile_bytes);
  for (int64_t block = 0; block < tile_bytes; block += kBytes)
    for (int turn = 0; turn < Tile::kTurns; turn++, acts += N) {
      const int64_t at = block + Tile::kFirst + turn * Tile::kTurnBytes;
      const bool last = turn == Tile::kTurns - 1;
      for (int t = 0; t < n_tiles; t++) {
        if constexpr (!kLinear)
          ask<Tile, 1>(tiles + streams.ahead(t, at, Tile::kTurnBytes), last);
        else if constexpr (N > 1)
          ask<Tile, 2>(tiles + at + kLinearTurns * Tile::kTurnBytes, last);
        const uint8_t* const first = tiles + streams.at(t, block);
        const uint8_t* const now = tiles + streams.at(t, at);
        float* const to = out + t * N * kBlockRows;
        add_turn<Tile, kNow>(first, now, acts, to);
        if constexpr (kThen > 0) add_turn<Tile, kThen>(first, now, acts + kNow, to + kNow * kBlockRows);
      }
    }
}

template <class Tile, bool kLinear>
void rows_sums(const uint8_t* tiles, int n_tiles, int n_blocks, const BlockActs* acts, int n, float* out) {
  switch (n) {
    case 1: return tile_sums<Tile, 1, kLinear>(tiles, n_tiles, n_blocks, acts, out);
    case 2: return tile_sums<Tile, 2, kLinear>(tiles, n_tiles, n_blocks, acts, out);
    case 3: return tile_sums<Tile, 3, kLinear>(tiles, n_tiles, n_blocks, acts, out);
    case 4: return tile_sums<Tile, 4, kLinear>(tiles, n_tiles, n_blocks, acts, out);
    case 5: return tile_sums<Tile, 5, kLinear>(tiles, n_tiles, n_blocks, acts, out);
    case 6: return tile_sums<Tile, 6, kLinear>(tiles, n_tiles, n_blocks, acts, out);
    case 7: return tile_sums<Tile, 7, kLinear>(tiles, n_tiles, n_blocks, acts, out);
    default: return tile_sums<Tile, 8, kLinear>(tiles, n_tiles, n_blocks, acts, out);
  }
}

template <class Tile>
void sums(const uint8_t* tiles, int n_tiles, int n_blocks, const BlockActs* acts, int n, float* out) {
  if (n_tiles == 1) return rows_sums<Tile, true>(tiles, n_tiles, n_blocks, acts, n, out);
  rows_sums<Tile, false>(tiles, n_tiles, n_blocks, acts, n, out);
}

}  // namespace

const BlockKernel kBlockVnniAvx512[kBlockKernels] = {{"q8_vnni", &kQ8Format, prepare<Q8Tile>, sums<Q8Tile>},
                                                     {"q6_vnni", &kQ6Format, prepare<Q6Tile>, sums<Q6Tile>},
                                                     {"q4_vnni", &kQ4Format, prepare<Q4Tile>, sums<Q4Tile>}};

}  // namespace tern::cpu
