// The ops between the products: norm and gate, rotation and writing to the cache, lookup, sampling.
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "bench/op_bench.h"
#include "core/checked.h"
#include "ternary/decode.h"

namespace tern {
namespace {

constexpr int64_t kInt8Columns = 128;
constexpr int kTileRows = 32;
constexpr double kRopeBase = 500000;
constexpr float kEps = 1e-5f;

template <class T>
T* at(const Buffer& buffer, int64_t stride, int set) {
  return reinterpret_cast<T*>(buffer.as<uint8_t>() + stride * set);
}

class NormQuantizeBench final : public OpBench {
 public:
  NormQuantizeBench(Backend& backend, const BenchCase& c) : backend_(backend), case_(c), gated_(c.op == TERN_BENCH_GATE_NORM_QUANTIZE) {
    const std::vector<float> ones(static_cast<size_t>(c.n_in), 1);
    norm_ = backend.create_weight(TERN_TYPE_F32, TERN_STORE_DENSE, 1, c.n_in, 1, true);
    norm_->append_rows(1, ones.data(), int64_t(c.n_in) * 4);
    x_bytes_ = round_up(int64_t(c.n_rows) * c.n_in * 4, 256);
    int8_bytes_ = round_up(c.n_in, kInt8Columns) * c.n_rows;
    row_bytes_ = round_up(int64_t(c.n_rows) * 4, 256);
  }
  OpCost cost() const override { return norm_quantize_cost(case_.n_rows, case_.n_in, gated_); }
  int64_t set_bytes() const override { return x_bytes_ * (gated_ ? 2 : 1) + int8_bytes_ + 2 * row_bytes_; }
  void make_sets(int n) override {
    std::vector<float> x = random_floats(x_bytes_ / 4, 5);
    // A backend may write relu(gate)^2 * up where gate was, so calls after the first see the result: of 0 and 1 it is itself.
    if (gated_) std::transform(x.begin(), x.end(), x.begin(), [](float v) { return v > 0 ? 1.f : 0.f; });
    x_ = filled(backend_, checked_mul(x_bytes_, n), x.data(), x_bytes_, "rows of a benchmark");
    std::fill(x.begin(), x.end(), 1.f);
    if (gated_) up_ = filled(backend_, checked_mul(x_bytes_, n), x.data(), x_bytes_, "rows of a benchmark");
    int8_ = backend_.allocate(checked_mul(int8_bytes_, n), "results of a benchmark");
    scale_ = backend_.allocate(checked_mul(row_bytes_, n), "results of a benchmark");
    sum_ = backend_.allocate(checked_mul(row_bytes_, n), "results of a benchmark");
  }
  void call(const Step&, int set) override {
    ActivationsSource source = {at<float>(x_, x_bytes_, set)};
    if (gated_) source.up = at<float>(up_, x_bytes_, set), source.gate = TERN_GATE_RELU2;
    source.norm = norm_->vector(), source.eps = kEps;
    backend_.activations(source, case_.n_rows, case_.n_in, false, true,
                         {nullptr, at<int8_t>(int8_, int8_bytes_, set), at<float>(scale_, row_bytes_, set), at<int32_t>(sum_, row_bytes_, set)});
  }
  std::vector<BenchResult> results(int set) const override {
    return {{at<void>(int8_, int8_bytes_, set), int8_bytes_, BenchResult::bytes},
            {at<void>(scale_, row_bytes_, set), int64_t(case_.n_rows) * 4, BenchResult::floats},
            {at<void>(sum_, row_bytes_, set), int64_t(case_.n_rows) * 4, BenchResult::bytes}};
  }

