// Dense matmul in fp64, and random weights in the file types. Obvious and slow.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>
#include <random>
#include <vector>

#include "core/half.h"
#include "tern.h"

namespace tern::oracle {

struct DenseLayout {
  int block, bytes;
};

inline DenseLayout dense_layout(int type) {
  switch (type) {
    case TERN_TYPE_F32: return {1, 4};
    case TERN_TYPE_F16:
    case TERN_TYPE_BF16: return {1, 2};
    case TERN_TYPE_Q8_0: return {32, 34};
    case TERN_TYPE_Q4_0: return {32, 18};
    case TERN_TYPE_Q2_0: return {64, 18};
    default: return {256, 210};  // Q6_K
  }
}

inline int64_t dense_row_bytes(int type, int n_cols) {
  return int64_t(n_cols) / dense_layout(type).block * dense_layout(type).bytes;
}

// Rows of type with values around 1; every bit pattern of an int8 occurs.
inline std::vector<uint8_t> random_rows(int type, int n_rows, int n_cols, std::mt19937_64& random) {
  std::vector<uint8_t> bytes(static_cast<size_t>(dense_row_bytes(type, n_cols) * n_rows));
  std::normal_distribution<float> normal;
  const size_t size = static_cast<size_t>(dense_layout(type).bytes);
  for (size_t at = 0; at < bytes.size(); at += size) {
    const float value = normal(random);
    if (type == TERN_TYPE_F32) {
      std::memcpy(&bytes[at], &value, 4);
    } else if (type == TERN_TYPE_BF16) {
      uint32_t bits;
      std::memcpy(&bits, &value, 4);
      bits >>= 16;
      std::memcpy(&bytes[at], &bits, 2);
    } else {
      for (size_t i = 0; i < size; i++) bytes[at + i] = static_cast<uint8_t>(random());
      const uint16_t half = half_from_float(type == TERN_TYPE_F16 ? value : type == TERN_TYPE_Q6_K ? value / 2048 : value / 64);
      std::memcpy(&bytes[at + (type == TERN_TYPE_Q6_K ? 208 : 0)], &half, 2);
    }
  }
  return bytes;
}

// Element (row, col) of such rows, as ggml's scalar code has it: products of up to 24 bits are exact, Q6_K's is rounded to a float.
inline double element(int type, const uint8_t* rows, int n_cols, int row, int col) {
  const DenseLayout layout = dense_layout(type);
  const uint8_t* const p = rows + row * dense_row_bytes(type, n_cols) + int64_t(col) / layout.block * layout.bytes;
  const int i = col % layout.block;
  const auto half = [](const uint8_t* at) {
    uint16_t h;
    std::memcpy(&h, at, 2);
    return float_from_half(h);
  };
  float value;
  uint32_t bits;
  switch (type) {
    case TERN_TYPE_F32: std::memcpy(&value, p, 4); return value;
    case TERN_TYPE_F16: return half(p);
    case TERN_TYPE_BF16:
      bits = uint32_t(p[0]) << 16 | uint32_t(p[1]) << 24;
      std::memcpy(&value, &bits, 4);
      return value;
    case TERN_TYPE_Q8_0: return double(half(p)) * static_cast<int8_t>(p[2 + i]);
    case TERN_TYPE_Q4_0: return double(half(p)) * ((i < 16 ? p[2 + i] % 16 : p[2 + i - 16] / 16) - 8);
    case TERN_TYPE_Q2_0: return double(half(p)) * ((p[2 + i / 4] >> 2 * (i % 4)) % 4 - 1);
    default: {
      const int h = i / 128, n = i % 128 / 32, m = i % 32;
      const int nibbles = p[64 * h + 32 * (n & 1) + m], pairs = p[128 + 32 * h + m];
      const int q = (n >= 2 ? nibbles / 16 : nibbles % 16) + 16 * ((pairs >> 2 * n) % 4) - 32;
      return static_cast<float>(double(half(p + 208)) * static_cast<int8_t>(p[192 + i / 16]) * q);
    }
  }
}

// out[r][o] = sum over columns of x[r][c] w[o][c], summed from left to right in Real.
template <class Real>
std::vector<Real> matmul(int type, const uint8_t* rows, int n_rows, int n_cols, const float* x, int n_acts) {
  std::vector<Real> out(static_cast<size_t>(n_rows) * static_cast<size_t>(n_acts));
  for (int o = 0; o < n_rows; o++) {
    std::vector<Real> w(static_cast<size_t>(n_cols));
    for (int c = 0; c < n_cols; c++) w[c] = static_cast<Real>(element(type, rows, n_cols, o, c));
    for (int r = 0; r < n_acts; r++) {
      Real sum = 0;
      for (int c = 0; c < n_cols; c++) sum += Real(x[int64_t(r) * n_cols + c]) * w[c];
      out[int64_t(r) * n_rows + o] = sum;
    }
  }
  return out;
}

// What bounds of an element are made of.
struct DenseSizes {
  double magnitude;  // sum of |w x|
  double largest;    // |x| of the activation row
  double weights;    // sum of |w|
  double added;      // |sum| + |what was there before|, where products are added to it
};

// Of the cuda backend, u = 2^-24. Rows: weights and activations are exact; n products are fused and added one by one in a lane, then over
// lanes, so |out - ref| <= (n / 32 + 32) u sum |w x|; any order at all would do with n u. Halves: activations are rounded to the weights'
// type first (unit roundoff 2^-11 or 2^-8; F16 after scaling, where what is more than 2^28 below the row's largest loses bits: at most
// 2^-24 / 2^14 of it each), and a tensor core may truncate: 2 n u.
inline double dense_cuda_bound(int type, int n_cols, const DenseSizes& s) {
  const double u = std::ldexp(1.0, -24);
  const bool halves = type == TERN_TYPE_F16 || type == TERN_TYPE_BF16;
  const double rounding = !halves ? 0 : type == TERN_TYPE_F16 ? std::ldexp(1.0, -11) : std::ldexp(1.0, -8);
  double bound = ((halves ? 2.0 * n_cols + 16 : n_cols / 32 + 40) * u + rounding) * s.magnitude;
  if (type == TERN_TYPE_F16) bound += std::ldexp(s.largest, -38) * s.weights;
  return (bound + u * s.added) * 1.01 + 1e-44;
}

// Of sums of floats in any order, weights exact: a rounding a product and an addition.
inline double dense_any_order_bound(int n_cols, const DenseSizes& s) {
  const double u = std::ldexp(1.0, -24);
  return ((n_cols + 8) * u * s.magnitude + u * s.added) * 1.01 + 1e-44;
}

// A row of activations as the CPU's integer kernels of block types (cpu/block_weight.h) take it: in blocks of 32 numbers of at most 32639, to even where
// two are as near, times the least power of two that does; all 0 below 2^-70. Finite ones.
inline std::vector<double> dense_block_activations(const float* x, int n_cols) {
  std::vector<double> rounded(static_cast<size_t>(n_cols));
  for (int k = 0; k < n_cols; k += 32) {
    double largest = 0, unit = 0x1p-149;
    for (int j = k; j < k + 32; j++) largest = std::fmax(largest, std::fabs(double(x[j])));
    if (largest < 0x1p-70) continue;
    while (largest / unit >= 32639.5) unit *= 2;
    for (int j = k; j < k + 32; j++) rounded[size_t(j)] = std::nearbyint(x[j] / unit) * unit;
  }
  return rounded;
}

}  // namespace tern::oracle
