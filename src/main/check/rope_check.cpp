// Angles of positions up to 2^40, and rotation by them.
#include "cases/rope_cases.h"
#include "checks.h"
#include "oracle/activations_oracle.h"
#include "oracle/rope_oracle.h"

namespace tern::check {
namespace {

using oracle::kUnit;

// A float in [-1, 1] is rounded by at most 2^-25. Before: series are cut at 2^-44, sincos is within 2 units of the last place, each 2^-53,
// and four operations on numbers up to 1 add half as much each.
constexpr double kTableBound = 0x1p-25 + 0x1p-44 + 4 * 0x1p-53;

CheckResult run_table(Backend& backend, const cases::RopeTableCase& c) {
  const std::vector<int64_t> pos = cases::table_positions(c);
  const std::vector<double> inv_freq = cases::inverse_frequencies(c.base, c.rope_dim);
  const Array<int64_t> positions(backend, pos);
  const Array<double> frequencies(backend, inv_freq);
  const Array<float> table(backend, pos.size() * size_t(c.rope_dim));
  backend.rope_table(positions, c.n_rows, frequencies, c.rope_dim, table);
  const std::vector<float> got = table.download();
  const size_t half = inv_freq.size();
  Compare result;
  for (size_t i = 0; i < pos.size(); i++)
    for (size_t j = 0; j < half; j++) {
      const auto want = oracle::cos_sin(pos[i], inv_freq[j]);
      result.within("cos", i * half + j, got[2 * i * half + j], double(want.first), kTableBound);
      result.within("sin", i * half + j, got[(2 * i + 1) * half + j], double(want.second), kTableBound);
    }
  return result.result();
}

// Each of two products errs by the table's bound and a rounding, their sum by another.
CheckResult run(Backend& backend, const cases::RopeCase& c) {
  std::mt19937_64 random(c.seed);
  const size_t dim = size_t(c.n_heads) * c.head_dim, half = size_t(c.rope_dim / 2);
  std::vector<int64_t> pos(static_cast<size_t>(c.n_rows));
  for (size_t i = 0; i < pos.size(); i++) pos[i] = static_cast<int64_t>(i) * 12345 + 7;
  const std::vector<double> inv_freq = cases::inverse_frequencies(10000, c.rope_dim);
  const std::vector<float> x = normal(random, pos.size() * dim);
  const Array<int64_t> positions(backend, pos);
  const Array<double> frequencies(backend, inv_freq);
  const Array<float> table(backend, pos.size() * size_t(c.rope_dim)), from(backend, x), to(backend, std::vector<float>(x.size(), NAN));
  backend.rope_table(positions, c.n_rows, frequencies, c.rope_dim, table);
  backend.rope(from, table, c.style, c.n_rows, c.n_heads, c.head_dim, c.rope_dim, to);
  const std::vector<float> out = to.download();
  Compare result;
  for (size_t i = 0; i < x.size(); i++) {
    const size_t d = i % size_t(c.head_dim);
    if (d >= size_t(c.rope_dim)) {
      result.equal("element", i, out[i], x[i]);
      continue;
    }
    const bool halves = c.style == TERN_ROPE_HALVES, second = halves ? d >= half : d % 2;
    const size_t j = halves ? d % half : d / 2, other = halves ? (second ? i - half : i + half) : i - d + (d ^ 1);
    const auto [cos, sin] = oracle::cos_sin(pos[i / dim], inv_freq[j]);
    const double kept = double(x[i]) * double(cos), turned = (second ? 1 : -1) * double(x[other]) * double(sin), want = kept + turned;
    const double bound = (kTableBound * (std::fabs(x[i]) + std::fabs(x[other])) + kUnit * (std::fabs(kept) + std::fabs(turned) + std::fabs(want))) * 1.01;
    result.within("element", i, out[i], want, bound + 0x1p-147);
  }
  return result.result();
}

}  // namespace

void add_rope(std::vector<Case>& all) {
  for (const cases::RopeTableCase& c : cases::rope_table_cases())
    all.push_back({"rotary positions", "table " + c.name, [c](Backend& backend) { return run_table(backend, c); }});
  for (const cases::RopeCase& c : cases::rope_cases())
    all.push_back({"rotary positions", c.name, [c](Backend& backend) { return run(backend, c); }});
}

}  // namespace tern::check
