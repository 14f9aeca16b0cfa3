#include <immintrin.h>

#include "cpu/peak_loop.h"

#ifndef __clang__  // cmake/Simd.cmake tells clang
#pragma GCC target("avx512vnni")
#endif

namespace tern::cpu {
namespace {

struct Int8 {
  using V = __m512i;
  static constexpr int64_t kOps = 2 * 64;
  static constexpr int kChains = 12;
  static V first() { return _mm512_set1_epi8(3); }
  static V second() { return _mm512_set1_epi8(-5); }
  static void opaque(V& v) { asm volatile("" : "+v"(v)); }
  static V step(V sum, V a, V b) { return _mm512_dpbusd_epi32(sum, a, b); }
};

}  // namespace

PeakLoop peak_int8_vnni() { return peak_of<Int8>("vpdpbusd"); }

}  // namespace tern::cpu
