// State of the fake runtime. Work on a stream is queued and runs when the host waits for it.
#pragma once

#include <cuda_runtime.h>

#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "control_state.h"

namespace simt {

struct Task {
  std::function<cudaError_t()> run;
};
using Tasks = std::vector<Task>;

struct Queue {
  std::deque<Task> tasks;
  uint64_t n_issued = 0;
  uint64_t n_done = 0;
};

struct Capture {
  cudaStreamCaptureMode mode;
  std::thread::id thread;
  CUstream_st* origin;
  bool invalid = false;
  Tasks tasks;
};

struct EventState {
  std::shared_ptr<Queue> queue;
  uint64_t position = 0;  // the queue has done the record when n_done is this
  bool timed = true;
  bool done = true;
  std::chrono::steady_clock::time_point time;
  std::shared_ptr<Capture> capture;  // it was recorded in
};

struct Memory {
  char* map = nullptr;
  size_t map_bytes = 0;
  size_t n_bytes = 0;
};

struct Failure {
  cudaError_t error;
  std::string name;
  int after_n;
};

bool stays(cudaError_t error);  // until cudaDeviceReset
bool has_device();
size_t max_shared(int sm);

size_t memory_from_environment();                 // SIMT_MEMORY: bytes
std::vector<Failure> failures_from_environment();  // SIMT_FAIL: name:error:after_n, more after commas

class Runtime {
 public:
  std::recursive_mutex mutex;
  size_t memory_bytes = memory_from_environment();
  size_t device_bytes = 0, pinned_bytes = 0;
  std::map<char*, Memory> device_memory, pinned_memory;
  std::set<CUstream_st*> streams;
  std::set<CUevent_st*> events;
  std::set<CUgraph_st*> graphs;
  std::set<CUgraphExec_st*> execs;
  std::shared_ptr<Queue> legacy = std::make_shared<Queue>();  // the legacy stream and those that block with it: one order for all
  std::vector<std::weak_ptr<Capture>> captures;
  std::vector<Failure> failures = failures_from_environment();
  cudaError_t sticky = cudaSuccess;
  std::map<std::string, uint64_t> calls;

  // The error that fail_next asked for, if it is this call's turn. kernel_runs: of a kernel, now that it runs.
  cudaError_t injected(const char* name, bool is_kernel = false, bool kernel_runs = false);
  // Runs what is queued up to the position, or all.
  cudaError_t drain(Queue& queue, uint64_t position = ~uint64_t{0});
  cudaError_t drain_all();
  // The queue of a stream; null if there is no such stream.
  std::shared_ptr<Queue> queue(CUstream_st* stream);
  std::shared_ptr<Capture> capture(CUstream_st* stream);
  cudaError_t put(CUstream_st* stream, Task task);
  // For calls that a capture forbids.
  cudaError_t unsafe();
  void lose(cudaError_t error);

  cudaError_t allocate(void** pointer, size_t n_bytes);
  cudaError_t release(void* pointer);
  cudaError_t allocate_pinned(void** pointer, size_t n_bytes);
  cudaError_t release_pinned(void* pointer);
  bool on_device(const void* pointer, size_t n_bytes) const { return inside(device_memory, pointer, n_bytes); }
  bool is_pinned(const void* pointer, size_t n_bytes) const { return inside(pinned_memory, pointer, n_bytes); }
  bool begins_on_device(const void* pointer) const { return inside(device_memory, pointer, 0); }
  // Device memory is out of the host's reach but while work runs.
  void open_memory();
  void close_memory();

 private:
  static bool inside(const std::map<char*, Memory>& memory, const void* pointer, size_t n_bytes);
  cudaError_t join(CUstream_st* stream);
  int n_open_ = 0;
};
Runtime& runtime();

// The error of a call, kept for cudaGetLastError.
cudaError_t finish(cudaError_t status);

// A call of the API: body(runtime) runs unless a failure was asked for, or the device is lost or not there.
template <class Body>
cudaError_t api(const char* name, Body&& body) {
  Runtime& r = runtime();
  std::lock_guard<std::recursive_mutex> lock(r.mutex);
  r.calls[name]++;
  if (!has_device()) return finish(cudaErrorInsufficientDriver);
  if (r.sticky != cudaSuccess) return finish(r.sticky);
  const cudaError_t status = r.injected(name);
  if (stays(status)) r.lose(status);
  return finish(status != cudaSuccess ? status : body(r));
}

}  // namespace simt

struct CUstream_st {
  std::shared_ptr<simt::Queue> queue;
  bool blocking = false;
  std::shared_ptr<simt::Capture> capture;
};
struct CUevent_st {
  std::shared_ptr<simt::EventState> state;
  bool timed = true;
};
struct CUgraph_st {
  simt::Tasks tasks;
};
struct CUgraphExec_st {
  std::shared_ptr<const simt::Tasks> tasks;
};
