// sample.h against the fp64 oracle and the CPU. What decides a draw is u against the shares of tokens, summed up by id. The
// test undoes the generator, so that it puts u where it likes: just inside both ends of tokens, which a token too many or too
// few among those that filters keep would move.
#include "sample.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "cuda/sample_fixture.h"
#include "sample_bounds.h"

namespace tern::cuda {
namespace {

using oracle::kUnit;
using oracle::weight_error;
using Expected = oracle::ExpectedDraw;

constexpr float kInfinite = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kHuge = std::numeric_limits<float>::max();

cpu::Sampling plain(float temperature) { return {temperature, 0, 1, 0, 1, 1, 0, nullptr, 0, -1}; }
cpu::Sampling sampling(const cases::SampleOptions& o, const std::vector<int32_t>& listed) {
  return {o.temperature, o.top_k, o.top_p,       o.min_p, o.repeat_penalty, 1,
          0,             listed.data(), static_cast<int32_t>(listed.size()), -1};
}

// log of a sum of weights, of arguments with one rounding (T = 1); the result is rounded to a float.
void expect_logprobs(const Batch& b, const Drawn& got, const std::string& name) {
  double worst = 0, worst_bound = 0;
  bool passed = true;
  const std::vector<float>* last = nullptr;
  double error = 0;
  for (size_t i = 0; i < b.rows.size(); i++) {
    ASSERT_GE(got.token[i], 0) << "row " << i;
    ASSERT_LT(got.token[i], b.vocab_size) << "row " << i;
    if (b.logits[i] != last) error = weight_error(*(last = b.logits[i]), 1, 1);
    if (b.vocab_size > 20000 && i > 3) break;  // the oracle takes its time
    const double want = oracle::logprob(*b.logits[i], got.token[i]);
    if (!std::isfinite(static_cast<float>(want))) {
      EXPECT_EQ(got.logprob[i], -kInfinite);
      continue;
    }
    const double bound = error + kUnit * std::fabs(want) + 0x1p-50 * (1 + std::fabs(want));
    const double distance = std::fabs(double(got.logprob[i]) - want);
    EXPECT_LE(distance, bound) << "row " << i << ": " << got.logprob[i] << ", oracle " << want;
    passed = passed && distance <= bound;
    if (!(distance <= worst)) worst = distance, worst_bound = bound;
  }
  Recorder::record("sample", name, worst, worst_bound, passed);
}

using Sample = testing::TestWithParam<cases::SampleCase>;

// Draws in the middle of tokens, and inside both ends by as little as roundings allow; and some as they come.
TEST_P(Sample, TakesTheTokenOfTheOracle) {
  const cases::SampleCase& c = GetParam();
  const uint64_t seed = test_seed(c.seed);
  SCOPED_TRACE("TERN_SEED=" + std::to_string(seed));
  std::mt19937_64 random(seed);
  const std::vector<float> logits = cases::sample_logits(c.shape, c.vocab_size, seed);
  const std::vector<int32_t> listed = cases::listed_tokens(logits, c.options.n_listed, seed);
  cpu::Sampling s = sampling(c.options, listed);
  Batch b(c.vocab_size);
  if (s.temperature == 0) {
    b.add(logits, s);
    const Drawn got = sample(b);
    EXPECT_EQ(got.token[0], oracle::greedy(logits, s));
    expect_logprobs(b, got, c.name);
    in_orders([&] { EXPECT_TRUE(same(sample(b), got)); });
    return;
  }
  const Expected expected(logits, s);
  std::vector<int> kept;
  for (int id = 0; id < c.vocab_size; id++)
    if (expected.d.p[static_cast<size_t>(id)] > 0) kept.push_back(id);
  const auto probe = [&](double u) {
    const double whole = std::floor(std::ldexp(u, 53));
    if (whole < 0 || whole >= 0x1p53) return;
    s.seed = static_cast<int64_t>(random());
    s.draw = oracle::draw_for(s.seed, static_cast<uint64_t>(whole));
    ASSERT_EQ(oracle::uniform(s.seed, s.draw), std::ldexp(whole, -53));
    b.add(logits, s);
  };
  const bool large = c.vocab_size > 20000;
  const int n_tokens = large ? 2 : 10;
  // The first and the last, the least and the most likely, and others.
  std::vector<int> ids = {kept.front(), kept.back()};
  const auto less = [&](int i, int j) { return expected.d.p[static_cast<size_t>(i)] < expected.d.p[static_cast<size_t>(j)]; };
  ids.push_back(*std::min_element(kept.begin(), kept.end(), less));
  ids.push_back(*std::max_element(kept.begin(), kept.end(), less));
  while (static_cast<int>(ids.size()) < n_tokens) ids.push_back(kept[random() % kept.size()]);
  for (const int id : ids) {
    const double p = expected.d.p[static_cast<size_t>(id)], end = expected.upto[static_cast<size_t>(id)];
    if (p > 3 * expected.slack)
      for (const double u : {end - p + 1.01 * expected.slack, end - p / 2, end - 1.01 * expected.slack}) probe(u);
  }
  for (int i = 0; i < (large ? 2 : 6); i++) {
    s.seed = static_cast<int64_t>(random());
    s.draw = static_cast<int64_t>(random() % 1000);
    b.add(logits, s);
  }
  probe(0);
  probe(1 - 0x1p-53);

  const Drawn got = sample(b);
  expect_logprobs(b, got, c.name);
  for (size_t i = 0; i < b.rows.size() && expected.decided(); i++) {
    const double u = oracle::uniform(b.rows[i].seed, b.rows[i].draw);
    if (expected.near_boundary(u)) {
      EXPECT_TRUE(oracle::is_draw(expected.d, u, got.token[i], expected.slack)) << "row " << i << ": " << got.token[i];
    } else {
      EXPECT_EQ(got.token[i], expected.token(u)) << "row " << i << " u " << u << " kept " << kept.size();
    }
  }
  // Again, with few of the rows.
  Batch few(c.vocab_size);
  for (size_t i = 0; i < std::min<size_t>(2, b.rows.size()); i++) few.add(logits, b.rows[i]);
  in_orders([&] {
    const Drawn again = sample(few);
    for (size_t i = 0; i < few.rows.size(); i++) {
      EXPECT_EQ(again.token[i], got.token[i]);
      EXPECT_EQ(std::memcmp(&again.logprob[i], &got.logprob[i], sizeof(float)), 0);
    }
  });
}
INSTANTIATE_TEST_SUITE_P(Cases, Sample, testing::ValuesIn(some_of(cases::sample_cases())),
                         [](const testing::TestParamInfo<cases::SampleCase>& info) { return info.param.name; });

// In few of the cases a filter's decision hangs on roundings, so that the set it keeps is not compared.
TEST(SampleCases, AreDecided) {
  int n = 0, n_undecided = 0;
  for (const cases::SampleCase& c : cases::sample_cases()) {
    if (c.options.temperature == 0) continue;
    const uint64_t seed = test_seed(c.seed);
    const std::vector<float> logits = cases::sample_logits(c.shape, c.vocab_size, seed);
    const std::vector<int32_t> listed = cases::listed_tokens(logits, c.options.n_listed, seed);
    n++;
    n_undecided += !Expected(logits, sampling(c.options, listed)).decided();
  }
  RecordProperty("undecided", n_undecided);
  EXPECT_GT(n, 250);
  EXPECT_LE(n_undecided, n / 20);
}

// Thousands of draws by both backends, each row with options of its own. The CPU's weights are no further from the exact ones
// than those here: 1.2e-7 = 2 kUnit and three roundings of the argument. So tokens may differ only where u is within twice the
// slack of the end of a token.
TEST(SampleStreams, AgreeWithTheCpu) {
  const uint64_t seed = test_seed(77);
  SCOPED_TRACE("TERN_SEED=" + std::to_string(seed));
  std::mt19937_64 random(seed);
  const std::vector<cases::SampleOptions> options = cases::sample_options();
  int n = 0, n_different = 0;
  for (const auto& [vocab_size, per_option] : std::vector<std::pair<int, int>>{
           {1, 4}, {2, 40}, {31, 60}, {257, 60}, {4096, 30}, {32003, 3}, {128256, 1}}) {
    const std::vector<float> logits = cases::sample_logits(cases::LogitShape::normal, vocab_size, random());
    Batch b(vocab_size);
    std::vector<std::vector<int32_t>> listed;
    for (const cases::SampleOptions& o : options) listed.push_back(cases::listed_tokens(logits, o.n_listed, random()));
    for (int i = 0; i < per_option; i++)
      for (size_t o = 0; o < options.size(); o++) {
        cpu::Sampling s = sampling(options[o], listed[o]);
        s.seed = static_cast<int64_t>(seed + o);
        s.draw = i;
        b.add(logits, s);
      }
    const Drawn got = sample(b);
    std::vector<uint64_t> scratch(static_cast<size_t>(cpu::sample_scratch_bytes(vocab_size) / 8 + 1));
    for (size_t i = 0; i < b.rows.size(); i++) {
      const cpu::Sampling& s = b.rows[i];
      const cpu::Sampled want = cpu::sample(cpu::Isa::scalar, logits.data(), vocab_size, s, scratch.data());
      n++;
      if (got.token[i] == want.token) {
        // Both are within 2e-6 and a rounding to float of the exact one.
        EXPECT_NEAR(got.logprob[i], want.logprob, 4e-6 + 2 * kUnit * std::fabs(want.logprob));
        continue;
      }
      n_different++;
      ASSERT_GT(s.temperature, 0) << "greedy";
      Expected expected(logits, s);
      expected.slack *= 2;
      EXPECT_TRUE(!expected.decided() || expected.near_boundary(oracle::uniform(s.seed, s.draw)))
          << "vocabulary " << vocab_size << " row " << i << ": " << got.token[i] << ", CPU " << want.token;
    }
  }
  EXPECT_GT(n, 2500);
  EXPECT_LE(n_different, n / 500);
}

// Chi-square of 20,000 draws within five standard deviations of its mean: a chance of 1e-5 or so, had the seeds not been fixed.
TEST(SampleStreams, FollowTheDistribution) {
  const int n = 20000;
  const std::vector<float> logits = cases::sample_logits(cases::LogitShape::flat, 40, 7), spread = [&] {
    std::vector<float> x = logits;
    for (float& l : x) l *= 100;
    return x;
  }();
  const std::vector<int32_t> listed = {3, 17, 3}, none;
  const std::vector<cases::SampleOptions> modes = {
      {"plain", 0.9f}, {"top_k_min_p", 0.9f, 11, 1, 0.1f}, {"top_p_penalty", 1.7f, 0, 0.85f, 0, 1.3f, 3}};
  for (const cases::SampleOptions& o : modes) {
    cpu::Sampling s = sampling(o, o.n_listed ? listed : none);
    const oracle::Distribution d = oracle::distribution(spread, s);
    Batch b(40);
    for (int i = 0; i < n; i++) {
      s.draw = i;
      b.add(spread, s);
    }
    std::vector<int> count(40);
    for (const int32_t token : sample(b).token) {
      ASSERT_TRUE(token >= 0 && token < 40);
      count[static_cast<size_t>(token)]++;
    }
    double chi2 = 0, freedom = -1;
    for (size_t id = 0; id < 40; id++) {
      if (d.p[id] == 0) {
        EXPECT_EQ(count[id], 0) << o.name << " token " << id;
        continue;
      }
      freedom++;
      chi2 += (count[id] - n * d.p[id]) * (count[id] - n * d.p[id]) / (n * d.p[id]);
    }
    EXPECT_LT(std::fabs(chi2 - freedom), 5 * std::sqrt(2 * freedom)) << o.name;
  }
}

// Weights of exactly 1: the token that reaches p belongs to the prefix, min_p 1 keeps all of the largest.
TEST(SampleFilters, IncludeTheirBoundary) {
  const std::vector<float> equal(64, 1.5f);
  cpu::Sampling s = plain(1);
  s.top_p = 0.5f;
  Batch b(64);
  for (s.draw = 0; s.draw < 500; s.draw++) b.add(equal, s);
  std::vector<bool> seen(64);
  for (const int32_t token : sample(b).token) seen[static_cast<size_t>(token)] = true;
  for (int id = 0; id < 64; id++) EXPECT_EQ(seen[static_cast<size_t>(id)], id < 32) << id;

  const std::vector<float> many(5000, -2.f);  // more than are ranked at once
  s.top_k = 4000;
  Batch c(5000);
  for (const uint64_t u : {uint64_t{0}, uint64_t{1} << 52, (uint64_t{1} << 53) - 1}) {
    s.draw = oracle::draw_for(s.seed, u);
    c.add(many, s);
  }
  EXPECT_EQ(sample(c).token, (std::vector<int32_t>{0, 1000, 1999}));

  const std::vector<float> two = {1, 2, 2, 1};
  for (const float min_p : {1.f, 5.f}) {
    s = plain(1);
    s.min_p = min_p;
    Batch d(4);
    for (s.draw = 0; s.draw < 60; s.draw++) d.add(two, s);
    for (const int32_t token : sample(d).token) EXPECT_TRUE(token == 1 || token == 2) << min_p;
  }
}

TEST(SamplePenalty, IsAppliedOnce) {
  const std::vector<float> logits = {2, 1.9f, -1, 0.5f};
  const std::vector<int32_t> listed = {0, 0, 0, 2, 0};
  cpu::Sampling s = plain(0);
  s.penalty_token = listed.data();
  s.n_penalty = 5;
  Batch b(4);
  for (const float r : {1.05f, 1.06f}) {  // 2 / 1.05 = 1.904; twice would be 1.81
    s.repeat_penalty = r;
    b.add(logits, s);
  }
  EXPECT_EQ(sample(b).token, (std::vector<int32_t>{0, 1}));

  const std::vector<float> overflows = {kHuge / 4, kHuge / 2, -1}, lowest = {-kHuge, -kInfinite, -kInfinite};
  Batch c(3);
  for (const float t : {0.f, 1.f}) {
    s.temperature = t;
    s.repeat_penalty = 0.01f;
    c.add(overflows, s);
    s.repeat_penalty = 3;
    c.add(lowest, s);  // what would leave no token stays finite
  }
  EXPECT_EQ(sample(c).token, (std::vector<int32_t>{0, 0, 0, 0}));
}

TEST(SampleFailures, GiveNoToken) {
  std::vector<std::vector<float>> bad;
  for (const float x : {kNan, -kNan, kInfinite})
    for (const size_t at : {0, 5, 256, 299}) {
      bad.emplace_back(300, 0.5f);
      bad.back()[at] = x;
    }
  bad.emplace_back(300, -kInfinite);
  bad.emplace_back(300, kNan);
  bad.emplace_back(300, kInfinite);
  const std::vector<float> good(300, 0.25f);
  const int32_t listed[] = {1, 5, 256};
  Batch b(300);
  for (const auto& row : bad)
    for (const float t : {0.f, 1.f})
      for (const int target : {-1, 0}) {
        cpu::Sampling s = plain(t);
        s.target = target;
        s.top_p = 0.5f;
        s.repeat_penalty = 1.2f;
        s.penalty_token = listed;
        s.n_penalty = 3;
        b.add(row, s);
        b.add(good, s);  // neighbours are not harmed
      }
  const Drawn got = sample(b);
  for (size_t i = 0; i < b.rows.size(); i += 2) {
    EXPECT_EQ(got.token[i], -1) << i;
    EXPECT_TRUE(std::isnan(got.logprob[i])) << i;
    EXPECT_GE(got.token[i + 1], 0) << i;
    EXPECT_NEAR(got.logprob[i + 1], -std::log(300.0), 2e-6) << i;
  }
}

TEST(SampleTarget, IsTakenWithItsLogprob) {
  std::mt19937_64 random(test_seed(5));
  const int32_t listed[] = {0, 3};
  for (int shape = 0; shape <= static_cast<int>(cases::LogitShape::bf16); shape++) {
    const int n = 700 + shape;
    const std::vector<float> logits = cases::sample_logits(static_cast<cases::LogitShape>(shape), n, random());
    Batch b(n);
    for (int i = 0; i < 4; i++) {
      cpu::Sampling s = plain(i % 2 ? 0.6f : 0);
      s.top_k = 1;
      s.repeat_penalty = 2;
      s.penalty_token = listed;
      s.n_penalty = 2;
      s.target = static_cast<int>(random() % static_cast<uint64_t>(n));
      b.add(logits, s);
    }
    const Drawn got = sample(b);
    for (size_t i = 0; i < 4; i++) EXPECT_EQ(got.token[i], b.rows[i].target);
    expect_logprobs(b, got, std::string("target_") + cases::shape_name(static_cast<cases::LogitShape>(shape)));
  }
  const std::vector<float> two = {0, -kInfinite};
  Batch b(2);
  cpu::Sampling s = plain(0);
  for (s.target = 1; s.target < 3; s.target++) b.add(two, s);
  const Drawn got = sample(b);
  EXPECT_EQ(got.token, (std::vector<int32_t>{1, -1}));
  EXPECT_EQ(got.logprob[0], -kInfinite);
  EXPECT_TRUE(std::isnan(got.logprob[1]));
}

TEST(SampleTemperature, MayBeTinyOrHuge) {
  const std::vector<float> logits = {1, 3, 2, 3, -kInfinite};
  Batch tiny(5), huge(5);
  for (const float t : {1e-45f, 1e-38f, 1e-6f})
    for (int i = 0; i < 20; i++) {
      cpu::Sampling s = plain(t);
      s.draw = i;
      tiny.add(logits, s);
      s.top_p = 0.4f;
      tiny.add(logits, s);
    }
  const std::vector<int32_t> got = sample(tiny).token;
  for (size_t i = 0; i < got.size(); i += 2) {
    EXPECT_TRUE(got[i] == 1 || got[i] == 3) << i;
    EXPECT_EQ(got[i + 1], 1) << i;
  }
  for (const float t : {1e30f, kHuge, kInfinite})
    for (int i = 0; i < 100; i++) {
      cpu::Sampling s = plain(t);
      s.draw = i;
      s.min_p = i % 2 ? 0.9f : 0;
      s.top_p = i % 3 ? 1 : 0.999f;
      huge.add(logits, s);
    }
  std::vector<bool> seen(5);
  for (const int32_t token : sample(huge).token) seen[static_cast<size_t>(token)] = true;
  EXPECT_EQ(seen, (std::vector<bool>{true, true, true, true, false}));
}

// Loads of 16 bytes or 4, one row or many: the same bits.
TEST(SampleLaunch, DoesNotDependOnAddressOrBatch) {
  std::mt19937_64 random(test_seed(11));
  const std::vector<float> logits = cases::sample_logits(cases::LogitShape::normal, 2308, random());
  const std::vector<int32_t> listed = cases::listed_tokens(logits, 100, random());
  Batch b(2308);
  for (const cases::SampleOptions& o : cases::sample_options())
    for (int i = 0; i < 3; i++) {
      cpu::Sampling s = sampling(o, listed);
      s.draw = i;
      b.add(logits, s);
    }
  const Drawn got = sample(b);
  for (const int offset : {1, 2}) EXPECT_TRUE(same(sample(b, offset), got)) << offset;
  for (size_t i = 0; i < b.rows.size(); i += 5) {
    Batch one(2308);
    one.add(logits, b.rows[i]);
    const Drawn alone = sample(one);
    EXPECT_EQ(alone.token[0], got.token[i]);
    EXPECT_EQ(alone.logprob[0], got.logprob[i]);
  }
}

// One graph serves whatever the options say when it is launched.
TEST(SampleLaunch, CapturedOnceServesAllOptions) {
  const std::vector<float> logits = cases::sample_logits(cases::LogitShape::normal, 1500, test_seed(12));
  const std::vector<int32_t> listed = cases::listed_tokens(logits, 30, test_seed(12));
  Batch first(1500);
  for (int i = 0; i < 3; i++) first.add(logits, plain(0));
  OnDevice on(first);
  DeviceArray<int32_t> all_listed(90);
  on.args.penalty_token = all_listed.data();
  cudaGraph_t graph;
  cudaGraphExec_t exec;
  check(cudaStreamBeginCapture(stream(), cudaStreamCaptureModeThreadLocal), "cudaStreamBeginCapture");
  launch_sample(on.args, device_info(), stream());
  check(cudaStreamEndCapture(stream(), &graph), "cudaStreamEndCapture");
  check(cudaGraphInstantiate(&exec, graph, 0), "cudaGraphInstantiate");
  for (const cases::SampleOptions& o : cases::sample_options()) {
    Batch b(1500);
    for (int i = 0; i < 3; i++) {
      cpu::Sampling s = sampling(o, listed);
      s.draw = i;
      s.target = i == 2 ? 7 : -1;
      b.add(logits, s);
    }
    const Drawn want = sample(b);
    OnDevice other(b);
    on.target.upload(other.target.download());
    on.temperature.upload(other.temperature.download());
    on.top_k.upload(other.top_k.download());
    on.top_p.upload(other.top_p.download());
    on.min_p.upload(other.min_p.download());
    on.repeat_penalty.upload(other.repeat_penalty.download());
    on.seed.upload(other.seed.download());
    on.draw.upload(other.draw.download());
    on.begin.upload(other.begin.download());
    std::vector<int32_t> ids = other.listed.download();
    ids.resize(90);
    all_listed.upload(ids);
    check(cudaGraphLaunch(exec, stream()), "cudaGraphLaunch");
    EXPECT_TRUE(same(on.results(), want)) << o.name;
  }
  cudaGraphExecDestroy(exec);
  cudaGraphDestroy(graph);
}

TEST(SampleLaunch, OfNothingDoesNothing) {
  SampleArgs args{};
  args.vocab_size = 5;
  launch_sample(args, device_info(), stream());
  synchronize();
  EXPECT_EQ(sample_scratch_bytes(5, 0), 0);
}

}  // namespace
}  // namespace tern::cuda
