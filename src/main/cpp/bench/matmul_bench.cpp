// Products with one weight: as in a step, but that a step may multiply the same rows with several weights at once.
#include <algorithm>

#include "bench/op_bench.h"
#include "core/checked.h"

namespace tern {
namespace {

constexpr int64_t kInt8Columns = 128;  // a row of int8 activations is padded to at most a multiple of so many

class MatmulBench final : public OpBench {
 public:
  MatmulBench(Backend& backend, const BenchCase& c)
      : backend_(backend),
        case_(c),
        ternary_(c.op == TERN_BENCH_TERNARY),
        source_(c.type, ternary_ ? TERN_STORE_TERNARY : TERN_STORE_DENSE, c.n_out, c.n_in, bench_kernel(backend, c)) {
    weights_.push_back(source_.make(backend));
    x_bytes_ = round_up(int64_t(c.n_rows) * c.n_in * 4, 256);
    int8_bytes_ = ternary_ ? round_up(c.n_in, kInt8Columns) * c.n_rows : 0;
    row_bytes_ = ternary_ ? round_up(int64_t(c.n_rows) * 4, 256) : 0;
    out_bytes_ = round_up(checked_mul(int64_t(c.n_rows) * 4, c.n_out), 256);
    scratch_ = backend.allocate(std::max<int64_t>(backend.matmul_scratch_bytes(*weights_[0], c.n_rows), 64), "matmul scratch of a benchmark");
  }

  OpCost cost() const override {
    return (ternary_ ? ternary_cost : dense_cost)(case_.n_rows, case_.n_out, case_.n_in, weights_[0]->bytes());
  }
  int64_t set_bytes() const override {
    return weights_[0]->bytes() + (ternary_ ? int8_bytes_ + 2 * row_bytes_ : x_bytes_) + out_bytes_;
  }

  void make_sets(int n) override {
    while (static_cast<int>(weights_.size()) < n) weights_.push_back(source_.make(backend_));
    const int64_t n_x = int64_t(case_.n_rows) * case_.n_in;
    const std::vector<float> x = random_floats(n_x, 4);
    x_ = backend_.allocate(checked_mul(x_bytes_, ternary_ ? 1 : n), "activations of a benchmark");
    out_ = backend_.allocate(checked_mul(out_bytes_, n), "results of a benchmark");
    int8_ = backend_.allocate(checked_mul(int8_bytes_, n), "activations of a benchmark");
    scale_ = backend_.allocate(checked_mul(row_bytes_, n), "activations of a benchmark");
    sum_ = backend_.allocate(checked_mul(row_bytes_, n), "activations of a benchmark");
    for (int set = 0; set < n; set++) {
      if (set == 0 || !ternary_) backend_.upload(x_.as<uint8_t>() + x_bytes_ * set, x.data(), n_x * 4);
      float* const from = reinterpret_cast<float*>(x_.as<uint8_t>() + (ternary_ ? 0 : x_bytes_ * set));
      acts_.push_back(backend_.activations({from}, case_.n_rows, case_.n_in, !ternary_, ternary_, buffer(set)));
    }
  }
  void call(const Step&, int set) override {
    const Projection projection = {weights_[static_cast<size_t>(set)].get(), out(set), false};
    backend_.matmul(&projection, 1, acts_[static_cast<size_t>(set)], case_.n_rows, {scratch_.as<void>(), scratch_.size()});
  }
  std::vector<BenchResult> results(int set) const override {
    return {{out(set), int64_t(case_.n_rows) * case_.n_out * 4, BenchResult::floats}};
  }
  int peak(Meter& meter) const override { return meter.peak_of(weights_[0].get()); }
  std::string kernel(Meter& meter) const override { return meter.kernel_of(*weights_[0], case_.n_rows); }

 private:
  ActivationsBuffer buffer(int set) const {
    if (!ternary_) return {};
    return {nullptr, int8_.as<int8_t>() + int8_bytes_ * set, reinterpret_cast<float*>(scale_.as<uint8_t>() + row_bytes_ * set),
            reinterpret_cast<int32_t*>(sum_.as<uint8_t>() + row_bytes_ * set)};
  }
  float* out(int set) const { return reinterpret_cast<float*>(out_.as<uint8_t>() + out_bytes_ * set); }

  Backend& backend_;
  BenchCase case_;
  bool ternary_;
  RandomWeight source_;
  int64_t x_bytes_, int8_bytes_, row_bytes_, out_bytes_;
  std::vector<std::unique_ptr<Weight>> weights_;
  std::vector<Activations> acts_;
  Buffer x_, int8_, scale_, sum_, out_, scratch_;
};

}  // namespace

std::unique_ptr<OpBench> matmul_bench(Backend& backend, const BenchCase& c) { return std::make_unique<MatmulBench>(backend, c); }

}  // namespace tern
