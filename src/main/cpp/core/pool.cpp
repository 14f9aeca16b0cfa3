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

// Of a ticket: tasks not yet claimed, and whether a claim may take several.
constexpr uint64_t kLeft = 0x7fffffff, kSeveral = 0x80000000;
// It then takes half of what is left, so that single tasks are left for the end; of a long share no more than a thread may be held back with
// (docs/ternary.md, "From memory", has figures).
constexpr uint32_t kMostClaimed = 32;

// What a waiting thread fetches at most: half of Zen 5's L2, where it was measured, and all of some older ones. Most waits end before.
constexpr int64_t kFetchBytes = 512 << 10;
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

// One job at a time, its tasks in shares, one a thread. A share's ticket holds (job << 32 | kSeveral or 0 | tasks not yet claimed): a claim
// that succeeds proves that its job is still waiting for what was claimed, so the job's fields may be read; who slept through a job finds a later
// number.
struct Pool::State {
  struct alignas(64) Share {
    std::atomic<uint64_t> ticket{0};
    std::atomic<const char*> expected{nullptr};  // by expect, for the thread whose share it is
    std::atomic<int64_t> expected_bytes{0};
  };

  Call call = nullptr;
  void* task = nullptr;
  int n_tasks = 0;
  int n_threads = 1;
  std::vector<Share> shares;           // [n_threads]
  alignas(64) std::atomic<uint32_t> completed{0};
  alignas(64) std::atomic<uint32_t> job{0};  // stored when all tickets are
  std::atomic<uint32_t> wake{0};       // futex word of the workers
  std::atomic<int> sleepers{0};
  std::atomic<int> caller_sleeps{0};
  std::atomic<bool> stop{false};
  std::vector<std::thread> workers;

  // How far a thread is with fetching what is expected.
  struct Fetched {
    const char* expected = nullptr;
    int64_t bytes = 0;
  };
  Fetched fetched_by_caller;

  // A moment of waiting, used to fetch some of what is expected.
  void idle(int thread, Fetched& fetched) {
    const Share& share = shares[static_cast<size_t>(thread)];
    const char* const data = share.expected.load(std::memory_order_acquire);
    if (data != fetched.expected) fetched = {data, 0};
    const int64_t bytes = std::min(share.expected_bytes.load(std::memory_order_relaxed), kFetchBytes);
    if (!data || fetched.bytes + kFetchStep > bytes) return pause();
    for (int64_t i = 0; i < kFetchStep; i += 64) __builtin_prefetch(data + fetched.bytes + i, 0, 2);
    fetched.bytes += kFetchStep;
  }

  // Claims and runs tasks of a job until none is left: of the thread's own share, then of the others'. What it ran of a share is counted once, at the
  // end: each atomic operation is a pause in what a core asks memory for.
  void work(int thread, uint32_t of_job) {
    for (int k = 0; k < n_threads; k++) {
      uint32_t ran = 0, all = 0;
      const int of = (thread + k) % n_threads;
      std::atomic<uint64_t>& ticket = shares[static_cast<size_t>(of)].ticket;
      uint64_t seen = ticket.load(std::memory_order_acquire);
      while (seen >> 32 == of_job && (seen & kLeft)) {  // of a later one it begins with its own share
        const uint32_t left = seen & kLeft;
        const uint32_t claimed = seen & kSeveral ? std::min((left + 1) / 2, kMostClaimed) : 1;
        if (!ticket.compare_exchange_weak(seen, seen - claimed, std::memory_order_acq_rel, std::memory_order_acquire)) continue;
        const int n = n_tasks, first = first_task(n, n_threads, of + 1) - static_cast<int>(left);
        for (uint32_t i = 0; i < claimed; i++) call(task, first + static_cast<int>(i), thread);
        ran += claimed;
        all = static_cast<uint32_t>(n);
        seen = ticket.load(std::memory_order_acquire);
      }
      if (ran && completed.fetch_add(ran, std::memory_order_seq_cst) + ran == all && caller_sleeps.load(std::memory_order_seq_cst)) futex_wake(completed);
    }
  }

  void worker(int thread, uint32_t seen) {
    Fetched fetched;
    for (;;) {
      for (int spin = 0; spin < kSpins && !stop.load(std::memory_order_relaxed); spin++) {
        const uint32_t now = job.load(std::memory_order_acquire);
        if (now != seen) {
          seen = now;
          work(thread, seen);
          spin = 0;
        }
        idle(thread, fetched);
      }
      if (stop.load(std::memory_order_acquire)) return;
      const uint32_t woken = wake.load(std::memory_order_seq_cst);
      sleepers.fetch_add(1, std::memory_order_seq_cst);
      if (job.load(std::memory_order_seq_cst) == seen && !stop.load(std::memory_order_seq_cst)) futex_wait(wake, woken);
      sleepers.fetch_sub(1, std::memory_order_seq_cst);
    }
  }

  void start(int n_workers) {
    shares = std::vector<Share>(static_cast<size_t>(n_workers) + 1);
    n_threads = n_workers + 1;
    const uint32_t seen = job.load(std::memory_order_relaxed);
    // Workers take no signals: those belong to the threads of the process that loaded us.
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    try {
      for (int i = 1; i <= n_workers; i++) {
        workers.emplace_back([this, i, seen] { worker(i, seen); });
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
    n_threads = 1;
    stop.store(false, std::memory_order_seq_cst);
  }
};

Pool::Pool(int n_threads) : state_(new State) { state_->start(n_threads - 1); }

Pool::~Pool() { state_->finish(); }

int Pool::n_threads() const { return state_->n_threads; }

void Pool::resize(int n_threads) {
  if (n_threads == this->n_threads()) return;
  state_->finish();
  state_->start(n_threads - 1);
}

void Pool::expect(int thread, const void* data, int64_t n_bytes) {
  State::Share& share = state_->shares[static_cast<size_t>(thread)];
  share.expected_bytes.store(n_bytes, std::memory_order_relaxed);
  share.expected.store(static_cast<const char*>(data), std::memory_order_release);
}

void Pool::run_erased(int n_tasks, bool several, Call call, void* task) {
  State& s = *state_;
  if (n_tasks <= 1 || s.workers.empty()) {
    for (int i = 0; i < n_tasks; i++) call(task, i, 0);
    return;
  }
  s.call = call;
  s.task = task;
  s.n_tasks = n_tasks;
  s.completed.store(0, std::memory_order_relaxed);
  const uint32_t job = s.job.load(std::memory_order_relaxed) + 1;
  for (int t = 0; t < s.n_threads; t++) {
    const int n = first_task(n_tasks, s.n_threads, t + 1) - first_task(n_tasks, s.n_threads, t);
    s.shares[static_cast<size_t>(t)].ticket.store(uint64_t{job} << 32 | (several ? kSeveral : 0) | static_cast<uint32_t>(n),
                                                  std::memory_order_release);
  }
  s.job.store(job, std::memory_order_seq_cst);
  if (s.sleepers.load(std::memory_order_seq_cst)) {
    s.wake.fetch_add(1, std::memory_order_seq_cst);
    futex_wake(s.wake);
  }
  s.work(0, job);
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
