// AVX-512 tier of vec_math.h.
#pragma once

// GCC 12 takes the undefined operands in its own header for mistakes (GCC bug 105593).
#ifndef __clang__
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include <immintrin.h>
#ifndef __clang__
#pragma GCC diagnostic pop
#endif

#include <cstdint>

namespace tern::cpu {
namespace {

using F = __m512;
constexpr int kUnits = 24;  // F registers for accumulators, of 32; the rest holds operands
constexpr int kMaxQ = 6;

inline F set1(float x) { return _mm512_set1_ps(x); }
inline F load(const float* p) { return _mm512_loadu_ps(p); }
inline F load(const uint16_t* p) { return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p))); }
inline F load_half(const float* p) { return _mm512_maskz_loadu_ps(0xff, p); }  // 8 elements, then zeros
inline F load_half(const uint16_t* p) {
  return _mm512_zextps256_ps512(_mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))));
}
inline void store(float* p, F x) { _mm512_storeu_ps(p, x); }
inline void store(uint16_t* p, F x) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm512_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT));
}

inline F add(F a, F b) { return _mm512_add_ps(a, b); }
inline F sub(F a, F b) { return _mm512_sub_ps(a, b); }
inline F mul(F a, F b) { return _mm512_mul_ps(a, b); }
inline F div(F a, F b) { return _mm512_div_ps(a, b); }
inline F madd(F a, F b, F c) { return _mm512_fmadd_ps(a, b, c); }    // a b + c
inline F nmadd(F a, F b, F c) { return _mm512_fnmadd_ps(a, b, c); }  // c - a b
inline F vmax(F a, F b) { return _mm512_max_ps(a, b); }              // a > b ? a : b
inline F vmin(F a, F b) { return _mm512_min_ps(a, b); }              // a < b ? a : b
inline F vabs(F a) { return _mm512_abs_ps(a); }

// Lane i of a where bit i of mask is set, else of b.
inline F select(uint32_t mask, F a, F b) { return _mm512_mask_blend_ps(static_cast<__mmask16>(mask), b, a); }

// Where x < 0, a, else b.
inline F select_negative(F x, F a, F b) {
  return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(x, _mm512_setzero_ps(), _CMP_LT_OQ), b, a);
}

// Maximum of values >= 0 by their bits: a NaN is larger than everything and stays.
inline F max_bits(F a, F b) {
  return _mm512_castsi512_ps(_mm512_max_epi32(_mm512_castps_si512(a), _mm512_castps_si512(b)));
}

inline F scale2(F p, F n) { return _mm512_scalef_ps(p, n); }  // p 2^n

inline float hsum(F x) {
  const __m256 a = _mm256_add_ps(_mm512_castps512_ps256(x), _mm512_extractf32x8_ps(x, 1));
  __m128 b = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
  b = _mm_add_ps(b, _mm_movehl_ps(b, b));
  return _mm_cvtss_f32(_mm_add_ss(b, _mm_movehdup_ps(b)));
}

inline float hmax(F x) {
  const __m256 a = _mm256_max_ps(_mm512_castps512_ps256(x), _mm512_extractf32x8_ps(x, 1));
  __m128 b = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
  b = _mm_max_ps(b, _mm_movehl_ps(b, b));
  return _mm_cvtss_f32(_mm_max_ss(b, _mm_movehdup_ps(b)));
}

inline F swap_pairs(F x) { return _mm512_permute_ps(x, 0xb1); }  // x1 x0 x3 x2 ...
inline F spread(const float* p) {                                // p0 p0 p1 p1 ... p7 p7
  const __m512i twice = _mm512_set_epi32(7, 7, 6, 6, 5, 5, 4, 4, 3, 3, 2, 2, 1, 1, 0, 0);
  return _mm512_permutexvar_ps(twice, _mm512_castps256_ps512(_mm256_loadu_ps(p)));
}

// Integral lanes within [-128, 127] as bytes.
inline void store_int8(int8_t* q, F x) {
  _mm_storeu_si128(reinterpret_cast<__m128i*>(q), _mm512_cvtepi32_epi8(_mm512_cvtps_epi32(x)));
}

// Sixteen doubles, for sums whose rounding must not show.
struct D {
  __m512d lo, hi;
};
inline D zero_d() { return {_mm512_setzero_pd(), _mm512_setzero_pd()}; }
inline D widen(F x) {
  return {_mm512_cvtps_pd(_mm512_castps512_ps256(x)), _mm512_cvtps_pd(_mm512_extractf32x8_ps(x, 1))};
}
inline F narrow(D x) {
  return _mm512_insertf32x8(_mm512_castps256_ps512(_mm512_cvtpd_ps(x.lo)), _mm512_cvtpd_ps(x.hi), 1);
}
inline D add(D a, D b) { return {_mm512_add_pd(a.lo, b.lo), _mm512_add_pd(a.hi, b.hi)}; }
inline D mul(D a, D b) { return {_mm512_mul_pd(a.lo, b.lo), _mm512_mul_pd(a.hi, b.hi)}; }
inline D mul(D a, double b) { return {_mm512_mul_pd(a.lo, _mm512_set1_pd(b)), _mm512_mul_pd(a.hi, _mm512_set1_pd(b))}; }
inline double hsum(D x) {
  const __m512d a = _mm512_add_pd(x.lo, x.hi);
  const __m256d b = _mm256_add_pd(_mm512_castpd512_pd256(a), _mm512_extractf64x4_pd(a, 1));
  const __m128d c = _mm_add_pd(_mm256_castpd256_pd128(b), _mm256_extractf128_pd(b, 1));
  return _mm_cvtsd_f64(_mm_add_sd(c, _mm_unpackhi_pd(c, c)));
}

}  // namespace
}  // namespace tern::cpu
