// Gating, norm and quantisation; and rows looked up, which are exact.
#include "cases/activations_cases.h"
#include "checks.h"
#include "oracle/activations_oracle.h"
#include "oracle/dense_oracle.h"
#include "oracle/norm_oracle.h"

namespace tern::check {
namespace {

using cases::ActivationsCase;
using cases::EmbedCase;

oracle::ActivationsInput input_of(const ActivationsCase& c) {
  std::mt19937_64 random(c.seed);
  const size_t n = size_t(c.n_rows) * size_t(c.dim);
  oracle::ActivationsInput in{c.gate, c.n_rows, c.dim, normal(random, n, c.sigma), {}, {}};
  if (c.gate != cases::kNoGate) in.up = normal(random, n);
  if (c.norm) in.norm = normal(random, size_t(c.dim));
  return in;
}

void compare_f32(const oracle::ActivationsInput& in, const std::vector<float>& out, Compare& result) {
  for (int row = 0; row < in.n_rows; row++) {
    const oracle::Bounded want = oracle::row64(in, row);
    for (size_t j = 0; j < want.z.size(); j++) {
      const size_t at = size_t(row) * want.z.size() + j;
      result.within("element", at, out[at], want.z[j], want.bound[j]);
    }
  }
}

// Of the floats that the same call gave, the formula is exact; it has one rounding a step.
void compare_int8(const std::vector<float>& z, int n_rows, int dim, int stride, const std::vector<int8_t>& q, const std::vector<float>& scale,
                  const std::vector<int32_t>& sum, Compare& result) {
  for (int row = 0; row < n_rows; row++) {
    const oracle::Quantized want = oracle::quantize(&z[size_t(row) * size_t(dim)], dim);
    for (int j = 0; j < stride; j++)
      result.equal<int>("int8 element", size_t(row) * size_t(stride) + size_t(j), q[size_t(row) * size_t(stride) + size_t(j)],
                        j < dim ? want.q[size_t(j)] : 0);
    result.equal("scale of row", size_t(row), scale[size_t(row)], want.scale);
    result.equal("sum of row", size_t(row), sum[size_t(row)], want.sum);
  }
}

CheckResult run(Backend& backend, const ActivationsCase& c) {
  const oracle::ActivationsInput in = input_of(c);
  const size_t n = in.x.size(), rows = size_t(c.n_rows), padded = size_t(c.dim + 127) / 128 * 128;
  const Array<float> x(backend, in.x), up(backend, in.up), norm(backend, in.norm), out(backend, n), scale(backend, rows);
  const Array<int8_t> q(backend, rows * padded);
  const Array<int32_t> sum(backend, rows);
  ActivationsSource source = {x};
  if (c.gate != cases::kNoGate) source.up = up, source.gate = c.gate;
  if (c.norm) source.norm = norm;
  source.eps = in.eps;
  // The floats are asked for as well: what is quantised can then be compared exactly.
  const Activations a = backend.activations(source, c.n_rows, c.dim, true, c.int8, {out, q, scale, sum});
  std::vector<float> z(n);
  backend.download(z.data(), a.f32, static_cast<int64_t>(n * sizeof(float)));
  Compare result;
  compare_f32(in, z, result);
  if (c.int8) {
    std::vector<int8_t> got(rows * size_t(a.int8_stride));
    backend.download(got.data(), a.int8, static_cast<int64_t>(got.size()));
    compare_int8(z, c.n_rows, c.dim, a.int8_stride, got, scale.download(), sum.download(), result);
  }
  return result.result();
}

CheckResult run_embed(Backend& backend, const EmbedCase& c) {
  std::mt19937_64 random(c.seed);
  const std::vector<uint8_t> rows = oracle::random_rows(c.type, c.n_table, c.n_cols, random);
  const std::unique_ptr<Weight> table = backend.create_weight(c.type, TERN_STORE_DENSE, c.n_table, c.n_cols, 1, false);
  table->append_rows(c.n_table, rows.data(), static_cast<int64_t>(rows.size()));
  std::vector<int32_t> ids(static_cast<size_t>(c.n_ids));
  for (int32_t& id : ids) id = static_cast<int32_t>(random() % static_cast<uint64_t>(c.n_table));
  const Array<int32_t> wanted(backend, ids);
  const Array<float> out(backend, std::vector<float>(ids.size() * size_t(c.n_cols), NAN));
  backend.embed(*table, wanted, c.n_ids, out);
  const std::vector<float> got = out.download();
  Compare result;
  for (size_t i = 0; i < ids.size(); i++)
    for (int col = 0; col < c.n_cols; col++) {
      const size_t at = i * size_t(c.n_cols) + size_t(col);
      result.equal("element", at, double(got[at]), oracle::element(c.type, rows.data(), c.n_cols, ids[i], col));
    }
  return result.result();
}

}  // namespace

void add_activations(std::vector<Case>& all) {
  for (const ActivationsCase& c : cases::activations_cases())
    all.push_back({"norm, gate, quantisation", c.name, [c](Backend& backend) { return run(backend, c); }});
}

void add_embed(std::vector<Case>& all) {
  for (const EmbedCase& c : cases::embed_cases())
    all.push_back({"rows looked up", c.name, [c](Backend& backend) { return run_embed(backend, c); }});
}

}  // namespace tern::check
