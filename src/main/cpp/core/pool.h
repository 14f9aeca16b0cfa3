// A pool of threads. Each has a share of a job's tasks that follow each other, so that what they read is one stream, and takes them in
// order; then it helps the others with theirs. A thread that the system holds back delays only the task it has begun (run_short: what it
// has claimed). Waiting threads spin for a moment, then sleep on a futex.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <type_traits>

namespace tern {

class Pool {
 public:
  static constexpr int kMaxThreads = 256;

  explicit Pool(int n_threads);  // the caller of run counts as one
  ~Pool();
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  int n_threads() const;
  void resize(int n_threads);  // not while run is under way

  // The share of a thread of n_threads: tasks [first_task(.., thread), first_task(.., thread + 1)).
  static int first_task(int n_tasks, int n_threads, int thread) {
    return static_cast<int>((int64_t{n_tasks} * thread + n_threads - 1) / n_threads);  // of few tasks the caller of run has one
  }

  // Memory that the share of `thread` of a later run begins with: while that thread waits, it fetches some of it into its cache. No
  // more than advice: the memory may be gone by then. For the thread that calls run.
  void expect(int thread, const void* data, int64_t n_bytes);

  // Calls task(i, thread) for every i in [0, n_tasks), thread in [0, n_threads), and returns when all are done. Tasks must
  // not throw and must not call run. With one task or one thread everything runs on the caller, without any waiting.
  template <class Task>
  void run(int n_tasks, Task&& task) {
    run_erased(n_tasks, false, &call<std::remove_reference_t<Task>>, const_cast<void*>(static_cast<const void*>(&task)));
  }

  // The same for tasks of a few microseconds that read from memory. Each claim is a pause in what a core asks memory for, so that a thread claims
  // half of what is left of a share at once, 32 tasks at most: if the system holds it back, it delays all of that.
  template <class Task>
  void run_short(int n_tasks, Task&& task) {
    run_erased(n_tasks, true, &call<std::remove_reference_t<Task>>, const_cast<void*>(static_cast<const void*>(&task)));
  }

 private:
  using Call = void (*)(void* task, int i, int thread);
  template <class Plain>
  static void call(void* task, int i, int thread) {
    (*static_cast<Plain*>(task))(i, thread);
  }
  void run_erased(int n_tasks, bool several, Call call, void* task);

  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace tern
