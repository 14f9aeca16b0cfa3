#include <emmintrin.h>

#include "cpu/peak_loop.h"

namespace tern::cpu {
namespace {

struct F32 {
  using V = __m128;
  static constexpr int64_t kOps = 2 * 4;
  static constexpr int kChains = 12;
  static V first() { return _mm_set1_ps(0.5f); }
  static V second() { return _mm_set1_ps(0.25f); }
  static void opaque(V& v) { asm volatile("" : "+x"(v)); }
  static V step(V sum, V a, V b) { return _mm_add_ps(_mm_mul_ps(sum, a), b); }
};

struct Int8 {  // as int16: SSE2 multiplies no bytes
  using V = __m128i;
  static constexpr int64_t kOps = 2 * 8;
  static constexpr int kChains = 8;  // of additions, which take a cycle
  static V first() { return _mm_set1_epi16(3); }
  static V second() { return _mm_set1_epi16(-5); }
  static void opaque(V& v) { asm volatile("" : "+x"(v)); }
  static V step(V sum, V a, V b) {
    opaque(a);
    return _mm_add_epi32(sum, _mm_madd_epi16(a, b));
  }
};

}  // namespace

PeakLoop peak_f32_portable() { return peak_of<F32>("mulps, addps"); }
PeakLoop peak_int8_portable() { return peak_of<Int8>("pmaddwd, paddd"); }

}  // namespace tern::cpu
