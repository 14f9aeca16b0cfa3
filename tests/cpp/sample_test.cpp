#include "cpu/sample.h"

#include <gtest/gtest.h>

#include <functional>
#include <limits>
#include <string>

#include "cpu/sample_scan.h"
#include "oracle/compare.h"
#include "oracle/sample_oracle.h"

namespace tern::cpu {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kHuge = std::numeric_limits<float>::max();

Sampling plain(float temperature) { return {temperature, 0, 1, 0, 1, 1, 0, nullptr, 0, -1}; }

std::vector<Isa> isas() {
  std::vector<Isa> all;
  for (Isa isa : {Isa::scalar, Isa::avx2, Isa::avx512})
    if (isa <= isa_supported()) all.push_back(isa);
  return all;
}

// On every ISA, which must agree to the bit; scratch is poisoned and guarded, the logits stand at an odd address.
Sampled run(const std::vector<float>& logits, const Sampling& s) {
  const int n = static_cast<int>(logits.size());
  std::vector<float> at(logits.size() + 1);
  std::copy(logits.begin(), logits.end(), at.begin() + 1);
  const size_t bytes = static_cast<size_t>(sample_scratch_bytes(n));
  Sampled first = {};
  for (Isa isa : isas()) {
    std::vector<uint64_t> scratch(bytes / 8 + 3, 0x7ff8dead7fc0dead);
    uint8_t* end = reinterpret_cast<uint8_t*>(scratch.data()) + bytes;
    std::fill(end, end + 8, uint8_t(0xa5));
    const Sampled got = sample(isa, at.data() + 1, n, s, scratch.data());
    EXPECT_TRUE(std::all_of(end, end + 8, [](uint8_t b) { return b == 0xa5; })) << "scratch overrun on " << isa_name(isa);
    if (isa == Isa::scalar) first = got;
    EXPECT_EQ(got.token, first.token) << isa_name(isa);
    EXPECT_EQ(std::memcmp(&got.logprob, &first.logprob, sizeof(float)), 0) << isa_name(isa);
  }
  if (first.token >= 0) {
    const double expected = oracle::logprob(logits, first.token);
    if (std::isfinite(static_cast<float>(expected)))
      EXPECT_NEAR(first.logprob, expected, 1e-6 + 0x1p-24 * std::fabs(expected));
    else
      EXPECT_EQ(first.logprob, -kInf);
  }
  return first;
}

struct Case {
  std::string name;
  std::vector<float> logits;
};

std::vector<float> filled(int n, const std::function<float(int)>& f) {
  std::vector<float> v(static_cast<size_t>(n));
  for (int i = 0; i < n; i++) v[i] = f(i);
  return v;
}

std::vector<Case> cases(std::mt19937_64& random) {
  std::normal_distribution<float> normal;
  std::vector<Case> all;
  for (int n : {1, 2, 15, 16, 17, 255, 256, 257, 1000, 5003})
    all.push_back({"normal " + std::to_string(n), filled(n, [&](int) { return 3 * normal(random); })});
  all.push_back({"peaked", filled(4096, [&](int i) { return i == 3000 ? 30 : normal(random); })});
  all.push_back({"flat", filled(4099, [&](int) { return 0.01f * normal(random); })});
  all.push_back({"ties", filled(999, [&](int) { return float(random() % 4); })});
  all.push_back({"all equal", filled(512, [](int) { return -3.25f; })});
  all.push_back({"signed zeros", filled(300, [](int i) { return i % 3 ? -0.0f : 0.0f; })});
  all.push_back({"ascending", filled(700, [](int i) { return 0.02f * i; })});
  all.push_back({"descending", filled(700, [](int i) { return -0.02f * i; })});
  all.push_back({"one finite", filled(600, [](int i) { return i == 411 ? -2 : -kInf; })});
  all.push_back({"half excluded", filled(600, [&](int i) { return i % 2 ? -kInf : normal(random); })});
  all.push_back({"huge", filled(300, [](int i) { return i % 7 ? -kHuge : kHuge; })});
  all.push_back({"far below", filled(300, [](int i) { return i < 4 ? float(i) : -1000.0f; })});
  return all;
}

TEST(Sample, exp_is_accurate) {
  double worst = 0;
  for (int i = 0; i <= 4000000; i++) {
    const float x = -87.0f * static_cast<float>(i) / 4000000;
    const double exact = std::exp(double(x));
    worst = std::max(worst, std::fabs(Scan<4>::exp(x) - exact) / exact);
  }
  EXPECT_LE(worst, 1.2e-7);
  EXPECT_EQ(Scan<4>::exp(0.0f), 1);
  EXPECT_EQ(Scan<4>::exp(-kInf), 0);
  EXPECT_EQ(Scan<4>::exp(-87.5f), 0);
  for (uint32_t bits : {0x7fc00000u, 0x7fc00001u, 0xffc12345u}) {
    float nan;
    std::memcpy(&nan, &bits, 4);
    EXPECT_TRUE(std::isnan(Scan<4>::exp(nan)));
  }
}

TEST(Sample, greedy_takes_largest_then_lowest) {
  SCOPED_TRACE(oracle::seed());
  std::mt19937_64 random(oracle::seed());
  for (const Case& c : cases(random)) EXPECT_EQ(run(c.logits, plain(0)).token, oracle::greedy(c.logits, plain(0))) << c.name;
}

TEST(Sample, each_filter_matches_oracle) {
  SCOPED_TRACE(oracle::seed());
  std::mt19937_64 random(oracle::seed());
  int checked = 0;
  for (const Case& c : cases(random))
    for (float temperature : {0.7f, 1.0f, 2.5f})
      for (int top_k : {0, 1, 2, 3, 40, 300, 100000})
        for (float top_p : {1.0f, 0.9f, 0.501f, 0.0f})
          for (float min_p : {0.0f, 0.05f, 1.0f}) {
            Sampling s = plain(temperature);
            s.top_k = top_k;
            s.top_p = top_p;
            s.min_p = min_p;
            s.seed = static_cast<int64_t>(random());
            const oracle::Distribution d = oracle::distribution(c.logits, s);
            if (d.margin < 1e-6 && top_p > 0) continue;  // a filter's decision hangs on rounding
            for (s.draw = 0; s.draw < 6; s.draw++, checked++) {
              const int token = run(c.logits, s).token;
              ASSERT_TRUE(oracle::is_draw(d, oracle::uniform(s.seed, s.draw), token, 1e-6))
                  << c.name << ", temperature " << temperature << ", top_k " << top_k << ", top_p " << top_p
                  << ", min_p " << min_p << ", draw " << s.draw << ": token " << token;
            }
          }
  EXPECT_GT(checked, 15000);
}

// Exactly representable weights: the boundary itself belongs to the prefix.
TEST(Sample, boundaries_are_inclusive) {
  Sampling s = plain(1);
  const std::vector<float> equal(64, 1.5f);
  std::vector<bool> seen(64);
  s.top_p = 0.5f;
  for (s.draw = 0; s.draw < 2000; s.draw++) seen[run(equal, s).token] = true;
  for (int id = 0; id < 64; id++) EXPECT_EQ(seen[id], id < 32) << id;
  s = plain(1);
  s.min_p = 1;
  std::vector<float> two = {1, 2, 2, 1};
  for (s.draw = 0; s.draw < 100; s.draw++) EXPECT_EQ(run(two, s).token / 3, 0);
  s.min_p = 5;  // nothing is above the largest: it stays
  for (s.draw = 0; s.draw < 100; s.draw++) EXPECT_TRUE(run(two, s).token == 1 || run(two, s).token == 2);
}

TEST(Sample, large_vocabulary_matches_oracle) {
  SCOPED_TRACE(oracle::seed());
  std::mt19937_64 random(oracle::seed());
  std::normal_distribution<float> normal;
  for (float spread : {0.1f, 2.0f, 6.0f}) {
    const std::vector<float> logits = filled(128256, [&](int) { return spread * normal(random); });
    for (int mode = 0; mode < 6; mode++) {
      Sampling s = plain(mode == 5 ? 0.0f : 0.8f);
      if (mode == 1) s.top_k = 40;
      if (mode == 2) s.top_k = 60000;
      if (mode == 3) s.top_p = 0.9f;
      if (mode == 4) s.min_p = 0.1f;
      if (mode == 5) {
        EXPECT_EQ(run(logits, s).token, oracle::greedy(logits, s));
        continue;
      }
      const oracle::Distribution d = oracle::distribution(logits, s);
      for (s.draw = 0; s.draw < 5; s.draw++) {
        const int token = run(logits, s).token;
        EXPECT_TRUE(oracle::is_draw(d, oracle::uniform(s.seed, s.draw), token, 1e-6))
            << "spread " << spread << ", mode " << mode;
      }
    }
  }
}

// 100000 draws: chi-square within five standard deviations of its mean (a chance of 1e-5 or so, had the seed not been fixed).
TEST(Sample, draws_follow_the_distribution) {
  std::mt19937_64 random(7);
  std::normal_distribution<float> normal;
  const std::vector<float> logits = filled(40, [&](int) { return normal(random); });
  const int32_t listed[] = {3, 17, 3};
  for (int mode = 0; mode < 5; mode++) {
    Sampling s = plain(mode == 4 ? 1.7f : 0.9f);
    if (mode == 1) s.top_k = 11;
    if (mode == 2) s.top_p = 0.85f;
    if (mode == 3) s.min_p = 0.2f;
    if (mode == 4) {
      s.penalty_token = listed;
      s.n_penalty = 3;
      s.repeat_penalty = 1.3f;
    }
    const oracle::Distribution d = oracle::distribution(logits, s);
    std::vector<uint64_t> scratch(static_cast<size_t>(sample_scratch_bytes(40) / 8 + 1));
    std::vector<int> count(40);
    const int n = 100000;
    for (s.draw = 0; s.draw < n; s.draw++) count[sample(isa_supported(), logits.data(), 40, s, scratch.data()).token]++;
    double chi2 = 0, freedom = -1;
    for (int id = 0; id < 40; id++) {
      if (d.p[id] == 0) {
        EXPECT_EQ(count[id], 0) << id;
        continue;
      }
      freedom++;
      chi2 += (count[id] - n * d.p[id]) * (count[id] - n * d.p[id]) / (n * d.p[id]);
    }
    EXPECT_LT(std::fabs(chi2 - freedom), 5 * std::sqrt(2 * freedom)) << "mode " << mode;
  }
}

// Neighbouring draws, and neighbouring seeds, look independent: 8 x 8 pairs of 8 equal tokens, same bound.
TEST(Sample, neighbouring_draws_and_seeds_are_independent) {
  const std::vector<float> logits(8, 0.0f);
  std::vector<uint64_t> scratch(static_cast<size_t>(sample_scratch_bytes(8) / 8 + 1));
  for (bool seeds : {false, true}) {
    std::vector<int> count(64);
    const int n = 64000;
    for (int i = 0; i < n; i++) {
      Sampling s = plain(1);
      s.seed = seeds ? i : 5;
      s.draw = seeds ? 9 : i;
      const int a = sample(isa_supported(), logits.data(), 8, s, scratch.data()).token;
      (seeds ? s.seed : s.draw)++;
      count[8 * a + sample(isa_supported(), logits.data(), 8, s, scratch.data()).token]++;
    }
    double chi2 = 0;
    for (int c : count) chi2 += (c - n / 64.0) * (c - n / 64.0) / (n / 64.0);
    EXPECT_LT(std::fabs(chi2 - 63), 5 * std::sqrt(2 * 63.0)) << (seeds ? "seeds" : "draws");
  }
}

TEST(Sample, a_listed_token_is_penalised_once) {
  const std::vector<float> logits = {2, 1.9f, -1, 0.5f};
  const int32_t listed[] = {0, 0, 0, 2, 0};
  Sampling s = plain(0);
  s.repeat_penalty = 1.05f;
  s.penalty_token = listed;
  s.n_penalty = 5;
  EXPECT_EQ(run(logits, s).token, 0);  // 2 / 1.05 = 1.904; twice would be 1.81
  s.repeat_penalty = 1.06f;
  EXPECT_EQ(run(logits, s).token, 1);
  s.temperature = 1;
  const oracle::Distribution d = oracle::distribution(logits, s);
  for (s.draw = 0; s.draw < 300; s.draw++)
    EXPECT_TRUE(oracle::is_draw(d, oracle::uniform(s.seed, s.draw), run(logits, s).token, 1e-6));
  s.repeat_penalty = 0.01f;  // what would overflow stays the largest
  EXPECT_EQ(run({kHuge / 4, kHuge / 2, -1}, s).token, 0);
  s.temperature = 0;
  s.repeat_penalty = 3;
  EXPECT_EQ(run({-kHuge, -kInf, -kInf}, s).token, 0);  // what would leave no token stays finite
}

TEST(Sample, not_a_distribution_gives_no_token) {
  for (float temperature : {0.0f, 1.0f})
    for (int target : {-1, 0})
      for (float bad : {kNan, -kNan, kInf})
        for (int at : {0, 5, 16, 299}) {
          std::vector<float> logits(300, 0.5f);
          logits[at] = bad;
          Sampling s = plain(temperature);
          s.target = target;
          const Sampled got = run(logits, s);
          EXPECT_EQ(got.token, -1) << bad << " at " << at;
          EXPECT_TRUE(std::isnan(got.logprob));
        }
  EXPECT_EQ(run(std::vector<float>(300, -kInf), plain(0)).token, -1);
  EXPECT_EQ(run(std::vector<float>(300, -kInf), plain(1)).token, -1);
  EXPECT_EQ(run(std::vector<float>(300, kNan), plain(0)).token, -1);
}

TEST(Sample, target_is_taken_with_its_logprob) {
  SCOPED_TRACE(oracle::seed());
  std::mt19937_64 random(oracle::seed());
  for (const Case& c : cases(random))
    for (int i = 0; i < 4; i++) {
      Sampling s = plain(i % 2 ? 0.6f : 0);
      s.top_k = 1;
      s.target = static_cast<int>(random() % c.logits.size());
      EXPECT_EQ(run(c.logits, s).token, s.target) << c.name;
    }
  Sampling s = plain(0);
  s.target = 1;
  EXPECT_EQ(run({0, -kInf}, s).logprob, -kInf);
  s.target = 2;
  EXPECT_EQ(run({0, 1}, s).token, -1);
}

TEST(Sample, is_a_function_of_its_arguments) {
  std::mt19937_64 random(3);
  std::normal_distribution<float> normal;
  const std::vector<float> logits = filled(3000, [&](int) { return normal(random); });
  Sampling s = plain(1);
  s.top_p = 0.95f;
  for (s.draw = 0; s.draw < 20; s.draw++) EXPECT_EQ(run(logits, s).token, run(logits, s).token);
  int same = 0;
  for (s.draw = 0; s.draw < 50; s.draw++) {
    Sampling other = s;
    other.seed++;
    same += run(logits, s).token == run(logits, other).token;
  }
  EXPECT_LT(same, 5);
}

TEST(Sample, extreme_temperatures) {
  std::vector<float> logits = {1, 3, 2, 3};
  for (float tiny : {1e-45f, 1e-38f, 1e-6f})
    for (int i = 0; i < 20; i++) {
      Sampling s = plain(tiny);
      s.draw = i;
      const int token = run(logits, s).token;
      EXPECT_TRUE(token == 1 || token == 3) << tiny;
      s.top_p = 0.4f;
      EXPECT_EQ(run(logits, s).token, 1) << tiny;
    }
  logits.push_back(-kInf);
  std::vector<bool> seen(5);
  for (float large : {1e30f, kInf})
    for (int i = 0; i < 200; i++) {
      Sampling s = plain(large);
      s.draw = i;
      seen[run(logits, s).token] = true;
    }
  EXPECT_EQ(seen, (std::vector<bool>{true, true, true, true, false}));
}

}  // namespace
}  // namespace tern::cpu
