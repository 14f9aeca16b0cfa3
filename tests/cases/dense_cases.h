// The cases of the dense matmuls.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cases/bench_shapes.h"
#include "tern.h"

namespace tern::cases {

struct DenseCase {
  std::string name;
  int type;  // TERN_TYPE_F32, F16, BF16, Q8_0, Q6_K, Q4_0
  std::vector<int> n_rows;  // of the weights of each product
  int n_cols;
  int n_act_rows;
  bool accumulate;
  float magnitude;  // of activations
  uint64_t seed;
  int64_t n_ops() const {
    int64_t n = 0;
    for (int rows : n_rows) n += 2 * int64_t(rows) * n_cols * n_act_rows;
    return n;
  }
};

inline std::vector<DenseCase> dense_cases(std::vector<int> types, bool many) {
  std::vector<DenseCase> cases;
  uint64_t seed = 1;
  for (int type : types) {
    const auto add = [&](std::vector<int> rows, int cols, int acts, bool accumulate = false, float magnitude = 1) {
      const int block = type == TERN_TYPE_Q8_0 || type == TERN_TYPE_Q4_0 ? 32 : type == TERN_TYPE_Q6_K ? 256 : 1;
      cols = (cols + block - 1) / block * block;
      std::string name = type == TERN_TYPE_F32    ? "f32"
                         : type == TERN_TYPE_F16  ? "f16"
                         : type == TERN_TYPE_BF16 ? "bf16"
                         : type == TERN_TYPE_Q8_0 ? "q8_0"
                         : type == TERN_TYPE_Q4_0 ? "q4_0"
                                                  : "q6_k";
      for (size_t i = 0; i < rows.size(); i++) name += (i ? "+" : " ") + std::to_string(rows[i]);
      name += "x" + std::to_string(cols) + " acts " + std::to_string(acts);
      if (accumulate) name += " accumulate";
      if (magnitude != 1) name += " times " + std::to_string(magnitude);
      cases.push_back({name, type, std::move(rows), cols, acts, accumulate, magnitude, seed++});
    };
    for (int cols : {1, 31, 32, 33, 63, 64, 65, 255, 256, 257, 600, 1000}) add({9}, cols, many ? 18 : 1), add({130}, cols, many ? 33 : 3);
    for (int rows : {1, 7, 8, 31, 32, 33, 63, 64, 65, 127, 128, 129, 257}) add({rows}, 96, many ? 20 : 2, rows % 2 == 0);
    for (int acts : {1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33}) add({37}, 200, many ? acts + 16 : acts, acts % 2 == 0);
    if (many) {
      for (int acts : {64, 65, 127, 128, 129}) add({140}, 100, acts, acts % 2 == 0);
      for (int rows : {191, 192, 193}) add({rows}, 320, 17, rows % 2 == 0);
    } else {
      for (int acts : {32, 63, 64}) add({37}, 520, acts, acts % 2 == 0);
    }
    add({64, 16, 16}, 256, many ? 40 : 1);
    add({65, 3, 130, 1}, 133, many ? 130 : 7, true);
    add({20}, 300, many ? 21 : 5, false, 1e6f);   // beyond F16
    add({20}, 300, many ? 21 : 5, false, 1e-7f);  // below F16's normal numbers
    add({5}, 13000, many ? 17 : 2);               // more columns than fit shared memory at once
    for (const tern_bench_case& c : bench_shapes(TERN_BENCH_DENSE, true, 33))
      if (c.type == type && (c.n_rows > 8) == many) add({c.n_out}, c.n_in, c.n_rows);
  }
  return cases;
}

}  // namespace tern::cases