 private:
  Backend& backend_;
  BenchCase case_;
  bool gated_;
  int64_t x_bytes_, int8_bytes_, row_bytes_;
  std::unique_ptr<Weight> norm_;
  Buffer x_, up_, int8_, scale_, sum_;
};

class RopeAppendBench final : public OpBench {
 public:
  RopeAppendBench(Backend& backend, const BenchCase& c)
      : backend_(backend), case_(c), shape_{c.n_heads, c.n_kv_heads, c.head_dim, c.type}, n_pages_(BenchBatch(c).limits.n_pages) {
    kv_bytes_ = round_up(backend.kv_layer_bytes(shape_, n_pages_), 256);
    q_bytes_ = int64_t(c.n_rows) * c.n_heads * c.head_dim * 4;
    k_bytes_ = int64_t(c.n_rows) * c.n_kv_heads * c.head_dim * 4;
    rotated_bytes_ = round_up(backend.q_rotated_bytes(shape_, c.n_rows, 1), 256);
  }
  OpCost cost() const override {
    constexpr int kManyPages = 4096;  // over so many an arena's alignment comes to nothing
    return rope_append_cost(case_.n_rows, case_.n_heads, case_.n_kv_heads, case_.head_dim, backend_.q_rotated_bytes(shape_, case_.n_rows, 1),
                            backend_.kv_layer_bytes(shape_, kManyPages) / (int64_t(kManyPages) * TERN_PAGE_LEN));
  }
  int64_t set_bytes() const override { return q_bytes_ + 2 * k_bytes_ + rotated_bytes_ + kv_bytes_; }
  void make_sets(int n) override {
    const int64_t rows = case_.n_rows;
    const std::vector<float> q = random_floats(q_bytes_ / 4, 6), k = random_floats(k_bytes_ / 4, 7);
    q_ = filled(backend_, checked_mul(q_bytes_, n), q.data(), q_bytes_, "queries of a benchmark");
    k_ = filled(backend_, checked_mul(k_bytes_, n), k.data(), k_bytes_, "keys of a benchmark");
    v_ = filled(backend_, checked_mul(k_bytes_, n), k.data(), k_bytes_, "values of a benchmark");
    rotated_ = backend_.allocate(checked_mul(rotated_bytes_, n), "results of a benchmark");
    kv_ = backend_.allocate(checked_mul(kv_bytes_, n), "an arena of a benchmark");
    std::vector<int64_t> pos(static_cast<size_t>(rows));
    for (size_t i = 0; i < pos.size(); i++) pos[i] = 1000 + static_cast<int64_t>(i);
    std::vector<double> inv_freq(static_cast<size_t>(case_.head_dim / 2));
    for (size_t j = 0; j < inv_freq.size(); j++) inv_freq[j] = std::pow(kRopeBase, -2.0 * static_cast<double>(j) / case_.head_dim);
    const Buffer positions = filled(backend_, rows * 8, pos.data(), rows * 8, "positions of a benchmark"),
                 frequencies = filled(backend_, case_.head_dim * int64_t{4}, inv_freq.data(), case_.head_dim * int64_t{4}, "frequencies");
    for (Buffer* table : {&q_table_, &k_table_}) {
      *table = backend_.allocate(rows * case_.head_dim * 4, "angles of a benchmark");
      backend_.rope_table(positions.as<int64_t>(), case_.n_rows, frequencies.as<double>(), case_.head_dim, table->as<float>());
    }
    float wait;  // the buffers of the tables' sources go: their kernels must be done
    backend_.download(&wait, k_table_.as<void>(), sizeof wait);
  }
  void call(const Step& step, int set) override {
    backend_.rope_append({at<void>(kv_, kv_bytes_, set), n_pages_}, shape_,
                         {at<float>(q_, q_bytes_, set), at<float>(k_, k_bytes_, set), at<float>(v_, k_bytes_, set), q_table_.as<float>(),
                          k_table_.as<float>(), step.batch.slot, case_.n_rows, 1, TERN_ROPE_HALVES, case_.head_dim, at<void>(rotated_, rotated_bytes_, set)});
  }
  std::vector<BenchResult> results(int set) const override {
    return {{at<void>(rotated_, rotated_bytes_, set), backend_.q_rotated_bytes(shape_, case_.n_rows, 1),
             backend_.host_memory() ? BenchResult::floats : BenchResult::halves},
            {at<void>(kv_, kv_bytes_, set), backend_.kv_layer_bytes(shape_, n_pages_), BenchResult::bytes}};
  }

