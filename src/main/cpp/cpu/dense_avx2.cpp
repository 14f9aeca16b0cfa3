// Lanes of the dense tile (dense_tile.h) in two AVX2 registers.
#include <immintrin.h>

#include <cstring>

#include "cpu/dense_tile.h"

namespace tern::cpu {
namespace {

struct Lanes256 {
  struct Vec {
    __m256 lo, hi;
  };
  static constexpr int kGemvRows = 2;
  static constexpr int kGemmRows = 2;
  static constexpr int kGemmActs = 3;
  static constexpr int kAccumulators = 6;  // 12 of 16 registers

  static Vec zero() { return {_mm256_setzero_ps(), _mm256_setzero_ps()}; }
  static Vec load(const float* p) { return {_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)}; }
  static Vec load_part(const float* p, int n) {
    alignas(32) float part[16] = {};
    std::memcpy(part, p, sizeof(float) * static_cast<size_t>(n));
    return load(part);
  }
  static Vec load_half(const uint8_t* p) {
    return {_mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))),
            _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p + 16)))};
  }
  static Vec load_half_part(const uint8_t* p, int n) {
    alignas(32) uint8_t part[32] = {};
    std::memcpy(part, p, 2 * static_cast<size_t>(n));
    return load_half(part);
  }
  static Vec load_int8(const uint8_t* p) {
    return {_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p)))),
            _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p + 8))))};
  }
  static Vec broadcast_half(const uint8_t* p) {
    int16_t bits;
    std::memcpy(&bits, p, sizeof bits);
    const __m256 d = _mm256_cvtph_ps(_mm_set1_epi16(bits));
    return {d, d};
  }
  static void store(float* p, Vec v) {
    _mm256_storeu_ps(p, v.lo);
    _mm256_storeu_ps(p + 8, v.hi);
  }
  static Vec add(Vec a, Vec b) { return {_mm256_add_ps(a.lo, b.lo), _mm256_add_ps(a.hi, b.hi)}; }
  static Vec mul(Vec a, Vec b) { return {_mm256_mul_ps(a.lo, b.lo), _mm256_mul_ps(a.hi, b.hi)}; }
  static Vec fma(Vec a, Vec b, Vec c) { return {_mm256_fmadd_ps(a.lo, b.lo, c.lo), _mm256_fmadd_ps(a.hi, b.hi, c.hi)}; }
  static __m128 fold(Vec v) {
    const __m256 eight = _mm256_add_ps(v.lo, v.hi);
    return _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  }
};

}  // namespace

void dense_rows_avx2(const DenseRows& d) { dense_rows<Lanes256>(d); }

void widen_row_avx2(int32_t type, const uint8_t* row, int n_cols, float* out) { widen_row<Lanes256>(type, row, n_cols, out); }

}  // namespace tern::cpu
