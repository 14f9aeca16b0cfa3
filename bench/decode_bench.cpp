// The products of a decode step of ternary weights, as CSV: how long all threads take, and at what share of the read bandwidth, to read the weights
// plainly and to multiply them, in the tasks of the forward pass; once with a run of the pool for each product, as there, and once with one run for all.
// The difference between the two is what the ends of products cost, that between reading and multiplying what arithmetic does. Ways take turns, medians.
// usage: decode_bench [threads] [kernel or ""] [rounds]. The shape is BitNet b1.58 2B4T's.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

#include "core/memory.h"
#include "cpu/bandwidth.h"
#include "cpu/bandwidth_sum.h"
#include "cpu/ternary.h"

namespace {

using namespace tern;
using namespace tern::cpu;

constexpr int kLayers = 30, kHidden = 2560, kKv = 640, kFfn = 6912;
constexpr int64_t kSummed = 2048;  // bytes: what sum_words takes is a multiple of it

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

double median(std::vector<double> v) {
  std::nth_element(v.begin(), v.begin() + static_cast<std::ptrdiff_t>(v.size() / 2), v.end());
  return v[v.size() / 2];
}

struct Task {
  const TernaryWeight* weight;
  int task;
  float* out;
};

// A row of activations as the kernel's tasks take them.
struct Row {
  explicit Row(int n_cols, std::mt19937_64& random) : q(static_cast<size_t>((n_cols + 63) / 64 * 64)) {
    for (int i = 0; i < n_cols; i++) sum += q[static_cast<size_t>(i)] = static_cast<int8_t>(random());
  }
  QuantRows rows() { return {q.data(), &scale, &sum, static_cast<int>(q.size())}; }

  std::vector<int8_t> q;
  float scale = 1;
  int32_t sum = 0;
  Buffer scratch;
};

class Step {
 public:
  Step(Pool& pool, const std::string& kernel) : pool_(pool) {
    for (int layer = 0; layer < kLayers; layer++) {
      product(kernel, {kHidden, kKv, kKv}, kHidden);
      product(kernel, {kHidden}, kHidden);
      product(kernel, {kFfn, kFfn}, kHidden);
      product(kernel, {kHidden}, kFfn);
    }
    for (Row* row : {&hidden_, &ffn_}) {
      const TernaryWeight& w = *weights_[row == &hidden_ ? 0 : 6];
      row->scratch = Buffer(w.scratch_bytes(1), "bench");
      w.prepare(pool_, row->rows(), 1, row->scratch.as<void>());
    }
  }

  const char* kernel() const { return weights_[0]->kernel(); }
  int64_t bytes() const { return bytes_; }

  // Seconds. together: one run of the pool for all tasks
  double time(bool multiply, bool together) {
    const double begin = now();
    if (together) {
      run(0, static_cast<int>(tasks_.size()), multiply);
    } else {
      for (size_t i = 0; i < ends_.size(); i++) run(i ? ends_[i - 1] : 0, ends_[i], multiply);
    }
    return now() - begin;
  }

 private:
  void product(const std::string& kernel, const std::vector<int>& n_rows, int n_cols) {
    float* out = out_.data();
    for (int rows : n_rows) {
      std::unique_ptr<TernaryWeight> w = TernaryWeight::create(kernel, rows, n_cols, &pool_);
      std::vector<int8_t> trits(static_cast<size_t>(n_cols) + 997);
      for (int8_t& t : trits) t = static_cast<int8_t>(static_cast<int>(random_() % 3) - 1);
      for (int r = 0; r < rows; r++) w->append_row(&trits[static_cast<size_t>(r) % 997], 1);
      for (int t = 0; t < w->n_tasks(1); t++) tasks_.push_back({w.get(), t, out});
      bytes_ += w->task_begin(w->n_tasks(1)) - w->task_begin(0);
      out += rows;
      weights_.push_back(std::move(w));
    }
    ends_.push_back(static_cast<int>(tasks_.size()));
  }

  void run(int begin, int end, bool multiply) {
    pool_.run_short(end - begin, [&](int i, int) {
      const Task& t = tasks_[static_cast<size_t>(begin + i)];
      if (multiply) {
        Row& row = t.weight->n_cols() == kFfn ? ffn_ : hidden_;
        t.weight->run_task(t.task, row.rows(), 1, row.scratch.as<void>(), t.out, t.weight->n_rows(), false);
      } else {
        const uint8_t* const from = t.weight->task_begin(t.task);
        const int64_t n = (t.weight->task_begin(t.task + 1) - from) / kSummed * kSummed;
        const auto sum = isa() == Isa::avx512 ? sum_words_avx512 : isa() == Isa::avx2 ? sum_words_avx2 : sum_words_scalar;
        if (sum(reinterpret_cast<const uint64_t*>(from), n / 8, 4) == 1) t.out[0] = 1;  // so that it is made
      }
    });
  }

  Pool& pool_;
  std::mt19937_64 random_{1};
  Row hidden_{kHidden, random_}, ffn_{kFfn, random_};
  std::vector<float> out_ = std::vector<float>(2 * kFfn);
  std::vector<std::unique_ptr<TernaryWeight>> weights_;
  std::vector<Task> tasks_;
  std::vector<int> ends_;  // of products, in tasks_
  int64_t bytes_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  try {
    Pool pool(argc > 1 ? std::atoi(argv[1]) : 1);
    Step step(pool, argc > 2 ? argv[2] : "");
    const int n_rounds = argc > 3 ? std::max(1, std::atoi(argv[3])) : 15;
    const char* const names[] = {"read, a run for all", "read, a run a product", "multiply, a run for all", "multiply, a run a product"};
    std::vector<double> seconds[4], bandwidth;
    for (int round = -1; round < n_rounds; round++) {
      const double b = read_bandwidth(pool, isa(), 256 << 20, 3);
      if (round >= 0) bandwidth.push_back(b);
      for (int i = 0; i < 4; i++) {
        step.time(i >= 2, i % 2 == 0);  // what went before leaves caches and clock in another state
        const double s = step.time(i >= 2, i % 2 == 0);
        if (round >= 0) seconds[i].push_back(s);
      }
    }
    const double peak = median(bandwidth), bytes = static_cast<double>(step.bytes());
    std::printf("kernel,what,threads,ms,gb_per_s,share_of_read_bandwidth\n");
    for (int i = 0; i < 4; i++) {
      const double s = median(seconds[i]);
      std::printf("%s,\"%s\",%d,%.2f,%.1f,%.3f\n", step.kernel(), names[i], pool.n_threads(), s * 1e3, bytes / s * 1e-9, bytes / s / peak);
    }
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
