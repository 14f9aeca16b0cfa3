// Attention over an arena of each set's own.
#include <algorithm>

#include "bench/op_bench.h"
#include "core/checked.h"

namespace tern {
namespace {

constexpr int kPaddedRows = 8;  // a step of decode is padded to so many rows on a GPU

class AttentionBench final : public OpBench {
 public:
  AttentionBench(Backend& backend, const BenchCase& c, const BenchBatch& batch)
      : backend_(backend), case_(c), shape_{c.n_heads, c.n_kv_heads, c.head_dim, c.type}, n_pages_(batch.limits.n_pages) {
    const int64_t rows = round_up(c.n_rows, kPaddedRows);
    kv_bytes_ = round_up(backend.kv_layer_bytes(shape_, n_pages_), 256);
    q_bytes_ = round_up(backend.q_rotated_bytes(shape_, static_cast<int>(rows), 1), 256);
    out_bytes_ = rows * c.n_heads * c.head_dim * 4;
    scratch_ = backend.allocate(std::max<int64_t>(backend.attention_scratch_bytes(shape_, batch.limits), 64), "attention scratch of a benchmark");
  }

  OpCost cost() const override {
    const int64_t n = case_.n_rows, keys = case_.n_in;
    const bool decode = case_.op == TERN_BENCH_ATTENTION_DECODE;
    const int64_t n_seen = decode ? n * keys : n * (keys - n) + n * (n + 1) / 2;
    return attention_cost(n_seen, decode ? n * keys : keys, case_.n_heads, case_.head_dim, backend_.q_rotated_bytes(shape_, case_.n_rows, 1),
                          backend_.kv_layer_bytes(shape_, kManyPages) / (int64_t(kManyPages) * TERN_PAGE_LEN), n * case_.n_heads * case_.head_dim * 4);
  }
  int64_t set_bytes() const override { return kv_bytes_ + q_bytes_ + out_bytes_; }

  void make_sets(int n) override {
    kv_ = backend_.allocate(checked_mul(kv_bytes_, n), "keys and values of a benchmark");
    q_ = backend_.allocate(checked_mul(q_bytes_, n), "queries of a benchmark");
    out_ = backend_.allocate(checked_mul(out_bytes_, n), "results of a benchmark");
    const int64_t n_queries = int64_t(case_.n_rows) * case_.n_heads * case_.head_dim;
    const std::vector<float> q = random_floats(n_queries, 1);
    const Buffer queries = filled(backend_, n_queries * 4, q.data(), n_queries * 4, "queries of a benchmark");
    for (int set = 0; set < n; set++) {
      fill_keys(backend_, kv(set), shape_, int64_t(n_pages_) * TERN_PAGE_LEN);
      backend_.q_write(shape_, queries.as<float>(), case_.n_rows, this->q(set));
    }
  }
  void call(const Step& step, int set) override {
    backend_.attention(kv(set), shape_, step, q(set), out(set), {scratch_.as<void>(), scratch_.size()});
  }
  std::vector<BenchResult> results(int set) const override {
    return {{out(set), int64_t(case_.n_rows) * case_.n_heads * case_.head_dim * 4, BenchResult::floats}};
  }
  int peak(Meter& meter) const override { return meter.peak_of(nullptr); }

 private:
  static constexpr int kManyPages = 4096;  // over so many an arena's alignment comes to nothing

  KvLayerSpan kv(int set) const { return {kv_.as<uint8_t>() + kv_bytes_ * set, n_pages_}; }
  void* q(int set) const { return q_.as<uint8_t>() + q_bytes_ * set; }
  float* out(int set) const { return reinterpret_cast<float*>(out_.as<uint8_t>() + out_bytes_ * set); }

  Backend& backend_;
  BenchCase case_;
  HeadShape shape_;
  int n_pages_;
  int64_t kv_bytes_, q_bytes_, out_bytes_;
  Buffer kv_, q_, out_, scratch_;
};

}  // namespace

std::unique_ptr<OpBench> attention_bench(Backend& backend, const BenchCase& c, const BenchBatch& batch) {
  return std::make_unique<AttentionBench>(backend, c, batch);
}

}  // namespace tern
