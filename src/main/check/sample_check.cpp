// Draws from logits, in the middle of tokens and inside both ends of them by as little as roundings allow.
#include "cases/sample_cases.h"
#include "checks.h"
#include "oracle/sample_bounds.h"

namespace tern::check {
namespace {

using cases::SampleCase;
using oracle::ExpectedDraw;
using oracle::kUnit;

struct Draws {
  std::vector<int64_t> seed, draw;
  std::vector<int32_t> token;
  std::vector<float> logprob;

  void add(int64_t s, int64_t d) {
    seed.push_back(s);
    draw.push_back(d);
  }
  // A draw for which the generator gives u, or as near to it as it can.
  void add_at(double u, std::mt19937_64& random) {
    const double whole = std::floor(std::ldexp(u, 53));
    if (!(whole >= 0 && whole < 0x1p53)) return;
    const int64_t s = static_cast<int64_t>(random());
    add(s, oracle::draw_for(s, static_cast<uint64_t>(whole)));
  }
};

void run(Backend& backend, const std::vector<float>& logits, const cpu::Sampling& s, Draws& d) {
  const size_t n = d.seed.size();
  const auto all = [&](auto value) { return std::vector<decltype(value)>(n, value); };
  std::vector<float> rows;
  std::vector<int32_t> begin = {0}, listed;
  for (size_t i = 0; i < n; i++) {
    rows.insert(rows.end(), logits.begin(), logits.end());
    listed.insert(listed.end(), s.penalty_token, s.penalty_token + s.n_penalty);
    begin.push_back(static_cast<int32_t>(listed.size()));
  }
  listed.push_back(0);  // never read; an array is not empty
  const Array<float> x(backend, rows), temperature(backend, all(s.temperature)), top_p(backend, all(s.top_p)), min_p(backend, all(s.min_p)),
      penalty(backend, all(s.repeat_penalty)), logprob(backend, all(NAN * 1.f));
  const Array<int32_t> target(backend, all(int32_t(-1))), top_k(backend, all(s.top_k)), penalty_begin(backend, begin),
      penalty_token(backend, listed), token(backend, all(int32_t(-7)));
  const Array<int64_t> seed(backend, d.seed), draw(backend, d.draw);
  tern_batch batch = {};
  batch.n_outputs = static_cast<int32_t>(n);
  batch.target = target, batch.temperature = temperature, batch.top_k = top_k, batch.top_p = top_p, batch.min_p = min_p;
  batch.repeat_penalty = penalty, batch.seed = seed, batch.draw = draw;
  batch.penalty_begin = penalty_begin, batch.penalty_token = penalty_token;
  batch.out_token = token, batch.out_logprob = logprob;
  const int vocab_size = static_cast<int>(logits.size());
  const Array<uint8_t> scratch(backend, static_cast<size_t>(backend.sample_scratch_bytes(vocab_size, batch.n_outputs)));
  backend.sample(x, vocab_size, batch, scratch.span());
  d.token = token.download();
  d.logprob = logprob.download();
}

Draws draws_of(const SampleCase& c, const ExpectedDraw& expected, std::mt19937_64& random) {
  Draws d;
  std::vector<int> kept;
  for (int id = 0; id < c.vocab_size; id++)
    if (expected.d.p[static_cast<size_t>(id)] > 0) kept.push_back(id);
  const auto less = [&](int i, int j) { return expected.d.p[static_cast<size_t>(i)] < expected.d.p[static_cast<size_t>(j)]; };
  std::vector<int> ids = {kept.front(), kept.back(), *std::min_element(kept.begin(), kept.end(), less),
                          *std::max_element(kept.begin(), kept.end(), less)};
  const bool large = c.vocab_size > 20000;
  while (!large && ids.size() < 10) ids.push_back(kept[random() % kept.size()]);
  for (const int id : ids) {
    const double p = expected.d.p[static_cast<size_t>(id)], end = expected.upto[static_cast<size_t>(id)];
    if (p > 3 * expected.slack)
      for (const double u : {end - p + 1.01 * expected.slack, end - p / 2, end - 1.01 * expected.slack}) d.add_at(u, random);
  }
  for (int i = 0; i < (large ? 2 : 6); i++) d.add(static_cast<int64_t>(random()), static_cast<int64_t>(random() % 1000));
  d.add_at(0, random);
  d.add_at(1 - 0x1p-53, random);
  return d;
}

// The oracle of log-probabilities takes its time over large vocabularies: a few of them.
void compare_logprobs(const std::vector<float>& logits, const Draws& d, Compare& result) {
  const double error = oracle::weight_error(logits, 1, 1);
  const size_t n = logits.size() > 20000 ? 4 : d.token.size();
  for (size_t i = 0; i < std::min(n, d.token.size()); i++) {
    if (d.token[i] < 0 || d.token[i] >= static_cast<int>(logits.size())) {
      result.fail_at("token of draw", i, d.token[i], 0);
      continue;
    }
    const double want = oracle::logprob(logits, d.token[i]);
    if (!std::isfinite(static_cast<float>(want)))
      result.equal("log-probability of draw", i, double(d.logprob[i]), -INFINITY * 1.0);
    else
      result.within("log-probability of draw", i, d.logprob[i], want, error + kUnit * std::fabs(want) + 2e-6 + 0x1p-50 * (1 + std::fabs(want)));
  }
}

CheckResult check(Backend& backend, const SampleCase& c) {
  std::mt19937_64 random(c.seed);
  const std::vector<float> logits = cases::sample_logits(c.shape, c.vocab_size, c.seed);
  const std::vector<int32_t> listed = cases::listed_tokens(logits, c.options.n_listed, c.seed);
  const cases::SampleOptions& o = c.options;
  const cpu::Sampling s = {o.temperature, o.top_k, o.top_p,       o.min_p, o.repeat_penalty, 1,
                           0,             listed.data(), static_cast<int32_t>(listed.size()), -1};
  Compare result;
  if (o.temperature == 0) {
    Draws d;
    d.add(1, 0);
    run(backend, logits, s, d);
    result.equal("token of draw", 0, d.token[0], oracle::greedy(logits, s));
    compare_logprobs(logits, d, result);
    return result.result();
  }
  const ExpectedDraw expected(logits, s);
  Draws d = draws_of(c, expected, random);
  run(backend, logits, s, d);
  compare_logprobs(logits, d, result);
  // Where a filter's decision hangs on roundings, either set of tokens is right.
  for (size_t i = 0; i < d.token.size() && expected.decided(); i++) {
    const double u = oracle::uniform(d.seed[i], d.draw[i]);
    if (!expected.near_boundary(u))
      result.equal("token of draw", i, d.token[i], expected.token(u));
    else if (oracle::is_draw(expected.d, u, d.token[i], expected.slack))
      result.count(1);
    else
      result.fail_at("token of draw", i, d.token[i], expected.token(u));
  }
  return result.result();
}

}  // namespace

void add_sample(std::vector<Case>& all) {
  for (const SampleCase& c : cases::sample_cases())
    all.push_back({"sampling", c.name, [c](Backend& backend) { return check(backend, c); }});
}

}  // namespace tern::check
