// Cases of sampling: rows of logits of many shapes, and options.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <vector>

namespace tern::cases {

struct SampleOptions {
  std::string name;
  float temperature = 1;
  int top_k = 0;
  float top_p = 1;
  float min_p = 0;
  float repeat_penalty = 1;
  int n_listed = 0;  // tokens of listed_tokens
};

enum class LogitShape {
  normal, peaked, flat, ties, equal, zeros, ascending, descending, one_finite, half_excluded, huge, far_below, bf16
};

inline const char* shape_name(LogitShape shape) {
  constexpr const char* kNames[] = {"normal",     "peaked",     "flat",          "ties", "equal",     "zeros", "ascending",
                                    "descending", "one_finite", "half_excluded", "huge", "far_below", "bf16"};
  return kNames[static_cast<int>(shape)];
}

struct SampleCase {
  std::string name;
  LogitShape shape;
  int vocab_size;
  SampleOptions options;
  uint64_t seed;
};

inline std::vector<float> sample_logits(LogitShape shape, int n, uint64_t seed) {
  constexpr float kInfinite = std::numeric_limits<float>::infinity(), kHuge = std::numeric_limits<float>::max();
  std::mt19937_64 random(seed);
  std::normal_distribution<float> normal;
  const int some = static_cast<int>(random() % static_cast<uint64_t>(n));
  std::vector<float> logits(static_cast<size_t>(n));
  for (int i = 0; i < n; i++) {
    const float x = normal(random), step = static_cast<float>(i) / static_cast<float>(n);
    float& logit = logits[static_cast<size_t>(i)];
    switch (shape) {
      case LogitShape::normal: logit = 3 * x; break;
      case LogitShape::peaked: logit = i == some ? 20 : 2 * x; break;
      case LogitShape::flat: logit = 0.01f * x; break;
      case LogitShape::ties: logit = std::floor(x); break;
      case LogitShape::equal: logit = -3.25f; break;
      case LogitShape::zeros: logit = i % 3 ? -0.f : 0.f; break;
      case LogitShape::ascending: logit = 14 * step; break;
      case LogitShape::descending: logit = -14 * step; break;
      case LogitShape::one_finite: logit = i == some ? -2 : -kInfinite; break;
      case LogitShape::half_excluded: logit = i % 2 ? -kInfinite : x; break;
      case LogitShape::huge: logit = i % 7 ? -kHuge : kHuge; break;
      case LogitShape::far_below: logit = i < 4 ? static_cast<float>(i) : -1000; break;
      case LogitShape::bf16: {
        uint32_t bits;
        logit = 8 + 3 * x;
        std::memcpy(&bits, &logit, 4);
        bits &= 0xffff0000u;
        std::memcpy(&logit, &bits, 4);
        break;
      }
    }
  }
  return logits;
}

// Some tokens, the largest among them often enough, each of them twice or more.
inline std::vector<int32_t> listed_tokens(const std::vector<float>& logits, int n, uint64_t seed) {
  std::mt19937_64 random(seed ^ 0x5eed);
  std::vector<int32_t> ids(static_cast<size_t>(n));
  size_t largest = 0;
  for (size_t i = 1; i < logits.size(); i++) largest = logits[i] > logits[largest] ? i : largest;
  for (size_t i = 0; i < ids.size(); i++)
    ids[i] = i % 8 == 0 ? static_cast<int32_t>(largest) : i % 2 ? ids[i / 2] : static_cast<int32_t>(random() % logits.size());
  return ids;
}

inline std::vector<SampleOptions> sample_options() {
  return {{"plain"},
          {"greedy", 0},
          {"greedy_penalty", 0, 5, 0.5f, 0.1f, 1.5f, 40},
          {"cool_k40", 0.7f, 40},
          {"p0.9", 1, 0, 0.9f},
          {"min_p0.05", 0.8f, 0, 1, 0.05f},
          {"all_filters", 1.3f, 50, 0.95f, 0.02f},
          {"penalty_p0.8", 0.9f, 0, 0.8f, 0, 1.3f, 700},
          {"reward_k7", 1.1f, 7, 1, 0, 0.7f, 3},
          {"k1", 1, 1},
          {"p0", 1, 0, 0},
          {"min_p1", 1, 0, 1, 1},
          {"hot_k300_p0.999", 2.5f, 300, 0.999f},
          {"cold_p0.6", 0.05f, 0, 0.6f}};
}

inline std::vector<SampleCase> sample_cases() {
  std::vector<SampleCase> cases;
  const auto add = [&](LogitShape shape, int n, const SampleOptions& o) {
    cases.push_back({std::string(shape_name(shape)) + std::to_string(n) + "_" + o.name, shape, n, o, cases.size() + 1});
    for (char& c : cases.back().name) c = c == '.' ? '_' : c;
  };
  for (const int n : {1, 2, 31, 255, 256, 257, 2047, 2049, 4100})
    for (const SampleOptions& o : sample_options()) add(LogitShape::normal, n, o);
  for (int shape = 1; shape <= static_cast<int>(LogitShape::bf16); shape++)
    for (const SampleOptions& o : sample_options()) add(static_cast<LogitShape>(shape), 600 + 97 * (shape % 3), o);
  // More equal logits, or logits of a bin, than are ranked at once; spans by the hundred.
  for (const LogitShape shape : {LogitShape::equal, LogitShape::flat, LogitShape::ties, LogitShape::bf16})
    for (const SampleOptions& o : {SampleOptions{"k2500", 1, 2500}, SampleOptions{"p0.7", 1, 0, 0.7f},
                                   SampleOptions{"k4000_p0.501", 0.9f, 4000, 0.501f},
                                   SampleOptions{"p0.99999", 1.5f, 0, 0.99999f}})
      add(shape, 5003, o);
  for (const SampleOptions& o : {SampleOptions{"k20000", 1, 20000}, SampleOptions{"p0.9", 0.7f, 0, 0.9f},
                                 SampleOptions{"all_filters", 0.8f, 64, 0.95f, 0.01f, 1.1f, 64}, SampleOptions{"greedy", 0}}) {
    add(LogitShape::normal, 32003, o);
    add(LogitShape::flat, 40000, o);
    add(LogitShape::bf16, 128256, o);
  }
  return cases;
}

}  // namespace tern::cases
