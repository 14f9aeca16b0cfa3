// A pool of threads that takes tasks from one counter. A thread that the system holds back delays only the task it has begun;
// the others take the rest. Waiting threads spin for a moment, then sleep on a futex.
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

  // Memory that the tasks of a later run read: task i about from data + i * stride on. A thread that waits fetches the beginning of task
  // `thread`, which it is likely to be given, into its cache. No more than advice: the memory may be gone by then.
  void expect(const void* data, int64_t n_bytes, int64_t stride);

  // Calls task(i, thread) for every i in [0, n_tasks), thread in [0, n_threads), and returns when all are done. Tasks must
  // not throw and must not call run. With one task or one thread everything runs on the caller, without any waiting.
  template <class Task>
  void run(int n_tasks, Task&& task) {
    using Plain = std::remove_reference_t<Task>;
    run_erased(n_tasks, [](void* t, int i, int thread) { (*static_cast<Plain*>(t))(i, thread); },
               const_cast<void*>(static_cast<const void*>(&task)));
  }

 private:
  using Call = void (*)(void* task, int i, int thread);
  void run_erased(int n_tasks, Call call, void* task);

  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace tern
