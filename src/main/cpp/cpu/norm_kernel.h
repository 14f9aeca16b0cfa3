// One row of RMSNorm and of int8 quantisation. Included by one file per tier (vec_math.h says why all this is unnamed).
//
// The sum of squares and the products are taken in fp64: squares of floats are exact there and cannot overflow, one rounding
// remains per output, and every tier gives the same bits.
#pragma once

#include "cpu/norm_row.h"
#include "cpu/vec_math.h"

namespace tern::cpu {
namespace {

inline F load_at(const float* p, int j, int dim) { return j + kLanes <= dim ? load(p + j) : load_n(p + j, dim - j); }

// y[j .. j + 15], zeros beyond dim.
inline F normed(const NormRow& row, int j) {
  const F x = load_at(row.x, j, row.dim);
  return row.weight ? narrow(mul(mul(widen(x), row.inverse), widen(load_at(row.weight, j, row.dim)))) : x;
}

double sum_of_squares(const float* x, int dim, const float* weight) {
  D sum = zero_d();
  for (int j = 0; j < dim; j += kLanes) {
    __builtin_prefetch(weight + j);
    const D d = widen(load_at(x, j, dim));
    sum = add(sum, mul(d, d));
  }
  return hsum(sum);
}

float norm_row(const NormRow& row, float* out) {
  F largest = set1(0.f);
  for (int j = 0; j < row.dim; j += kLanes) {
    const F y = normed(row, j);
    largest = max_bits(largest, vabs(y));
    if (!out) continue;
    if (j + kLanes <= row.dim) store(out + j, y);
    else store_n(out + j, y, row.dim - j);
  }
  uint32_t bits[kLanes], best = 0;
  std::memcpy(bits, &largest, sizeof bits);
  for (uint32_t b : bits) best = b > best ? b : best;
  float result;
  std::memcpy(&result, &best, sizeof result);
  return result;
}

int32_t quantize_row(const NormRow& row, float scale, int stride, int8_t* q) {
  F sums = set1(0.f);  // integers below 2^24 for any dim < 2^21: exact
  int j = 0;
  for (; j < row.dim; j += kLanes) {
    const F y = vmin(vmax(mul(normed(row, j), set1(scale)), set1(-128.f)), set1(127.f));
    const F r = select(row.dim - j >= kLanes ? 0xffff : (1u << (row.dim - j)) - 1, round_even(y), set1(0.f));
    sums = add(sums, r);
    store_int8(q + j, r);
  }
  std::memset(q + j, 0, static_cast<size_t>(stride - j));
  float lanes[kLanes];
  store(lanes, sums);
  int32_t sum = 0;
  for (float lane : lanes) sum += static_cast<int32_t>(lane);
  return sum;
}

constexpr NormKernels kNormKernels = {sum_of_squares, norm_row, quantize_row};

}  // namespace
}  // namespace tern::cpu
