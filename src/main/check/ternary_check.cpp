// Products of ternary weights: exact int32 sums of every kernel, and floats equal to the formula bit for bit.
#include "cases/ternary_cases.h"
#include "checks.h"
#include "oracle/norm_oracle.h"
#include "oracle/ternary_oracle.h"

namespace tern::check {
namespace {

using cases::TernaryCase;
using cases::TernaryFill;

constexpr size_t kMostAtOnce = 3;  // what model/forward.cpp multiplies at once

// Of both backends; one that a device lacks is not checked there. A test holds this list to what the backends describe.
constexpr const char* kKernels[] = {"scalar",      "avx2_madd",     "avx2_lookup", "avx512_madd", "avx512_madd3", "avx512_vnni", "avx512_vnni3",
                                    "avx512_vbmi3", "avx512_lookup", "dp4a", "lookup", "mma", "gemm", "gemm_sm90"};

std::vector<int8_t> weights_of(const TernaryCase& c, int n_rows, std::mt19937_64& random) {
  std::vector<int8_t> w(size_t(n_rows) * c.n_cols);
  for (size_t i = 0; i < w.size(); i++)
    w[i] = static_cast<int8_t>(c.fill == TernaryFill::all_minus     ? -1
                               : c.fill == TernaryFill::all_plus    ? 1
                               : c.fill == TernaryFill::alternating ? (i % c.n_cols % 2 ? 1 : -1)
                                                                    : static_cast<int>(random() % 3) - 1);
  return w;
}

CheckResult run_kernel(Backend& backend, const TernaryCase& c, const char* kernel) {
  std::mt19937_64 random(c.seed);
  std::vector<int8_t> q(size_t(c.n_act_rows) * c.n_cols);
  for (size_t i = 0; i < q.size(); i++)
    q[i] = static_cast<int8_t>(c.fill == TernaryFill::random             ? static_cast<int>(random() % 256) - 128
                               : c.fill == TernaryFill::zero_activations ? 0
                               : c.fill == TernaryFill::alternating      ? (i % c.n_cols % 2 ? 127 : -128)
                                                                         : -128);
  Compare result;
  for (int n_rows : c.n_rows) {
    const std::vector<int8_t> w = weights_of(c, n_rows, random);
    std::vector<int32_t> out(size_t(n_rows) * c.n_act_rows, -7);
    try {
      backend.ternary_int32(kernel, w.data(), n_rows, c.n_cols, q.data(), c.n_act_rows, out.data());
    } catch (const Error& e) {
      if (e.status() != TERN_ERR_UNSUPPORTED && e.status() != TERN_ERR_INVALID_ARGUMENT) throw;
      return not_here(e.what());
    }
    const std::vector<int64_t> want = oracle::ternary_product(w, n_rows, c.n_cols, q.data(), c.n_cols, c.n_act_rows);
    for (size_t i = 0; i < want.size(); i++) result.equal<int64_t>("sum", i, out[i], want[i]);
  }
  return result.result();
}

struct Product {
  int n_rows;
  std::vector<int8_t> w;
  float scale;
  std::unique_ptr<Weight> weight;
  std::vector<float> before;
};

Product product_of(Backend& backend, const TernaryCase& c, int n_rows, std::mt19937_64& random) {
  Product p = {n_rows, weights_of(c, n_rows, random), std::ldexp(1.f, -static_cast<int>(random() % 8)), nullptr, {}};
  std::vector<float> rows(p.w.size());
  for (size_t i = 0; i < rows.size(); i++) rows[i] = p.w[i];
  p.weight = backend.create_weight(TERN_TYPE_F32, TERN_STORE_TERNARY, n_rows, c.n_cols, p.scale, false);
  p.weight->append_rows(n_rows, rows.data(), static_cast<int64_t>(rows.size() * sizeof(float)));
  p.before = c.accumulate ? normal(random, size_t(n_rows) * c.n_act_rows) : std::vector<float>(size_t(n_rows) * c.n_act_rows, NAN);
  return p;
}

// As a step does it: activations quantised, products of several weights at once by the kernel that the plan picks.
CheckResult run_step(Backend& backend, const TernaryCase& c) {
  std::mt19937_64 random(c.seed);
  const std::vector<float> x = normal(random, size_t(c.n_act_rows) * c.n_cols, c.fill == TernaryFill::zero_activations ? 0 : 1);
  std::vector<Product> products;
  int64_t scratch_bytes = 0;
  for (int n_rows : c.n_rows) {
    products.push_back(product_of(backend, c, n_rows, random));
    scratch_bytes = std::max(scratch_bytes, backend.matmul_scratch_bytes(*products.back().weight, c.n_act_rows));
  }
  const size_t padded = size_t(c.n_cols + 127) / 128 * 128;
  const Array<float> from(backend, x), scale(backend, size_t(c.n_act_rows));
  const Array<int8_t> int8(backend, padded * c.n_act_rows);
  const Array<int32_t> sum(backend, size_t(c.n_act_rows));
  const Array<uint8_t> scratch(backend, static_cast<size_t>(scratch_bytes));
  std::vector<Array<float>> out;
  for (const Product& p : products) out.emplace_back(backend, p.before);
  const Activations a = backend.activations({from}, c.n_act_rows, c.n_cols, false, true, {nullptr, int8, scale, sum});
  for (size_t first = 0; first < products.size(); first += kMostAtOnce) {
    Projection part[kMostAtOnce];
    const size_t n = std::min(kMostAtOnce, products.size() - first);
    for (size_t i = 0; i < n; i++) part[i] = {products[first + i].weight.get(), out[first + i], c.accumulate};
    backend.matmul(part, static_cast<int>(n), a, c.n_act_rows, scratch.span());
  }
  Compare result;
  for (size_t i = 0; i < products.size(); i++) {
    const Product& p = products[i];
    const std::vector<float> got = out[i].download();
    for (int r = 0; r < c.n_act_rows; r++) {
      const oracle::Quantized quantized = oracle::quantize(&x[size_t(r) * c.n_cols], c.n_cols);
      const std::vector<int8_t> q(quantized.q.begin(), quantized.q.end());
      const std::vector<int64_t> sums = oracle::ternary_product(p.w, p.n_rows, c.n_cols, q.data(), c.n_cols, 1);
      for (int row = 0; row < p.n_rows; row++) {
        const size_t at = size_t(r) * p.n_rows + row;
        const float value = static_cast<float>(sums[row]) * (quantized.scale * p.scale);
        result.equal("element", at, got[at], c.accumulate ? p.before[at] + value : value);
      }
    }
  }
  return result.result();
}

}  // namespace

void add_ternary(std::vector<Case>& all) {
  for (const TernaryCase& c : cases::ternary_cases())
    all.push_back({"ternary products", c.name, [c](Backend& backend) { return run_step(backend, c); }});
  for (const char* kernel : kKernels)
    for (const TernaryCase& c : cases::ternary_cases())
      all.push_back({"ternary kernels", std::string(kernel) + " " + c.name, [c, kernel](Backend& backend) { return run_kernel(backend, c, kernel); }});
}

}  // namespace tern::check
