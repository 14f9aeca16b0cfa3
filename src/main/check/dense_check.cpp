// Products of dense weights, several at once as a step multiplies them.
#include "cases/dense_cases.h"
#include "checks.h"
#include "oracle/dense_oracle.h"

namespace tern::check {
namespace {

using cases::DenseCase;

constexpr size_t kMostAtOnce = 3;  // what model/forward.cpp multiplies at once; cases of more are done in parts

struct Product {
  int n_rows;
  std::vector<uint8_t> rows;
  std::unique_ptr<Weight> weight;
  std::vector<float> before;
};

void compare(const DenseCase& c, const Product& p, const std::vector<float>& x, const std::vector<float>& out, bool exact_products, bool integers,
             Compare& result) {
  std::vector<double> largest(static_cast<size_t>(c.n_act_rows)), acts(x.begin(), x.end());
  for (int a = 0; a < c.n_act_rows; a++)
    for (int j = 0; j < c.n_cols; j++) largest[a] = std::max(largest[a], double(std::fabs(x[size_t(a) * c.n_cols + j])));
  for (int a = 0; a < c.n_act_rows && integers; a++) {
    const std::vector<double> row = oracle::dense_block_activations(&x[size_t(a) * c.n_cols], c.n_cols);
    std::copy(row.begin(), row.end(), acts.begin() + int64_t(a) * c.n_cols);
  }
  for (int r = 0; r < p.n_rows; r++) {
    std::vector<double> w(static_cast<size_t>(c.n_cols));
    double weights = 0;
    for (int j = 0; j < c.n_cols; j++) weights += std::fabs(w[j] = oracle::element(c.type, p.rows.data(), c.n_cols, r, j));
    for (int a = 0; a < c.n_act_rows; a++) {
      double sum = 0, magnitude = 0;
      for (int j = 0; j < c.n_cols; j++) {
        const double term = w[j] * acts[size_t(a) * c.n_cols + j];
        sum += term, magnitude += std::fabs(term);
      }
      const size_t at = size_t(a) * p.n_rows + r;
      const float before = c.accumulate ? p.before[at] : 0;
      sum += before;
      const oracle::DenseSizes sizes = {magnitude, largest[a], weights, c.accumulate ? std::fabs(sum) + std::fabs(before) : 0};
      const double bound = exact_products ? oracle::dense_any_order_bound(c.n_cols, sizes) : oracle::dense_cuda_bound(c.type, c.n_cols, sizes);
      result.within("element", at, out[at], sum, bound);
    }
  }
}

CheckResult run(Backend& backend, const DenseCase& c) {
  std::mt19937_64 random(c.seed);
  std::vector<float> x = normal(random, size_t(c.n_act_rows) * c.n_cols, c.magnitude);
  if (c.n_act_rows > 2) std::fill_n(&x[size_t(c.n_cols)], c.n_cols, 0.f);  // a row of zeros
  if (c.n_act_rows > 3)  // and one of a few large activations among small ones
    for (int j = 0; j < c.n_cols; j += 37) x[size_t(3) * c.n_cols + j] *= 1000;
  std::vector<Product> products;
  int64_t scratch_bytes = 0;
  for (int n_rows : c.n_rows) {
    Product p = {n_rows, oracle::random_rows(c.type, n_rows, c.n_cols, random), nullptr, {}};
    p.weight = backend.create_weight(c.type, TERN_STORE_DENSE, n_rows, c.n_cols, 1, false);
    p.weight->append_rows(n_rows, p.rows.data(), static_cast<int64_t>(p.rows.size()));
    p.before = c.accumulate ? normal(random, size_t(n_rows) * c.n_act_rows) : std::vector<float>(size_t(n_rows) * c.n_act_rows, NAN);
    scratch_bytes = std::max(scratch_bytes, backend.matmul_scratch_bytes(*p.weight, c.n_act_rows));
    products.push_back(std::move(p));
  }
  const Array<float> acts(backend, x);
  const Array<uint8_t> scratch(backend, static_cast<size_t>(scratch_bytes));
  std::vector<Array<float>> out;
  for (const Product& p : products) out.emplace_back(backend, p.before);
  Activations a;
  a.f32 = acts;
  for (size_t first = 0; first < products.size(); first += kMostAtOnce) {
    Projection part[kMostAtOnce];
    const size_t n = std::min(kMostAtOnce, products.size() - first);
    for (size_t i = 0; i < n; i++) part[i] = {products[first + i].weight.get(), out[first + i], c.accumulate};
    backend.matmul(part, static_cast<int>(n), a, c.n_act_rows, scratch.span());
  }
  Compare result;
  for (size_t i = 0; i < products.size(); i++)
    compare(c, products[i], x, out[i].download(), backend.host_memory(),
            backend.host_memory() && !backend.meter().kernel_of(*products[i].weight, c.n_act_rows).empty(), result);
  return result.result();
}

}  // namespace

void add_dense(std::vector<Case>& all) {
  const std::vector<int> types = {TERN_TYPE_F32, TERN_TYPE_F16, TERN_TYPE_BF16, TERN_TYPE_Q8_0, TERN_TYPE_Q6_K, TERN_TYPE_Q4_0};
  for (const DenseCase& c : cases::dense_cases(types, false))
    all.push_back({"dense products", c.name, [c](Backend& backend) { return run(backend, c); }});
  for (const DenseCase& c : cases::dense_cases({TERN_TYPE_F16, TERN_TYPE_BF16}, true))
    all.push_back({"dense products of many rows", c.name, [c](Backend& backend) { return run(backend, c); }});
}

}  // namespace tern::check
