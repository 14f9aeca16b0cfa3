// Q8_0 tiles times activations of two digits (q8_tile.h) by vpdpbusd: codes are its unsigned bytes, digits the signed ones.
#include <immintrin.h>

#include "cpu/in_order.h"
#include "cpu/q8_tile.h"
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

// The unit of a block by its largest |x|, given as bits: as integers they are compared in order, a NaN above all.
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

void prepare(const float* x, int64_t x_stride, int n, int n_blocks, Q8Acts* out) {
  for (int k = 0; k < n_blocks; k++)
    for (int a = 0; a < n; a++, out++) {
      const float* const from = x + a * x_stride + k * kQ8Cols;
      const __m512 v[2] = {_mm512_loadu_ps(from), _mm512_loadu_ps(from + 16)};
      const Unit unit(_mm512_reduce_max_epu32(_mm512_max_epu32(magnitude(v[0]), magnitude(v[1]))));
      __m512i sum = _mm512_setzero_si512();
      for (int i = 0; i < 2; i++) {
        const __m512i q = _mm512_cvtps_epi32(_mm512_mul_ps(v[i], _mm512_set1_ps(unit.inverse)));
        sum = _mm512_add_epi32(sum, q);
        store_bytes(out->digit[0] + 16 * i, q);
        store_bytes(out->digit[1] + 16 * i, _mm512_srai_epi32(_mm512_add_epi32(q, _mm512_set1_epi32(128)), 8));  // what is left above d0
      }
      out->start = -_mm512_reduce_add_epi32(_mm512_slli_epi32(sum, 7));  // lane by lane: what is not finite is INT_MIN, and then 0
      out->unit = unit.size;
    }
}

// Sums of codes of a tile's two halves of 16 rows with a digit of N rows of activations.
template <int N>
struct Sums {
  __m512i of[N][2];

  void begin() {
#pragma GCC unroll 4
    for (int a = 0; a < N; a++) of[a][0] = of[a][1] = _mm512_setzero_si512();
  }
  // With what the codes of both digits are too large by.
  void begin(const Q8Acts* acts) {
#pragma GCC unroll 4
    for (int a = 0; a < N; a++) of[a][0] = of[a][1] = _mm512_set1_epi32(acts[a].start);
  }
  void add(const Q8Acts* acts, int digit, int step, __m512i w0, __m512i w1) {
#pragma GCC unroll 4
    for (int a = 0; a < N; a++) {
      const __m512i d = four(acts[a].digit[digit] + 4 * step);
      of[a][0] = dot4(of[a][0], w0, d);
      in_order(of[a][0]);
      of[a][1] = dot4(of[a][1], w1, d);
      in_order(of[a][1]);
    }
  }
};

// out: [N, kQ8Rows] += a block's rows times N activation rows. ahead: the block to ask for, if kAsk
template <int N, bool kAsk>
inline void add_block(const uint8_t* block, const uint8_t* ahead, const Q8Acts* acts, float* out) {
  Sums<N> d0, d1;
  d0.begin(acts);
  d1.begin();
#pragma GCC unroll 8
  for (int s = 0; s < kQ8Steps; s++) {
    if constexpr (kAsk) {
      _mm_prefetch(reinterpret_cast<const char*>(ahead + s * kQ8StepBytes), _MM_HINT_T0);
      _mm_prefetch(reinterpret_cast<const char*>(ahead + s * kQ8StepBytes + 64), _MM_HINT_T0);
    }
    const __m512i w0 = _mm512_load_si512(block + s * kQ8StepBytes), w1 = _mm512_load_si512(block + s * kQ8StepBytes + 64);
    d0.add(acts, 0, s, w0, w1);
    d1.add(acts, 1, s, w0, w1);
  }
  if constexpr (kAsk) _mm_prefetch(reinterpret_cast<const char*>(ahead + kQ8ScalesAt), _MM_HINT_T0);
#pragma GCC unroll 2
  for (int v = 0; v < 2; v++) {
    const __m512 row_scale = _mm512_cvtph_ps(_mm256_load_si256(reinterpret_cast<const __m256i*>(block + kQ8ScalesAt + 32 * v)));
#pragma GCC unroll 4
    for (int a = 0; a < N; a++) {
      const __m512 sum = _mm512_cvtepi32_ps(_mm512_add_epi32(_mm512_slli_epi32(d1.of[a][v], 8), d0.of[a][v]));
      float* const to = out + a * kQ8Rows + 16 * v;  // in memory, between blocks
      _mm512_store_ps(to, _mm512_fmadd_ps(sum, _mm512_mul_ps(row_scale, _mm512_set1_ps(acts[a].unit)), _mm512_load_ps(to)));
    }
  }
}

// A block of each tile in turn. More than four activation rows are two groups, for which the registers suffice.
template <int N>
void tile_sums(const uint8_t* tiles, int n_tiles, int n_blocks, const Q8Acts* acts, float* out) {
  constexpr int kFirst = N <= 4 ? N : (N + 1) / 2, kOthers = N - kFirst;
  for (int i = 0; i < 2 * N * n_tiles; i++) _mm512_store_ps(out + 16 * i, _mm512_setzero_ps());
  const int64_t tile_bytes = int64_t(n_blocks) * kQ8BlockBytes;
  const Streams streams(n_tiles, tile_bytes);
  for (int64_t block = 0; block < tile_bytes; block += kQ8BlockBytes, acts += N)
    for (int t = 0; t < n_tiles; t++) {
      const uint8_t* const at = tiles + streams.at(t, block);
      float* const to = out + t * N * kQ8Rows;
      add_block<kFirst, true>(at, tiles + streams.ahead(t, block, kQ8BlockBytes), acts, to);
      if constexpr (kOthers > 0) add_block<kOthers, false>(at, nullptr, acts + kFirst, to + kFirst * kQ8Rows);
    }
}

void sums(const uint8_t* tiles, int n_tiles, int n_blocks, const Q8Acts* acts, int n, float* out) {
  switch (n) {
    case 1: return tile_sums<1>(tiles, n_tiles, n_blocks, acts, out);
    case 2: return tile_sums<2>(tiles, n_tiles, n_blocks, acts, out);
    case 3: return tile_sums<3>(tiles, n_tiles, n_blocks, acts, out);
    case 4: return tile_sums<4>(tiles, n_tiles, n_blocks, acts, out);
    case 5: return tile_sums<5>(tiles, n_tiles, n_blocks, acts, out);
    case 6: return tile_sums<6>(tiles, n_tiles, n_blocks, acts, out);
    case 7: return tile_sums<7>(tiles, n_tiles, n_blocks, acts, out);
    default: return tile_sums<8>(tiles, n_tiles, n_blocks, acts, out);
  }
}

}  // namespace

const Q8Kernel kQ8VnniAvx512 = {prepare, sums};

}  // namespace tern::cpu
