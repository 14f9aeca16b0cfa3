// The ternary products of a decode step, as CSV: how long all threads take for them, and at what share of the read bandwidth, as the forward pass has them, a
// run of the pool for each product; with one run for all products, of whose tasks a thread begins with the same, so that there is next to nothing that a thread
// waits for; and with one run in the order of memory, so that what a thread reads is not broken off either. Each way runs twice and counts once; ways
// take turns, medians. Bytes are those of packed weights, without scales (0.8 % more, of 2560 columns).
// usage: decode_bench [threads] [kernel or ""] [rounds]. The shape is BitNet b1.58 2B4T's.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "core/memory.h"
#include "cpu/bandwidth.h"
#include "cpu/isa.h"
#include "cpu/task_share.h"
#include "cpu/ternary.h"
#include "plan/ternary_plan.h"

namespace {

using namespace tern;
using namespace tern::cpu;

constexpr int kLayers = 30, kHidden = 2560, kKv = 640, kFfn = 6912;

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

double median(std::vector<double> v) {
  std::nth_element(v.begin(), v.begin() + static_cast<std::ptrdiff_t>(v.size() / 2), v.end());
  return v[v.size() / 2];
}

enum Way { kRunAProduct, kSameShares, kInOrder };
constexpr Way kWays[] = {kRunAProduct, kSameShares, kInOrder};
constexpr const char* kNames[] = {"a run a product", "a run for all, the same shares", "a run for all, in order"};

struct Task {
  const TernaryWeight* weight;
  int task;
  int first_row;  // of the weight, in what the product puts out
};

struct Product {
  std::vector<const TernaryWeight*> weights;
  int begin, end;  // tasks
};

// A row of activations as the kernel's tasks take them.
struct Row {
  Row(int n_cols, std::mt19937_64& random) : q(static_cast<size_t>((n_cols + 63) / 64 * 64)) {
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
  Step(Pool& pool, const std::string& kernel) : pool_(pool), out_(static_cast<size_t>(pool.n_threads()) * kOutStride) {
    for (int layer = 0; layer < kLayers; layer++) {
      product(kernel, {kHidden, kKv, kKv}, kHidden);
      product(kernel, {kHidden}, kHidden);
      product(kernel, {kFfn, kFfn}, kHidden);
      product(kernel, {kHidden}, kFfn);
    }
    for (int thread = 0; thread < pool.n_threads(); thread++) {
      for (const Product& p : products_) {
        const auto of = [&](int t) { return tasks_.begin() + p.begin + Pool::first_task(p.end - p.begin, pool.n_threads(), t); };
        shares_.insert(shares_.end(), of(thread), of(thread + 1));
      }
    }
    for (Row* row : {&hidden_, &ffn_}) {
      const TernaryWeight& w = *products_[row == &hidden_ ? 0 : 3].weights[0];
      row->scratch = Buffer(w.scratch_bytes(1), "bench");
      w.prepare(pool_, row->rows(), 1, row->scratch.as<void>());
    }
  }

  int64_t bytes() const { return bytes_; }

  double seconds(Way way) {
    const double begin = now();
    if (way == kRunAProduct) {
      for (size_t i = 0; i < products_.size(); i++) {
        expect(products_[(i + 1) % products_.size()]);
        run(tasks_.data() + products_[i].begin, products_[i].end - products_[i].begin);
      }
    } else {
      run(way == kInOrder ? tasks_.data() : shares_.data(), static_cast<int>(tasks_.size()));
    }
    return now() - begin;
  }

 private:
  static constexpr int kOutStride = 2 * kFfn;  // of threads, so that none waits for another's lines

  void product(const std::string& kernel, const std::vector<int>& n_rows, int n_cols) {
    Product p = {{}, static_cast<int>(tasks_.size()), 0};
    int first_row = 0;
    for (int rows : n_rows) {
      std::unique_ptr<TernaryWeight> w = TernaryWeight::create(kernel, rows, n_cols, &pool_);
      std::vector<int8_t> trits(static_cast<size_t>(n_cols) + 997);
      for (int8_t& t : trits) t = static_cast<int8_t>(static_cast<int>(random_() % 3) - 1);
      for (int r = 0; r < rows; r++) w->append_row(&trits[static_cast<size_t>(r) % 997], 1);
      for (int t = 0; t < w->n_tasks(1); t++) tasks_.push_back({w.get(), t, first_row});
      bytes_ += w->task_begin(w->n_tasks(1)) - w->task_begin(0);
      first_row += rows;
      p.weights.push_back(w.get());
      weights_.push_back(std::move(w));
    }
    p.end = static_cast<int>(tasks_.size());
    products_.push_back(p);
  }

  void expect(const Product& p) {
    std::vector<int> n_tasks;
    for (const TernaryWeight* w : p.weights) n_tasks.push_back(w->n_tasks(1));
    for (int thread = 0; thread < pool_.n_threads(); thread++) {
      const TaskShare share = task_share(n_tasks.data(), static_cast<int>(n_tasks.size()), pool_.n_threads(), thread);
      if (share.weight == static_cast<int>(n_tasks.size())) continue;
      const TernaryWeight& w = *p.weights[static_cast<size_t>(share.weight)];
      pool_.expect(thread, w.task_begin(share.first), w.task_begin(share.end) - w.task_begin(share.first));
    }
  }

  void run(const Task* tasks, int n) {
    pool_.run_short(n, [&](int i, int thread) {
      const Task& t = tasks[i];
      Row& row = t.weight->n_cols() == kFfn ? ffn_ : hidden_;
      float* const out = out_.data() + static_cast<size_t>(thread) * kOutStride + t.first_row;
      t.weight->run_task(t.task, row.rows(), 1, row.scratch.as<void>(), out, t.weight->n_rows(), false);
    });
  }

  Pool& pool_;
  std::mt19937_64 random_{1};
  Row hidden_{kHidden, random_}, ffn_{kFfn, random_};
  std::vector<float> out_;
  std::vector<std::unique_ptr<TernaryWeight>> weights_;
  std::vector<Product> products_;
  std::vector<Task> tasks_, shares_;  // shares_: the first thread's of all products, then the second's
  int64_t bytes_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  const int n_threads = argc > 1 ? std::atoi(argv[1]) : 1, n_rounds = argc > 3 ? std::atoi(argv[3]) : 15;
  if (n_threads < 1 || n_threads > Pool::kMaxThreads || n_rounds < 1) return 2;
  try {
    Pool pool(n_threads);
    const std::string kernel = argc > 2 && *argv[2] ? argv[2] : ternary_plan(kFfn, kHidden, pool);
    Step step(pool, kernel);
    std::vector<double> seconds[3], bandwidth;
    for (int round = -1; round < n_rounds; round++) {
      const double b = read_bandwidth(pool, isa(), 256 << 20, 3);
      if (round >= 0) bandwidth.push_back(b);
      for (Way way : kWays) {
        step.seconds(way);  // what went before leaves caches and clock in another state
        const double s = step.seconds(way);
        if (round >= 0) seconds[way].push_back(s);
      }
    }
    const double peak = median(bandwidth), bytes = static_cast<double>(step.bytes());
    std::printf("kernel,runs,threads,ms,gb_per_s,share_of_read_bandwidth\n");
    for (Way way : kWays) {
      const double s = median(seconds[way]);
      std::printf("%s,\"%s\",%d,%.2f,%.1f,%.3f\n", kernel.c_str(), kNames[way], pool.n_threads(), s * 1e3, bytes / s * 1e-9, bytes / s / peak);
    }
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
