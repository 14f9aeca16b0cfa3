// Portable tier of vec_math.h, in the compiler's vector extension: sixteen lanes are four registers of four. No fused
// multiply-add, so its sums differ from the other tiers' by roundings.
#pragma once

#include <cstdint>
#include <cstring>

namespace tern::cpu {
namespace {

typedef float F4 __attribute__((vector_size(16)));
typedef int32_t I4 __attribute__((vector_size(16)));
typedef double D2 __attribute__((vector_size(16)));

struct F {
  F4 v[4];
};
constexpr int kUnits = 2;  // F for accumulators: eight registers of sixteen
constexpr int kMaxQ = 2;

template <class Op>
inline F each(Op op) {
  return {{op(0), op(1), op(2), op(3)}};
}

inline F4 four(float x) { return F4{x, x, x, x}; }
inline I4 four(int32_t x) { return I4{x, x, x, x}; }
inline F4 load4(const float* p) {
  F4 x;
  std::memcpy(&x, p, sizeof x);
  return x;
}

// binary16 to binary32, exact: exponent and mantissa moved into place, then 2^112 corrects the bias and makes denormals
// normal; infinities and NaNs, which are 2^16 and more after that, get the largest exponent.
inline F4 load4(const uint16_t* p) {
  const I4 h = {p[0], p[1], p[2], p[3]};
  const I4 magnitude = h & 0x7fff;
  const F4 x = F4(magnitude << 13) * 0x1p112f;
  const I4 special = (magnitude >= 0x7c00) & 0x7f800000;
  return F4(I4(x) | special | ((h & 0x8000) << 16));
}

inline F set1(float x) {
  return each([x](int) { return four(x); });
}
template <class T>
inline F load(const T* p) {
  return each([p](int i) { return load4(p + 4 * i); });
}
template <class T>
inline F load_half(const T* p) {  // 8 elements, then zeros
  return {{load4(p), load4(p + 4), four(0.f), four(0.f)}};
}
inline void store(float* p, F x) { std::memcpy(p, &x, sizeof x); }

// binary32 to binary16, nearest even.
inline uint16_t to_half(float x) {
  uint32_t u;
  std::memcpy(&u, &x, sizeof u);
  const uint32_t sign = u >> 16 & 0x8000;
  u &= 0x7fffffff;
  if (u > 0x7f800000) return static_cast<uint16_t>(sign | 0x7e00 | (u >> 13 & 0x3ff));  // NaN, made quiet
  if (u >= 0x477ff000) return static_cast<uint16_t>(sign | 0x7c00);                     // 65520 and more
  if (u < 0x38800000) {  // below 2^-14: 0.5 has a last place of 2^-24, the smallest step of binary16
    float magnitude;
    std::memcpy(&magnitude, &u, sizeof u);
    magnitude += 0.5f;
    std::memcpy(&u, &magnitude, sizeof u);
    return static_cast<uint16_t>(sign | (u - 0x3f000000));
  }
  u += 0xfff + (u >> 13 & 1);
  return static_cast<uint16_t>(sign | ((u >> 13) - (112 << 10)));
}
inline void store(uint16_t* p, F x) {
  float lanes[16];
  store(lanes, x);
  for (int i = 0; i < 16; i++) p[i] = to_half(lanes[i]);
}

inline F add(F a, F b) {
  return each([&](int i) { return a.v[i] + b.v[i]; });
}
inline F sub(F a, F b) {
  return each([&](int i) { return a.v[i] - b.v[i]; });
}
inline F mul(F a, F b) {
  return each([&](int i) { return a.v[i] * b.v[i]; });
}
inline F div(F a, F b) {
  return each([&](int i) { return a.v[i] / b.v[i]; });
}
inline F madd(F a, F b, F c) {  // a b + c
  return each([&](int i) { return a.v[i] * b.v[i] + c.v[i]; });
}
inline F nmadd(F a, F b, F c) {  // c - a b
  return each([&](int i) { return c.v[i] - a.v[i] * b.v[i]; });
}

inline F4 blend4(I4 mask, F4 a, F4 b) { return F4((mask & I4(a)) | (~mask & I4(b))); }
inline F vmax(F a, F b) {  // a > b ? a : b
  return each([&](int i) { return blend4(a.v[i] > b.v[i], a.v[i], b.v[i]); });
}
inline F vmin(F a, F b) {  // a < b ? a : b
  return each([&](int i) { return blend4(a.v[i] < b.v[i], a.v[i], b.v[i]); });
}
inline F vabs(F a) {
  return each([&](int i) { return F4(I4(a.v[i]) & 0x7fffffff); });
}

// Lane i of a where bit i of mask is set, else of b.
inline F select(uint32_t mask, F a, F b) {
  return each([&](int i) {
    const I4 bit = I4{1, 2, 4, 8} << (4 * i);
    return blend4((four(static_cast<int32_t>(mask)) & bit) == bit, a.v[i], b.v[i]);
  });
}

// Where x < 0, a, else b.
inline F select_negative(F x, F a, F b) {
  return each([&](int i) { return blend4(x.v[i] < four(0.f), a.v[i], b.v[i]); });
}

// Maximum of values >= 0 by their bits: a NaN is larger than everything and stays.
inline F max_bits(F a, F b) {
  return each([&](int i) { return blend4(I4(a.v[i]) > I4(b.v[i]), a.v[i], b.v[i]); });
}

// p 2^n in two factors, so that n may reach below the smallest exponent and the product is rounded once.
inline F scale2(F p, F n) {
  return each([&](int k) {
    const I4 i = I4(n.v[k] + 12582912.f) - 0x4b400000;  // the bits of 1.5 * 2^23 + n; a NaN makes some integer, p is NaN then
    const I4 half = i >> 1;
    const I4 bias = four(127);
    return p.v[k] * F4((half + bias) << 23) * F4((i - half + bias) << 23);
  });
}

inline float hsum(F x) {
  const F4 a = (x.v[0] + x.v[2]) + (x.v[1] + x.v[3]);
  return (a[0] + a[2]) + (a[1] + a[3]);
}
inline float hmax(F x) {
  F4 a = blend4(x.v[0] > x.v[2], x.v[0], x.v[2]);
  const F4 b = blend4(x.v[1] > x.v[3], x.v[1], x.v[3]);
  a = blend4(a > b, a, b);
  const float c = a[0] > a[2] ? a[0] : a[2], d = a[1] > a[3] ? a[1] : a[3];
  return c > d ? c : d;
}

inline F swap_pairs(F x) {  // x1 x0 x3 x2 ...
  return each([&](int i) { return F4{x.v[i][1], x.v[i][0], x.v[i][3], x.v[i][2]}; });
}
inline F spread(const float* p) {  // p0 p0 p1 p1 ... p7 p7
  return each([p](int i) { return F4{p[2 * i], p[2 * i], p[2 * i + 1], p[2 * i + 1]}; });
}

// Integral lanes within [-128, 127] as bytes.
inline void store_int8(int8_t* q, F x) {
  for (int i = 0; i < 16; i++) q[i] = static_cast<int8_t>(x.v[i / 4][i % 4]);
}

// Sixteen doubles, for sums whose rounding must not show.
struct D {
  D2 v[8];
};
inline D zero_d() { return {}; }
inline D widen(F x) {
  D d;
  for (int i = 0; i < 8; i++) d.v[i] = D2{x.v[i / 2][i % 2 * 2], x.v[i / 2][i % 2 * 2 + 1]};
  return d;
}
inline F narrow(D x) {
  return each([&](int i) {
    const D2 a = x.v[2 * i], b = x.v[2 * i + 1];
    return F4{static_cast<float>(a[0]), static_cast<float>(a[1]), static_cast<float>(b[0]), static_cast<float>(b[1])};
  });
}
inline D add(D a, D b) {
  for (int i = 0; i < 8; i++) a.v[i] += b.v[i];
  return a;
}
inline D mul(D a, D b) {
  for (int i = 0; i < 8; i++) a.v[i] *= b.v[i];
  return a;
}
inline D mul(D a, double b) {
  for (int i = 0; i < 8; i++) a.v[i] *= b;
  return a;
}
inline double hsum(D x) {
  const D2 a = (x.v[0] + x.v[4]) + (x.v[2] + x.v[6]);
  const D2 b = (x.v[1] + x.v[5]) + (x.v[3] + x.v[7]);
  const D2 c = a + b;
  return c[0] + c[1];
}

}  // namespace
}  // namespace tern::cpu
