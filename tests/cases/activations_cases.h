// Cases of gating, norm and quantisation, and of rows looked up.
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "tern.h"

namespace tern::cases {

constexpr int kNoGate = -1;

struct ActivationsCase {
  std::string name;
  int gate;  // TERN_GATE_*, or kNoGate
  bool norm;
  bool f32;   // wanted
  bool int8;  // wanted
  int n_rows;
  int dim;
  float sigma;  // of x
  uint64_t seed;
};

inline std::vector<ActivationsCase> activations_cases() {
  std::vector<ActivationsCase> cases;
  const auto add = [&](int gate, bool norm, bool f32, bool int8, int n_rows, int dim, float sigma) {
    const char* size = sigma == 1 ? "" : sigma > 1e9f ? "_huge" : sigma > 1 ? "_large" : sigma > 1e-9f ? "_small" : "_tiny";
    cases.push_back({std::string(gate == kNoGate ? "plain" : gate == TERN_GATE_SILU ? "silu" : "relu2") +
                         (norm ? "_norm" : "") + (f32 ? "_f32" : "") + (int8 ? "_int8" : "") + "_rows" + std::to_string(n_rows) +
                         "_dim" + std::to_string(dim) + size,
                     gate, norm, f32, int8, n_rows, dim, sigma, cases.size() + 1});
  };
  for (const int dim : {1, 31, 32, 33, 64, 127, 128, 129, 2560, 6912, 5461})
    for (const int n_rows : {1, 2, 7, 33}) {
      if (n_rows == 33 && dim > 2560) continue;
      add(kNoGate, true, true, true, n_rows, dim, 1);
      add(TERN_GATE_SILU, true, true, true, n_rows, dim, 3);
      add(TERN_GATE_RELU2, true, true, true, n_rows, dim, 1);
      if (n_rows > 7) continue;
      add(kNoGate, false, false, true, n_rows, dim, 1);
      add(TERN_GATE_SILU, false, true, false, n_rows, dim, 30);
      add(TERN_GATE_RELU2, false, true, true, n_rows, dim, 1);
    }
  for (const int dim : {1023, 1024, 1025, 4095, 4096, 4097, 12288, 12289, 12292, 16384, 40000, 1 << 20}) {  // how rows are kept
    add(kNoGate, true, true, true, 1, dim, 1);
    add(TERN_GATE_SILU, true, true, true, 1, dim, 1);
    add(TERN_GATE_RELU2, false, true, false, 1, dim, 1);
  }
  for (const float sigma : {1e-3f, 300.f, 1e-20f, 1e18f})
    for (const int dim : {33, 2560}) add(kNoGate, true, true, true, 2, dim, sigma);
  return cases;
}

struct EmbedCase {
  std::string name;
  int type;
  int n_table;
  int n_cols;
  int n_ids;
  uint64_t seed;
};

inline std::vector<EmbedCase> embed_cases() {
  std::vector<EmbedCase> cases;
  for (const int type : {TERN_TYPE_F32, TERN_TYPE_F16, TERN_TYPE_BF16, TERN_TYPE_Q8_0, TERN_TYPE_Q6_K})
    for (const int n_cols : {1, 31, 32, 33, 64, 127, 128, 129, 1024, 2560, 5461}) {
      if (type == TERN_TYPE_Q8_0 && n_cols % 32) continue;
      if (type == TERN_TYPE_Q6_K && n_cols % 256) continue;
      const char* const name = type == TERN_TYPE_F32    ? "f32"
                               : type == TERN_TYPE_F16  ? "f16"
                               : type == TERN_TYPE_BF16 ? "bf16"
                               : type == TERN_TYPE_Q8_0 ? "q8_0"
                                                        : "q6_k";
      const int n_ids = n_cols % 2 ? 7 : 33;
      cases.push_back({std::string(name) + "_cols" + std::to_string(n_cols) + "_ids" + std::to_string(n_ids), type, 11, n_cols,
                       n_ids, cases.size() + 1});
    }
  return cases;
}

}  // namespace tern::cases
