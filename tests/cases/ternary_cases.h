// The cases of the ternary matmuls: shapes that hurt (1, tile - 1, tile, tile + 1, primes), extremes, several products at once.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cases/bench_shapes.h"

namespace tern::cases {

enum class TernaryFill { random, all_minus, all_plus, alternating, zero_activations };

struct TernaryCase {
  std::string name;
  std::vector<int> n_rows;  // of the weights of each product
  int n_cols;
  int n_act_rows;
  TernaryFill fill;
  bool accumulate;
  uint64_t seed;
  // Integer operations: a multiplication and an addition a weight and activation row. Bytes: packed weights, activations, results.
  int64_t n_ops() const {
    int64_t n = 0;
    for (int rows : n_rows) n += 2 * int64_t(rows) * n_cols * n_act_rows;
    return n;
  }
};

inline std::vector<TernaryCase> ternary_cases() {
  std::vector<TernaryCase> cases;
  uint64_t seed = 1;
  const auto add = [&](std::vector<int> rows, int cols, int acts, TernaryFill fill = TernaryFill::random, bool accumulate = false) {
    std::string name;
    for (int r : rows) name += (name.empty() ? "" : "+") + std::to_string(r);
    name += "x" + std::to_string(cols) + " acts " + std::to_string(acts);
    static const char* const fills[] = {"", " all -1", " all +1", " alternating", " zero activations"};
    name += fills[static_cast<int>(fill)];
    if (accumulate) name += " accumulate";
    cases.push_back({name, std::move(rows), cols, acts, fill, accumulate, seed++});
  };
  for (int cols : {1, 3, 127, 128, 129, 256, 640, 1021}) {
    add({17}, cols, 1);
    add({16}, cols, 9);
  }
  for (int rows : {1, 15, 16, 17, 127, 128, 129, 257, 300}) {
    add({rows}, 256, 1);
    add({rows}, 129, 8);
    add({rows}, 130, 33);
  }
  for (int acts = 1; acts <= 17; acts++) add({33}, 200, acts, TernaryFill::random, acts % 2 == 0);
  for (int acts : {31, 32, 63, 64, 65, 127, 128, 129}) add({144}, 384, acts, TernaryFill::random, acts % 2 == 1);
  for (TernaryFill fill : {TernaryFill::all_minus, TernaryFill::all_plus, TernaryFill::alternating, TernaryFill::zero_activations}) {
    add({19}, 2560, 1, fill);
    add({19}, 2560, 11, fill);
    add({130}, 900, 40, fill, true);
  }
  add({64, 16, 16}, 256, 1);
  add({64, 16, 16}, 256, 20, TernaryFill::random, true);
  add({257, 1, 33, 300}, 129, 3);
  add({129, 130}, 257, 70);
  for (const tern_bench_case& c : bench_shapes(TERN_BENCH_TERNARY, true, 33)) add({c.n_out}, c.n_in, c.n_rows);
  return cases;
}

}  // namespace tern::cases
