#include "core/pool.h"

#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <thread>
#include <vector>

#include "core/status.h"

namespace tern {
namespace {

// About 30 us on current processors: longer than the serial work between two kernels of a decode step, so that workers do
// not sleep within a step; shorter than anyone who shares the machine would notice.
constexpr int kSpins = 1500;

// What a waiting thread fetches at most, a part of a current L2; it takes some 20 us of waiting.
constexpr int64_t kFetchBytes = 256 << 10;
constexpr int64_t kFetchStep = 1 << 10;

inline void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

void futex_wait(std::atomic<uint32_t>& word, uint32_t seen) {
  syscall(SYS_futex, reinterpret_cast<uint32_t*>(&word), FUTEX_WAIT_PRIVATE, seen, nullptr, nullptr, 0);
}

void futex_wake(std::atomic<uint32_t>& word) {
  syscall(SYS_futex, reinterpret_cast<uint32_t*>(&word), FUTEX_WAKE_PRIVATE, Pool::kMaxThreads, nullptr, nullptr, 0);
}

}  // namespace

// One job at a time. ticket holds (epoch << 32 | tasks not yet claimed): a claim that succeeds proves that its job is still
// waiting for that task, so the job's fields may be read; a worker that slept through a job finds a later epoch.
struct Pool::State {
  std::atomic<uint64_t> ticket{0};
  Call call = nullptr;
  void* task = nullptr;
  int n_tasks = 0;
  std::atomic<uint32_t> completed{0};

  std::atomic<uint32_t> wake{0};       // futex word of the workers
  std::atomic<int> sleepers{0};
  std::atomic<int> caller_sleeps{0};
  std::atomic<bool> stop{false};
  std::vector<std::thread> workers;

  std::atomic<const char*> expected{nullptr};  // by expect
  std::atomic<int64_t> expected_bytes{0}, expected_stride{0};

  // How far a thread is with fetching what is expected.
  struct Fetched {
    const char* expected = nullptr;
    int64_t bytes = 0;
  };
  Fetched fetched_by_caller;

  // A moment of waiting, used to fetch some of what is expected.
  void idle(int thread, Fetched& fetched) {
    const char* const data = expected.load(std::memory_order_acquire);
    if (data != fetched.expected) fetched = {data, 0};
    const int64_t stride = expected_stride.load(std::memory_order_relaxed);
    const int64_t begin = thread * stride + fetched.bytes;
    if (!data || fetched.bytes >= std::min(stride, kFetchBytes) ||
        begin + kFetchStep > expected_bytes.load(std::memory_order_relaxed))
      return pause();
    for (int64_t i = 0; i < kFetchStep; i += 64) __builtin_prefetch(data + begin + i, 0, 2);
    fetched.bytes += kFetchStep;
  }

  // Claims and runs tasks until none is left.
  void work(int thread) {
    uint64_t seen = ticket.load(std::memory_order_acquire);
    while (seen & 0xffffffffu) {
      if (!ticket.compare_exchange_weak(seen, seen - 1, std::memory_order_acq_rel, std::memory_order_acquire)) continue;
      const int n = n_tasks;
      call(task, n - static_cast<int>(seen & 0xffffffffu), thread);
      if (completed.fetch_add(1, std::memory_order_seq_cst) + 1 == static_cast<uint32_t>(n) &&
          caller_sleeps.load(std::memory_order_seq_cst))
        futex_wake(completed);
      seen = ticket.load(std::memory_order_acquire);
    }
  }

  void worker(int thread) {
    Fetched fetched;
    for (;;) {
      for (int spin = 0; spin < kSpins && !stop.load(std::memory_order_relaxed); spin++) {
        if (ticket.load(std::memory_order_relaxed) & 0xffffffffu) {
          work(thread);
          spin = 0;
        }
        idle(thread, fetched);
      }
      if (stop.load(std::memory_order_acquire)) return;
      const uint32_t seen = wake.load(std::memory_order_seq_cst);
      sleepers.fetch_add(1, std::memory_order_seq_cst);
      if (!(ticket.load(std::memory_order_seq_cst) & 0xffffffffu) && !stop.load(std::memory_order_seq_cst))
        futex_wait(wake, seen);
      sleepers.fetch_sub(1, std::memory_order_seq_cst);
    }
  }

  void start(int n_workers) {
    // Workers take no signals: those belong to the threads of the process that loaded us.
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    try {
      for (int i = 1; i <= n_workers; i++) {
        workers.emplace_back([this, i] { worker(i); });
        pthread_setname_np(workers.back().native_handle(), "tern-worker");
      }
    } catch (...) {
      pthread_sigmask(SIG_SETMASK, &old, nullptr);
      finish();
      fail(TERN_ERR_OUT_OF_MEMORY, "the system refused to start %d threads; ask for fewer", n_workers);
    }
    pthread_sigmask(SIG_SETMASK, &old, nullptr);
  }

  void finish() {
    stop.store(true, std::memory_order_seq_cst);
    wake.fetch_add(1, std::memory_order_seq_cst);
    futex_wake(wake);
    for (std::thread& thread : workers) thread.join();
    workers.clear();
    stop.store(false, std::memory_order_seq_cst);
  }
};

Pool::Pool(int n_threads) : state_(new State) { state_->start(n_threads - 1); }

Pool::~Pool() { state_->finish(); }

int Pool::n_threads() const { return static_cast<int>(state_->workers.size()) + 1; }

void Pool::resize(int n_threads) {
  if (n_threads == this->n_threads()) return;
  state_->finish();
  state_->start(n_threads - 1);
}

void Pool::expect(const void* data, int64_t n_bytes, int64_t stride) {
  State& s = *state_;
  s.expected_bytes.store(n_bytes, std::memory_order_relaxed);
  s.expected_stride.store(stride, std::memory_order_relaxed);
  s.expected.store(static_cast<const char*>(data), std::memory_order_release);
}

void Pool::run_erased(int n_tasks, Call call, void* task) {
  State& s = *state_;
  if (n_tasks <= 1 || s.workers.empty()) {
    for (int i = 0; i < n_tasks; i++) call(task, i, 0);
    return;
  }
  s.call = call;
  s.task = task;
  s.n_tasks = n_tasks;
  s.completed.store(0, std::memory_order_relaxed);
  const uint64_t epoch = (s.ticket.load(std::memory_order_relaxed) >> 32) + 1;
  s.ticket.store(epoch << 32 | static_cast<uint32_t>(n_tasks), std::memory_order_seq_cst);
  if (s.sleepers.load(std::memory_order_seq_cst)) {
    s.wake.fetch_add(1, std::memory_order_seq_cst);
    futex_wake(s.wake);
  }
  s.work(0);
  const uint32_t all = static_cast<uint32_t>(n_tasks);
  for (int spin = 0; spin < kSpins; spin++) {
    if (s.completed.load(std::memory_order_acquire) == all) return;
    s.idle(0, s.fetched_by_caller);
  }
  s.caller_sleeps.store(1, std::memory_order_seq_cst);
  for (;;) {
    const uint32_t seen = s.completed.load(std::memory_order_seq_cst);
    if (seen == all) break;
    futex_wait(s.completed, seen);
  }
  s.caller_sleeps.store(0, std::memory_order_relaxed);
}

}  // namespace tern