 private:
  Backend& backend_;
  BenchCase case_;
  HeadShape shape_;
  int n_pages_;
  int64_t kv_bytes_, q_bytes_, k_bytes_, rotated_bytes_;
  Buffer q_, k_, v_, q_table_, k_table_, rotated_, kv_;
};

// All sets look up different rows of one table.
class EmbedBench final : public OpBench {
 public:
  EmbedBench(Backend& backend, const BenchCase& c)
      : backend_(backend), case_(c), table_(RandomWeight(c.type, TERN_STORE_DENSE, c.n_out, c.n_in).make(backend)) {
    ids_bytes_ = round_up(int64_t(c.n_rows) * 4, 256);
    out_bytes_ = round_up(int64_t(c.n_rows) * c.n_in * 4, 256);
    // The CPU keeps a row's bytes as they are in a file, though perhaps in tiles that are padded to whole ones.
    row_bytes_ = backend.host_memory() ? row_bytes(c.type, c.n_in) : table_->bytes() / c.n_out;
  }
  OpCost cost() const override { return embed_cost(case_.n_rows, case_.n_in, row_bytes_); }
  int64_t max_sets() const override { return case_.n_out / case_.n_rows; }
  int64_t set_bytes() const override { return row_bytes_ * case_.n_rows + out_bytes_ + ids_bytes_; }
  void make_sets(int n) override {
    ids_ = backend_.allocate(checked_mul(ids_bytes_, n), "ids of a benchmark");
    out_ = backend_.allocate(checked_mul(out_bytes_, n), "results of a benchmark");
    std::vector<int32_t> ids(static_cast<size_t>(case_.n_rows));
    const int n_ids = case_.n_out / case_.n_rows;
    int apart = kTileRows + 1;  // of what one set and the next look up: rows of a tile have lines in common
    while (std::gcd(apart, n_ids) != 1) apart++;
    for (int set = 0; set < n; set++) {  // far apart, as tokens are
      const int first = static_cast<int>(int64_t(set) * apart % n_ids);
      for (int i = 0; i < case_.n_rows; i++) ids[static_cast<size_t>(i)] = static_cast<int32_t>(int64_t(i) * n_ids + first);
      backend_.upload(at<void>(ids_, ids_bytes_, set), ids.data(), int64_t(case_.n_rows) * 4);
    }
  }
  void call(const Step&, int set) override {
    backend_.embed(*table_, at<int32_t>(ids_, ids_bytes_, set), case_.n_rows, at<float>(out_, out_bytes_, set));
  }
  std::vector<BenchResult> results(int set) const override {
    return {{at<void>(out_, out_bytes_, set), int64_t(case_.n_rows) * case_.n_in * 4, BenchResult::floats}};
  }

 private:
  Backend& backend_;
  BenchCase case_;
  std::unique_ptr<Weight> table_;
  int64_t ids_bytes_, out_bytes_, row_bytes_;
  Buffer ids_, out_;
};

class SampleBench final : public OpBench {
 public:
  SampleBench(Backend& backend, const BenchCase& c) : backend_(backend), case_(c) {
    logits_bytes_ = round_up(checked_mul(int64_t(c.n_rows) * 4, c.n_in), 256);
    scratch_ = backend.allocate(std::max<int64_t>(backend.sample_scratch_bytes(c.n_in, c.n_rows), 64), "sampling scratch of a benchmark");
  }
  OpCost cost() const override { return sample_cost(case_.n_rows, case_.n_in); }
  int64_t set_bytes() const override { return logits_bytes_; }
  void make_sets(int n) override {
    std::vector<float> logits = random_floats(logits_bytes_ / 4, 8);
    for (float& l : logits) l *= 3;  // about as wide as a model's
    logits_ = filled(backend_, checked_mul(logits_bytes_, n), logits.data(), logits_bytes_, "logits of a benchmark");
  }
  void call(const Step& step, int set) override {
    backend_.sample(at<float>(logits_, logits_bytes_, set), case_.n_in, step.batch, {scratch_.as<void>(), scratch_.size()});
  }
  std::vector<BenchResult> results(int) const override { return {}; }  // tokens come back with the step

 private:
  Backend& backend_;
  BenchCase case_;
  int64_t logits_bytes_;
  Buffer logits_, scratch_;
};

}  // namespace

std::unique_ptr<OpBench> norm_quantize_bench(Backend& backend, const BenchCase& c) { return std::make_unique<NormQuantizeBench>(backend, c); }
std::unique_ptr<OpBench> rope_append_bench(Backend& backend, const BenchCase& c) { return std::make_unique<RopeAppendBench>(backend, c); }
std::unique_ptr<OpBench> embed_bench(Backend& backend, const BenchCase& c) { return std::make_unique<EmbedBench>(backend, c); }
std::unique_ptr<OpBench> sample_bench(Backend& backend, const BenchCase& c) { return std::make_unique<SampleBench>(backend, c); }

}  // namespace tern
