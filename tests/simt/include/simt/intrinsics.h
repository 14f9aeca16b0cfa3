// The device language for g++: qualifiers and intrinsics. Kernels include it through cuda_runtime.h.
#pragma once

#include <cfloat>
#include <climits>
#include <cmath>
#include <cstdint>
#include <cstring>

#include "atomics.h"
#include "block.h"
#include "warp.h"

#define __global__
#define __device__
#define __host__
#define __constant__
#define __grid_constant__
#define __launch_bounds__(...)
#define __cluster_dims__(...)
#define __maxnreg__(...)
#define __noinline__ __attribute__((noinline))
#define __forceinline__ inline __attribute__((always_inline))
#define __align__(n) alignas(n)
#ifndef __clang__
#define __builtin_assume(x) ((void)0)
#endif
#ifndef CUDART_INF_F
#define CUDART_INF_F __builtin_inff()
#define CUDART_NAN_F __builtin_nanf("")
#endif

namespace simt {
template <class To, class From>
inline To bits(From x) {
  static_assert(sizeof(To) == sizeof(From), "");
  To y;
  std::memcpy(&y, &x, sizeof y);
  return y;
}
}  // namespace simt

inline int __float_as_int(float x) { return simt::bits<int>(x); }
inline unsigned __float_as_uint(float x) { return simt::bits<unsigned>(x); }
inline float __int_as_float(int x) { return simt::bits<float>(x); }
inline float __uint_as_float(unsigned x) { return simt::bits<float>(x); }
inline long long __double_as_longlong(double x) { return simt::bits<long long>(x); }
inline double __longlong_as_double(long long x) { return simt::bits<double>(x); }
inline int __double2hiint(double x) { return static_cast<int>(simt::bits<uint64_t>(x) >> 32); }
inline int __double2loint(double x) { return static_cast<int>(simt::bits<uint64_t>(x)); }
inline double __hiloint2double(int high, int low) {
  return simt::bits<double>(static_cast<uint64_t>(static_cast<uint32_t>(high)) << 32 | static_cast<uint32_t>(low));
}

// Integers.
inline int __popc(unsigned x) { return __builtin_popcount(x); }
inline int __popcll(unsigned long long x) { return __builtin_popcountll(x); }
inline int __ffs(int x) { return __builtin_ffs(x); }
inline int __ffsll(long long x) { return __builtin_ffsll(x); }
inline int __clz(int x) { return x ? __builtin_clz(static_cast<unsigned>(x)) : 32; }
inline int __clzll(long long x) { return x ? __builtin_clzll(static_cast<unsigned long long>(x)) : 64; }
inline unsigned __brev(unsigned x) {
  x = (x >> 1 & 0x55555555u) | (x & 0x55555555u) << 1;
  x = (x >> 2 & 0x33333333u) | (x & 0x33333333u) << 2;
  x = (x >> 4 & 0x0f0f0f0fu) | (x & 0x0f0f0f0fu) << 4;
  return __builtin_bswap32(x);
}
inline unsigned __byte_perm(unsigned low, unsigned high, unsigned select) {
  const uint64_t bytes = static_cast<uint64_t>(high) << 32 | low;
  unsigned out = 0;
  for (int i = 0; i < 4; i++) out |= static_cast<unsigned>(bytes >> (select >> 4 * i & 7) * 8 & 0xff) << 8 * i;
  return out;
}
inline unsigned __funnelshift_l(unsigned low, unsigned high, unsigned n) {
  return static_cast<unsigned>((static_cast<uint64_t>(high) << 32 | low) << (n & 31) >> 32);
}
inline unsigned __funnelshift_r(unsigned low, unsigned high, unsigned n) {
  return static_cast<unsigned>((static_cast<uint64_t>(high) << 32 | low) >> (n & 31));
}
inline int __mulhi(int a, int b) { return static_cast<int>(static_cast<int64_t>(a) * b >> 32); }
inline unsigned __umulhi(unsigned a, unsigned b) { return static_cast<unsigned>(static_cast<uint64_t>(a) * b >> 32); }
inline unsigned long long __umul64hi(unsigned long long a, unsigned long long b) {
  return static_cast<unsigned long long>(static_cast<unsigned __int128>(a) * b >> 64);
}
inline int __mul24(int a, int b) { return a * b; }
inline unsigned __bfe(unsigned x, unsigned from, unsigned n) { return x >> from & ((1u << n) - 1); }

