#include <immintrin.h>

#include "cpu/peak_loop.h"

namespace tern::cpu {
namespace {

struct F32 {
  using V = __m256;
  static constexpr int64_t kOps = 2 * 8;
  static constexpr int kChains = 12;
  static V first() { return _mm256_set1_ps(0.5f); }
  static V second() { return _mm256_set1_ps(0.25f); }
  static void opaque(V& v) { asm volatile("" : "+x"(v)); }
  static V step(V sum, V a, V b) { return _mm256_fmadd_ps(sum, a, b); }
};

struct Int8 {
  using V = __m256i;
  static constexpr int64_t kOps = 2 * 32;
  static constexpr int kChains = 8;  // of additions, which take a cycle
  static V first() { return _mm256_set1_epi8(3); }
  static V second() { return _mm256_set1_epi8(-5); }
  static void opaque(V& v) { asm volatile("" : "+x"(v)); }
  static V step(V sum, V a, V b) {
    opaque(a);  // else one product would serve all chains
    return _mm256_add_epi32(sum, _mm256_madd_epi16(_mm256_maddubs_epi16(a, b), _mm256_set1_epi16(1)));
  }
};

}  // namespace

PeakLoop peak_f32_avx2() { return peak_of<F32>("vfmadd"); }
PeakLoop peak_int8_avx2() { return peak_of<Int8>("vpmaddubsw, vpmaddwd, vpaddd"); }

}  // namespace tern::cpu
