// Lanes of the dense tile (dense_tile.h) in one AVX-512 register.
#include <immintrin.h>

#include "cpu/dense_tile.h"

namespace tern::cpu {
namespace {

struct Lanes512 {
  using Vec = __m512;
  static constexpr int kGemvRows = 4;
  static constexpr int kGemmRows = 4;
  static constexpr int kGemmActs = 6;
  static constexpr int kAccumulators = 24;  // of 32 registers

  static Vec zero() { return _mm512_setzero_ps(); }
  static Vec load(const float* p) { return _mm512_loadu_ps(p); }
  static Vec load_part(const float* p, int n) { return _mm512_maskz_loadu_ps(mask(n), p); }
  static Vec load_half(const uint8_t* p) { return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p))); }
  static Vec load_half_part(const uint8_t* p, int n) { return _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(mask(n), p)); }
  static Vec load_int8(const uint8_t* p) {
    return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))));
  }
  // Converts the scale with the six bytes behind it, which are cheaper to load than to leave.
  static Vec broadcast_half(const uint8_t* p) {
    return _mm512_broadcastss_ps(_mm_cvtph_ps(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p))));
  }
  static void store(float* p, Vec v) { _mm512_storeu_ps(p, v); }
  static Vec add(Vec a, Vec b) { return _mm512_add_ps(a, b); }
  static Vec mul(Vec a, Vec b) { return _mm512_mul_ps(a, b); }
  static Vec fma(Vec a, Vec b, Vec c) { return _mm512_fmadd_ps(a, b, c); }
  static __m128 fold(Vec v) {
    const __m256 eight = _mm256_add_ps(_mm512_castps512_ps256(v), _mm512_extractf32x8_ps(v, 1));
    return _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  }

 private:
  static __mmask16 mask(int n) { return static_cast<__mmask16>((1u << n) - 1); }
};

}  // namespace

void dense_rows_avx512(const DenseRows& d) { dense_rows<Lanes512>(d); }

void widen_row_avx512(int32_t type, const uint8_t* row, int n_cols, float* out) { widen_row<Lanes512>(type, row, n_cols, out); }

}  // namespace tern::cpu