// Sums of products of bytes; the sum wraps.
inline int __dp4a(int a, int b, int sum) {
  for (int i = 0; i < 4; i++)
    sum = static_cast<int>(static_cast<unsigned>(sum) + static_cast<unsigned>(int8_t(a >> 8 * i) * int8_t(b >> 8 * i)));
  return sum;
}
inline unsigned __dp4a(unsigned a, unsigned b, unsigned sum) {
  for (int i = 0; i < 4; i++) sum += (a >> 8 * i & 0xff) * (b >> 8 * i & 0xff);
  return sum;
}
inline int __dp2a_lo(int a, int b, int sum) { return sum + int16_t(a) * int8_t(b) + int16_t(a >> 16) * int8_t(b >> 8); }
inline int __dp2a_hi(int a, int b, int sum) { return sum + int16_t(a) * int8_t(b >> 16) + int16_t(a >> 16) * int8_t(b >> 24); }

// Four bytes at once, or two halves.
#define SIMT_BYTES(name, lane_type, n, expression)                                                        \
  inline unsigned name(unsigned a, unsigned b) {                                                          \
    unsigned out = 0;                                                                                     \
    constexpr int width = 32 / (n);                                                                       \
    constexpr unsigned mask = (1u << width) - 1;                                                          \
    for (int i = 0; i < (n); i++) {                                                                       \
      const int x = static_cast<lane_type>(a >> width * i), y = static_cast<lane_type>(b >> width * i);   \
      out |= (static_cast<unsigned>(expression) & mask) << width * i;                                     \
    }                                                                                                     \
    return out;                                                                                           \
  }
SIMT_BYTES(__vadd4, int8_t, 4, x + y)
SIMT_BYTES(__vsub4, int8_t, 4, x - y)
SIMT_BYTES(__vadd2, int16_t, 2, x + y)
SIMT_BYTES(__vsub2, int16_t, 2, x - y)
SIMT_BYTES(__vmaxs4, int8_t, 4, x > y ? x : y)
SIMT_BYTES(__vmins4, int8_t, 4, x < y ? x : y)
SIMT_BYTES(__vmaxu4, uint8_t, 4, x > y ? x : y)
SIMT_BYTES(__vminu4, uint8_t, 4, x < y ? x : y)
SIMT_BYTES(__vaddss4, int8_t, 4, x + y > 127 ? 127 : x + y < -128 ? -128 : x + y)
SIMT_BYTES(__vsubss4, int8_t, 4, x - y > 127 ? 127 : x - y < -128 ? -128 : x - y)
SIMT_BYTES(__vcmpeq4, uint8_t, 4, x == y ? 0xff : 0)
SIMT_BYTES(__vcmpne4, uint8_t, 4, x != y ? 0xff : 0)
SIMT_BYTES(__vabsdiffu4, uint8_t, 4, x > y ? x - y : y - x)
#undef SIMT_BYTES

