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

inline int64_t dense_row_bytes(int type, int n_cols) {
  return type == TERN_TYPE_F32 ? int64_t(n_cols) * 4 : type == TERN_TYPE_F16 ? int64_t(n_cols) * 2 : int64_t(n_cols) / 32 * 34;
}

// Rows of type with values around 1; every bit pattern of an int8 occurs.
inline std::vector<uint8_t> random_rows(int type, int n_rows, int n_cols, std::mt19937_64& random) {
  std::vector<uint8_t> bytes(static_cast<size_t>(dense_row_bytes(type, n_cols) * n_rows));
  std::normal_distribution<float> normal;
  if (type == TERN_TYPE_Q8_0) {
    for (size_t block = 0; block < bytes.size(); block += 34) {
      const uint16_t scale = half_from_float(normal(random) / 64);
      std::memcpy(&bytes[block], &scale, 2);
      for (size_t i = 2; i < 34; i++) bytes[block + i] = static_cast<uint8_t>(random());
    }
  } else {
    const size_t size = type == TERN_TYPE_F32 ? 4 : 2;
    for (size_t i = 0; i < bytes.size(); i += size) {
      const float value = normal(random);
      const uint16_t half = half_from_float(value);
      if (size == 4)
        std::memcpy(&bytes[i], &value, 4);
      else
        std::memcpy(&bytes[i], &half, 2);
    }
  }
  return bytes;
}

// Element (row, col) of such rows.
inline double element(int type, const uint8_t* rows, int n_cols, int row, int col) {
  const uint8_t* p = rows + row * dense_row_bytes(type, n_cols);
  uint16_t half;
  if (type == TERN_TYPE_F32) {
    float value;
    std::memcpy(&value, p + 4 * col, 4);
    return value;
  }
  if (type == TERN_TYPE_F16) {
    std::memcpy(&half, p + 2 * col, 2);
    return float_from_half(half);
  }
  p += col / 32 * 34;
  std::memcpy(&half, p, 2);
  return double(float_from_half(half)) * static_cast<int8_t>(p[2 + col % 32]);
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

}  // namespace tern::oracle
