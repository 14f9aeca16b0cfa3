// Ternary matmul as it is defined, in 64-bit integers, and rows to feed it.
#pragma once

#include <cstdint>
#include <random>
#include <vector>

namespace tern::oracle {

// out[r][row] = sum_j w[row][j] q[r][j]. w: [n_rows, n_cols]; q: [n_act_rows, q_stride]
inline std::vector<int64_t> ternary_product(const std::vector<int8_t>& w, int n_rows, int n_cols, const int8_t* q, int q_stride,
                                            int n_act_rows) {
  std::vector<int64_t> out(size_t(n_rows) * n_act_rows);
  for (int r = 0; r < n_act_rows; r++)
    for (int row = 0; row < n_rows; row++) {
      int64_t sum = 0;
      for (int j = 0; j < n_cols; j++) sum += w[size_t(row) * n_cols + j] * q[int64_t(r) * q_stride + j];
      out[size_t(r) * n_rows + row] = sum;
    }
  return out;
}

inline std::vector<int8_t> random_trits(std::mt19937_64& random, size_t n) {
  std::vector<int8_t> trits(n);
  for (int8_t& t : trits) t = int8_t(random() % 3) - 1;
  return trits;
}

}  // namespace tern::oracle
