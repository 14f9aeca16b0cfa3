// The shapes that `tern bench kernel` times if nothing else is asked for, cut to what an oracle has time for: every type, every number of columns and
// of heads, few and many rows. Weights have few rows, and keys are cut, as neither changes how a result is computed.
#pragma once

#include <algorithm>
#include <vector>

#include "bench/bench_cases.h"

namespace tern::cases {

// Of one op, each once. gpu: those of a GPU, else those of the CPU.
inline std::vector<tern_bench_case> bench_shapes(int op, bool gpu, int max_rows) {
  constexpr int kWeightRows = 19, kKeys = 300;
  std::vector<tern_bench_case> all;
  for (tern_bench_case c : bench_cases(gpu)) {
    if (c.op != op) continue;
    c.n_rows = std::min(c.n_rows, max_rows);
    c.n_out = std::min(c.n_out, kWeightRows);
    if (c.n_heads) c.n_in = std::min(c.n_in, kKeys);
    const auto same = [&](const tern_bench_case& o) {
      return o.type == c.type && o.n_rows == c.n_rows && o.n_out == c.n_out && o.n_in == c.n_in && o.n_heads == c.n_heads &&
             o.n_kv_heads == c.n_kv_heads && o.head_dim == c.head_dim;
    };
    if (std::none_of(all.begin(), all.end(), same)) all.push_back(c);
  }
  return all;
}

}  // namespace tern::cases
