// Runs the blocks of a grid on a pool of OS threads, and keeps what control.h sets.
#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <thread>

#include "control_state.h"

namespace simt {
namespace {

unsigned from_environment(const char* name, unsigned otherwise) {
  const char* text = std::getenv(name);
  return text && *text ? static_cast<unsigned>(std::strtoul(text, nullptr, 10)) : otherwise;
}

struct Settings {
  std::mutex mutex;
  std::atomic<unsigned> seed{from_environment("SIMT_SEED", 0)};
  std::atomic<int> workers{static_cast<int>(std::max(1u, from_environment("SIMT_THREADS", std::thread::hardware_concurrency())))};
  std::atomic<bool> print{true};
  std::vector<std::string> faults;
  Counters counters;
};
Settings& settings() {
  static Settings* const s = new Settings;  // never destroyed: threads and static objects of tests may still use it
  return *s;
}

// Worker 0 is the calling thread. Only one grid runs at a time: callers hold the runtime's lock.
class Pool {
 public:
  void run(int n_workers, const std::function<void(Block&)>& work) {
    while (blocks_.size() < static_cast<size_t>(n_workers)) {
      blocks_.push_back(std::make_unique<Block>());
      const int id = static_cast<int>(blocks_.size()) - 1;
      if (id > 0) std::thread([this, id] { loop(id); }).detach();
    }
    {
      std::lock_guard<std::mutex> lock(mutex_);
      work_ = &work;
      n_workers_ = n_workers;
      running_ = n_workers - 1;
      round_++;
    }
    if (n_workers > 1) start_.notify_all();
    work(*blocks_[0]);
    std::unique_lock<std::mutex> lock(mutex_);
    done_.wait(lock, [this] { return running_ == 0; });
  }

 private:
  void loop(int id) {
    uint64_t seen = 0;
    std::unique_lock<std::mutex> lock(mutex_);
    for (;;) {
      start_.wait(lock, [&] { return round_ != seen && id < n_workers_ && running_ > 0; });
      seen = round_;
      const auto* work = work_;
      Block* const block = blocks_[id].get();
      lock.unlock();
      (*work)(*block);
      lock.lock();
      if (--running_ == 0) done_.notify_all();
    }
  }

  std::mutex mutex_;
  std::condition_variable start_, done_;
  std::vector<std::unique_ptr<Block>> blocks_;
  const std::function<void(Block&)>* work_ = nullptr;
  int n_workers_ = 0, running_ = 0;
  uint64_t round_ = 0;
};

uint64_t coprime_step(uint64_t n, uint64_t from) {
  const auto gcd = [](uint64_t a, uint64_t b) {
    while (b) std::swap(a %= b, b);
    return a;
  };
  for (uint64_t step = from % n + 1;; step++)
    if (gcd(step, n) == 1) return step;
}

}  // namespace

unsigned seed() { return settings().seed; }
void set_seed(unsigned seed) { settings().seed = seed; }
void set_workers(int n) { settings().workers = std::max(1, n); }
void print_faults(bool on) { settings().print = on; }

std::vector<std::string> take_faults() {
  std::lock_guard<std::mutex> lock(settings().mutex);
  std::vector<std::string> faults;
  faults.swap(settings().faults);
  return faults;
}

Counters counters() {
  std::lock_guard<std::mutex> lock(settings().mutex);
  return settings().counters;
}
void count_launch(uint64_t blocks, uint64_t steps) {
  std::lock_guard<std::mutex> lock(settings().mutex);
  settings().counters.launches++;
  settings().counters.blocks += blocks;
  settings().counters.steps += steps;
}
void count_graph_launch() {
  std::lock_guard<std::mutex> lock(settings().mutex);
  settings().counters.graph_launches++;
}

void report_fault(const Grid& grid, uint3 block, const Thread* thread, const char* text) {
  std::string all = grid.name + ", block (" + std::to_string(block.x) + ", " + std::to_string(block.y) + ", " +
                    std::to_string(block.z) + ")";
  if (thread) all += ", thread " + std::to_string(thread->linear);
  all += ": " + std::string(text);
  if (thread && thread->site.line) all += " [last at " + std::string(thread->site.file) + ":" + std::to_string(thread->site.line) + "]";
  all += " (SIMT_SEED=" + std::to_string(seed()) + ")";
  std::lock_guard<std::mutex> lock(settings().mutex);
  if (settings().print) std::fprintf(stderr, "simt: %s\n", all.c_str());
  settings().faults.push_back(all);
}

cudaError_t run_grid(const Grid& grid) {
  static Pool& pool = *new Pool;  // never destroyed: a process may exit while a thread of its own runs a grid
  const uint64_t n = uint64_t(grid.grid.x) * grid.grid.y * grid.grid.z;
  const uint64_t shift = seed(), step = seed() > 1 ? coprime_step(n, shift * 2654435761u) : 1;
  std::atomic<uint64_t> next{0}, steps{0};
  std::atomic<int> error{cudaSuccess};
  pool.run(static_cast<int>(std::min<uint64_t>(n, static_cast<uint64_t>(settings().workers.load()))), [&](Block& block) {
    for (uint64_t i; error == cudaSuccess && (i = next++) < n;) {
      const uint64_t k = seed() == 1 ? n - 1 - i : seed() > 1 ? (i % n * step + shift) % n : i;
      const uint3 index = {static_cast<unsigned>(k % grid.grid.x), static_cast<unsigned>(k / grid.grid.x % grid.grid.y),
                           static_cast<unsigned>(k / (uint64_t(grid.grid.x) * grid.grid.y))};
      const cudaError_t status = block.run(grid, index);
      steps += block.steps();
      int none = cudaSuccess;
      if (status != cudaSuccess) error.compare_exchange_strong(none, status);
    }
  });
  count_launch(n, steps);
  return static_cast<cudaError_t>(error.load());
}

}  // namespace simt
