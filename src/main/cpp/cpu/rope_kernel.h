// Rotation of one head. Included by one file per tier (vec_math.h says why all this is unnamed).
#pragma once

#include "cpu/rope_head.h"
#include "cpu/vec_math.h"

namespace tern::cpu {
namespace {

// Pairs (i, i + half): (a, b) -> (a cos - b sin, b cos + a sin).
void rotate_halves(const float* x, const float* cos, const float* sin, int half, float* out) {
  int i = 0;
  for (; i + kLanes <= half; i += kLanes) {
    const F a = load(x + i), b = load(x + half + i), c = load(cos + i), s = load(sin + i);
    store(out + i, nmadd(b, s, mul(a, c)));
    store(out + half + i, madd(a, s, mul(b, c)));
  }
  const int n = half - i;
  if (!n) return;
  const F a = load_n(x + i, n), b = load_n(x + half + i, n), c = load_n(cos + i, n), s = load_n(sin + i, n);
  store_n(out + i, nmadd(b, s, mul(a, c)), n);
  store_n(out + half + i, madd(a, s, mul(b, c)), n);
}

// Pairs (2i, 2i + 1): x cos + swapped x (-sin, sin).
void rotate_adjacent(const float* x, const float* cos, const float* sin, int half, float* out) {
  const F one = set1(1.f), minus = set1(-1.f);
  const F sign = select(0x5555, minus, one);
  for (int i = 0; i < half; i += kLanes / 2) {
    const int n = half - i < kLanes / 2 ? half - i : kLanes / 2;
    if (n == kLanes / 2) {
      const F v = load(x + 2 * i);
      store(out + 2 * i, madd(swap_pairs(v), mul(spread(sin + i), sign), mul(v, spread(cos + i))));
      continue;
    }
    float c[kLanes / 2] = {}, s[kLanes / 2] = {};
    std::memcpy(c, cos + i, sizeof(float) * n);
    std::memcpy(s, sin + i, sizeof(float) * n);
    const F v = load_n(x + 2 * i, 2 * n);
    store_n(out + 2 * i, madd(swap_pairs(v), mul(spread(s), sign), mul(v, spread(c))), 2 * n);
  }
}

constexpr RopeKernels kRopeKernels = {{rotate_adjacent, rotate_halves}};

}  // namespace
}  // namespace tern::cpu
