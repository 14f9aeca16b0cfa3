#include <immintrin.h>

#include "cpu/peak_loop.h"

namespace tern::cpu {
namespace {

struct F32 {
  using V = __m512;
  static constexpr int64_t kOps = 2 * 16;
  static constexpr int kChains = 12;
  static V first() { return _mm512_set1_ps(0.5f); }
  static V second() { return _mm512_set1_ps(0.25f); }
  static void opaque(V& v) { asm volatile("" : "+v"(v)); }
  static V step(V sum, V a, V b) { return _mm512_fmadd_ps(sum, a, b); }
};

struct Int8 {
  using V = __m512i;
  static constexpr int64_t kOps = 2 * 64;
  static constexpr int kChains = 8;  // of additions, which take a cycle
  static V first() { return _mm512_set1_epi8(3); }
  static V second() { return _mm512_set1_epi8(-5); }
  static void opaque(V& v) { asm volatile("" : "+v"(v)); }
  static V step(V sum, V a, V b) {
    opaque(a);  // else one product would serve all chains
    return _mm512_add_epi32(sum, _mm512_madd_epi16(_mm512_maddubs_epi16(a, b), _mm512_set1_epi16(1)));
  }
};

}  // namespace

PeakLoop peak_f32_avx512() { return peak_of<F32>("vfmadd"); }
PeakLoop peak_int8_avx512() { return peak_of<Int8>("vpmaddubsw, vpmaddwd, vpaddd"); }

}  // namespace tern::cpu