// Floating point. Where a GPU's function is approximate, this one is better: bounds in tests must allow for the GPU's.
#define __expf(x) expf(x)  // macros, because glibc has declared functions of these names
#define __exp10f(x) exp10f(x)
#define __logf(x) logf(x)
#define __log2f(x) log2f(x)
#define __log10f(x) log10f(x)
#define __sinf(x) sinf(x)
#define __cosf(x) cosf(x)
#define __tanf(x) tanf(x)
#define __powf(x, y) powf(x, y)
#define __sincosf(x, s, c) sincosf(x, s, c)
inline float __fdividef(float a, float b) { return a / b; }
inline float __frcp_rn(float x) { return 1.f / x; }
inline float __fsqrt_rn(float x) { return sqrtf(x); }
inline float __frsqrt_rn(float x) { return static_cast<float>(1.0 / sqrt(static_cast<double>(x))); }
inline float rsqrtf(float x) { return static_cast<float>(1.0 / sqrt(static_cast<double>(x))); }
inline double rsqrt(double x) { return 1.0 / sqrt(x); }
inline float __saturatef(float x) { return x > 0.f ? x < 1.f ? x : 1.f : 0.f; }
inline float __fadd_rn(float a, float b) { return a + b; }
inline float __fsub_rn(float a, float b) { return a - b; }
inline float __fmul_rn(float a, float b) { return a * b; }
inline float __fdiv_rn(float a, float b) { return a / b; }
inline float __fmaf_rn(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
inline double __dadd_rn(double a, double b) { return a + b; }
inline double __dsub_rn(double a, double b) { return a - b; }
inline double __dmul_rn(double a, double b) { return a * b; }
inline double __ddiv_rn(double a, double b) { return a / b; }
inline double __dsqrt_rn(double x) { return sqrt(x); }
inline double __fma_rn(double a, double b, double c) { return __builtin_fma(a, b, c); }
inline void sincospif(float x, float* s, float* c) {
  *s = static_cast<float>(sin(M_PI * static_cast<double>(x)));
  *c = static_cast<float>(cos(M_PI * static_cast<double>(x)));
}
inline void sincospi(double x, double* s, double* c) {
  *s = sin(M_PI * x);
  *c = cos(M_PI * x);
}

namespace simt {
// Out of range saturates and NaN is 0, as on a GPU.
template <class To, class From>
inline To to_integer(From x) {
  constexpr To low = static_cast<To>(To(-1) < To(0) ? To(1) << (sizeof(To) * 8 - 1) : To(0)), high = static_cast<To>(~low);
  if (x != x) return 0;
  if (x <= static_cast<From>(low)) return low;
  if (x >= static_cast<From>(high)) return high;
  return static_cast<To>(x);
}
}  // namespace simt
#define SIMT_CONVERT(name, to, from)                                                          \
  inline to name##_rn(from x) { return simt::to_integer<to>(std::nearbyint(x)); }             \
  inline to name##_rz(from x) { return simt::to_integer<to>(std::trunc(x)); }                 \
  inline to name##_rd(from x) { return simt::to_integer<to>(std::floor(x)); }                 \
  inline to name##_ru(from x) { return simt::to_integer<to>(std::ceil(x)); }
SIMT_CONVERT(__float2int, int, float)
SIMT_CONVERT(__float2uint, unsigned, float)
SIMT_CONVERT(__float2ll, long long, float)
SIMT_CONVERT(__float2ull, unsigned long long, float)
SIMT_CONVERT(__double2int, int, double)
SIMT_CONVERT(__double2uint, unsigned, double)
SIMT_CONVERT(__double2ll, long long, double)
SIMT_CONVERT(__double2ull, unsigned long long, double)
#undef SIMT_CONVERT
inline float __double2float_rn(double x) { return static_cast<float>(x); }
inline float __int2float_rn(int x) { return static_cast<float>(x); }
inline float __uint2float_rn(unsigned x) { return static_cast<float>(x); }
inline float __ll2float_rn(long long x) { return static_cast<float>(x); }
inline float __ull2float_rn(unsigned long long x) { return static_cast<float>(x); }
inline double __int2double_rn(int x) { return x; }
inline double __uint2double_rn(unsigned x) { return x; }
inline double __ll2double_rn(long long x) { return static_cast<double>(x); }
inline double __ull2double_rn(unsigned long long x) { return static_cast<double>(x); }

#define SIMT_MIN_MAX(T)                            \
  inline T min(T a, T b) { return b < a ? b : a; } \
  inline T max(T a, T b) { return a < b ? b : a; }
SIMT_MIN_MAX(int)
SIMT_MIN_MAX(unsigned)
SIMT_MIN_MAX(long)
SIMT_MIN_MAX(unsigned long)
SIMT_MIN_MAX(long long)
SIMT_MIN_MAX(unsigned long long)
#undef SIMT_MIN_MAX
inline float min(float a, float b) { return fminf(a, b); }  // of a number and NaN: the number
inline float max(float a, float b) { return fmaxf(a, b); }
inline double min(double a, double b) { return fmin(a, b); }
inline double max(double a, double b) { return fmax(a, b); }

long long clock64();  // nanoseconds
inline unsigned long long __cvta_generic_to_shared(const void* p) { return simt::shared_address(p); }
inline void* __cvta_shared_to_generic(unsigned long long address) { return simt::shared_pointer(static_cast<uint32_t>(address)); }
inline void __trap() { simt::fault(cudaErrorIllegalInstruction, "__trap"); }
inline void __brkpt() {}
#define __assert_device(x) ((x) ? (void)0 : simt::fault(cudaErrorAssert, "assertion failed: %s", #x))
