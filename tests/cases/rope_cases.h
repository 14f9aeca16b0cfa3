// Cases of angles, rotation and writing to the arena.
#pragma once

#include <cmath>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "cases/bench_shapes.h"
#include "tern.h"

namespace tern::cases {

struct RopeTableCase {
  std::string name;
  int n_rows;  // the first of table_positions
  int rope_dim;
  double base;
  uint64_t seed;
};

// Both ends of the range, where a float, an int32 and fp64 products lose digits, and random ones of every magnitude.
inline std::vector<int64_t> table_positions(const RopeTableCase& c) {
  const int64_t far = int64_t{1} << 40;
  std::vector<int64_t> pos = {far - 1, 0, 1 << 20, 4194304, 1, 4194305, int64_t{1} << 32, 4095, (int64_t{1} << 31) - 1};
  std::mt19937_64 random(c.seed);
  while (static_cast<int>(pos.size()) < c.n_rows) pos.push_back(static_cast<int64_t>(random() % far) >> random() % 40);
  pos.resize(static_cast<size_t>(c.n_rows));
  return pos;
}

inline std::vector<double> inverse_frequencies(double base, int rope_dim) {
  std::vector<double> f(static_cast<size_t>(rope_dim / 2));
  for (size_t j = 0; j < f.size(); j++) f[j] = std::pow(base, -2.0 * static_cast<double>(j) / rope_dim);
  return f;
}

inline std::vector<RopeTableCase> rope_table_cases() {
  std::vector<RopeTableCase> cases;
  for (const int n_rows : {1, 2, 7, 33})
    for (const int rope_dim : {2, 16, 34, 64, 128, 256}) {
      const double base = rope_dim % 64 ? 10000 : 500000;
      cases.push_back({"rows" + std::to_string(n_rows) + "_dim" + std::to_string(rope_dim), n_rows, rope_dim, base,
                       cases.size() + 1});
    }
  return cases;
}

struct RopeCase {
  std::string name;
  int style;
  int n_rows;
  int n_heads;
  int head_dim;
  int rope_dim;
  uint64_t seed;
};

inline std::vector<RopeCase> rope_cases() {
  struct Shape {
    int n_heads, head_dim, rope_dim;
  };
  std::vector<RopeCase> cases;
  for (const int style : {TERN_ROPE_ADJACENT, TERN_ROPE_HALVES})
    for (const Shape s : {Shape{1, 2, 2}, {1, 8, 8}, {3, 8, 2}, {5, 11, 6}, {2, 24, 10}, {4, 64, 64}, {4, 64, 32}, {5, 80, 80},
                          {2, 128, 34}, {20, 128, 128}, {1, 256, 256}, {3, 512, 256}})
      for (const int n_rows : {1, 2, 7, 33}) {
        if (n_rows == 33 && s.n_heads == 20) continue;
        cases.push_back({(style == TERN_ROPE_HALVES ? "halves_rows" : "adjacent_rows") + std::to_string(n_rows) + "_heads" +
                             std::to_string(s.n_heads) + "_dim" + std::to_string(s.head_dim) + "_rope" +
                             std::to_string(s.rope_dim),
                         style, n_rows, s.n_heads, s.head_dim, s.rope_dim, cases.size() + 1});
      }
  return cases;
}

struct RopeAppendCase {
  std::string name;
  int kv_type;
  int style;
  int n_rows;
  int n_heads;
  int n_kv_heads;
  int head_dim;
  int rope_dim;
  int n_rotations;
  int n_pages;
  int skip;  // every skip-th row has the slot -1; 0: none
  uint64_t seed;
};

inline const char* kv_type_name(int type) {
  return type == TERN_TYPE_F16 ? "f16" : type == TERN_TYPE_BF16 ? "bf16" : "int8";
}

inline std::vector<RopeAppendCase> rope_append_cases() {
  struct Shape {
    int n_heads, n_kv_heads, head_dim, rope_dim, n_rotations;
  };
  std::vector<RopeAppendCase> cases;
  const auto add = [&](int type, int style, const Shape& s, int n_rows) {
    const int skip = n_rows == 1 ? 0 : n_rows == 7 ? 3 : 5;
    cases.push_back({std::string(kv_type_name(type)) + (style == TERN_ROPE_HALVES ? "_halves" : "_adjacent") + "_rows" + std::to_string(n_rows) +
                         "_heads" + std::to_string(s.n_heads) + "_" + std::to_string(s.n_kv_heads) + "_dim" + std::to_string(s.head_dim) +
                         "_rope" + std::to_string(s.rope_dim) + "_rotations" + std::to_string(s.n_rotations),
                     type, style, n_rows, s.n_heads, s.n_kv_heads, s.head_dim, s.rope_dim, s.n_rotations, 2, skip, cases.size() + 1});
  };
  for (const int type : {TERN_TYPE_F16, TERN_TYPE_BF16, TERN_TYPE_I8})
    for (const int style : {TERN_ROPE_ADJACENT, TERN_ROPE_HALVES})
      for (const Shape s : {Shape{1, 1, 8, 8, 1}, {4, 1, 16, 6, 3}, {5, 5, 24, 24, 2}, {8, 2, 64, 64, 1}, {4, 1, 80, 40, 2},
                            {20, 5, 128, 128, 2}, {2, 1, 128, 34, 1}, {3, 3, 256, 256, 4}, {8, 1, 256, 254, 1}})
        for (const int n_rows : {1, 7, 33}) add(type, style, s, n_rows);
  for (const tern_bench_case& c : bench_shapes(TERN_BENCH_ROPE_APPEND, true, 34))
    add(c.type, TERN_ROPE_HALVES, {c.n_heads, c.n_kv_heads, c.head_dim, c.head_dim, 1}, c.n_rows);
  return cases;
}

// Different slots of the arena in random order, some of them -1.
inline std::vector<int32_t> append_slots(const RopeAppendCase& c) {
  std::vector<int32_t> all;
  for (int32_t s = 0; s < c.n_pages * TERN_PAGE_LEN; s++) all.push_back(s);
  std::mt19937_64 random(c.seed);
  for (size_t i = all.size(); i > 1; i--) std::swap(all[i - 1], all[random() % i]);
  all.resize(static_cast<size_t>(c.n_rows));
  for (int i = 0; c.skip && i < c.n_rows; i += c.skip) all[static_cast<size_t>(i)] = -1;
  return all;
}

}  // namespace tern::cases
