// Streams, events, launches, capture and graphs of the fake runtime.
#include <algorithm>

#include "runtime.h"

namespace simt {

Runtime& runtime() {
  static Runtime* const r = new Runtime;  // never destroyed: static objects of tests may still use it
  return *r;
}
size_t live_handles() {
  const Runtime& r = runtime();
  return r.streams.size() + r.events.size() + r.graphs.size() + r.execs.size();
}

uint64_t calls(const std::string& name) {
  Runtime& r = runtime();
  std::lock_guard<std::recursive_mutex> lock(r.mutex);
  if (!name.empty()) return r.calls[name];
  uint64_t n = 0;
  for (const auto& call : r.calls) n += call.second;
  return n;
}

std::shared_ptr<Queue> Runtime::queue(CUstream_st* stream) {
  if (!stream || stream == cudaStreamLegacy || stream == cudaStreamPerThread) return legacy;
  return streams.count(stream) ? stream->queue : nullptr;
}
std::shared_ptr<Capture> Runtime::capture(CUstream_st* stream) { return streams.count(stream) ? stream->capture : nullptr; }

void Runtime::lose(cudaError_t error) {
  if (sticky == cudaSuccess) sticky = error;
}

cudaError_t Runtime::drain(Queue& queue, uint64_t position) {
  if (queue.tasks.empty()) return sticky;
  open_memory();
  while (!queue.tasks.empty() && queue.n_done < position) {
    const Task task = std::move(queue.tasks.front());
    queue.tasks.pop_front();
    if (sticky == cudaSuccess) {
      const cudaError_t status = task.run();
      if (status != cudaSuccess) lose(status);
    }
    queue.n_done++;
  }
  close_memory();
  return sticky;
}

cudaError_t Runtime::drain_all() {
  drain(*legacy);
  for (CUstream_st* s : streams) drain(*s->queue);
  return sticky;
}

cudaError_t Runtime::put(CUstream_st* stream, Task task) {
  const std::shared_ptr<Queue> q = queue(stream);
  if (!q) return cudaErrorInvalidResourceHandle;
  if (const auto c = capture(stream)) {
    if (c->invalid) return cudaErrorStreamCaptureInvalidated;
    c->tasks.push_back(std::move(task));
    return cudaSuccess;
  }
  if (q == legacy)  // would make a blocking stream's capture depend on what is not captured
    for (CUstream_st* s : streams)
      if (s->blocking && s->capture) {
        s->capture->invalid = true;
        return cudaErrorStreamCaptureImplicit;
      }
  q->tasks.push_back(std::move(task));
  q->n_issued++;
  return cudaSuccess;
}

cudaError_t Runtime::unsafe() {
  bool forbidden = false;
  for (auto& weak : captures)
    if (const auto c = weak.lock()) {
      if (c->mode == cudaStreamCaptureModeRelaxed) continue;
      if (c->mode == cudaStreamCaptureModeThreadLocal && c->thread != std::this_thread::get_id()) continue;
      c->invalid = forbidden = true;
    }
  return forbidden ? cudaErrorStreamCaptureUnsupported : cudaSuccess;
}

cudaError_t enqueue(Grid grid, CUstream_st* stream) {
  Runtime& r = runtime();
  std::lock_guard<std::recursive_mutex> lock(r.mutex);
  r.calls["cudaLaunchKernel"]++;
  if (!has_device()) return finish(cudaErrorInsufficientDriver);
  if (r.sticky != cudaSuccess) return finish(r.sticky);
  const dim3 g = grid.grid, b = grid.block;
  const uint64_t threads = uint64_t(b.x) * b.y * b.z;
  if (threads == 0 || threads > kMaxThreads || b.z > 64 || g.x == 0 || g.y == 0 || g.z == 0 || g.x > 0x7fffffffu || g.y > 65535 ||
      g.z > 65535)
    return finish(cudaErrorInvalidConfiguration);
  if (grid.shared > max_shared(sm())) return finish(cudaErrorInvalidValue);
  const cudaError_t injected = r.injected(grid.name.c_str(), true, false);
  if (injected != cudaSuccess) return finish(injected);
  const auto shared_grid = std::make_shared<const Grid>(std::move(grid));
  return finish(r.put(stream, {[shared_grid] {
                        const cudaError_t error = runtime().injected(shared_grid->name.c_str(), true, true);
                        return error != cudaSuccess ? error : run_grid(*shared_grid);
                      }}));
}

namespace {

cudaError_t new_stream(Runtime& r, cudaStream_t* stream, unsigned flags) {
  if (flags > cudaStreamNonBlocking) return cudaErrorInvalidValue;
  auto* s = new CUstream_st;
  s->blocking = flags == cudaStreamDefault;
  s->queue = s->blocking ? r.legacy : std::make_shared<Queue>();
  r.streams.insert(s);
  *stream = s;
  return cudaSuccess;
}

// For calls that a capturing stream does not allow.
cudaError_t check_stream(Runtime& r, cudaStream_t stream) {
  if (!r.queue(stream)) return cudaErrorInvalidResourceHandle;
  if (const auto c = r.capture(stream)) {
    c->invalid = true;
    return cudaErrorStreamCaptureUnsupported;
  }
  return cudaSuccess;
}

bool done(const EventState& e) { return e.done || !e.queue || e.queue->n_done >= e.position; }

}  // namespace
}  // namespace simt

using simt::api;
using simt::Runtime;

cudaError_t cudaStreamCreate(cudaStream_t* stream) { return cudaStreamCreateWithFlags(stream, cudaStreamDefault); }
cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned flags) {
  return api("cudaStreamCreateWithFlags", [&](Runtime& r) { return simt::new_stream(r, stream, flags); });
}
cudaError_t cudaStreamCreateWithPriority(cudaStream_t* stream, unsigned flags, int) { return cudaStreamCreateWithFlags(stream, flags); }
// Its work is done first, as the real one's is in the end.
cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  return api("cudaStreamDestroy", [&](Runtime& r) {
    if (!r.streams.count(stream)) return cudaErrorInvalidResourceHandle;
    r.drain(*stream->queue);
    r.streams.erase(stream);
    delete stream;
    return cudaSuccess;
  });
}
cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  return api("cudaStreamSynchronize", [&](Runtime& r) {
    const cudaError_t status = simt::check_stream(r, stream);
    return status != cudaSuccess ? status : r.drain(*r.queue(stream));
  });
}
// Work makes progress by being asked for: the first query of a busy stream says so and runs it.
cudaError_t cudaStreamQuery(cudaStream_t stream) {
  return api("cudaStreamQuery", [&](Runtime& r) {
    cudaError_t status = simt::check_stream(r, stream);
    if (status != cudaSuccess || r.queue(stream)->tasks.empty()) return status;
    status = r.drain(*r.queue(stream));
    return status != cudaSuccess ? status : cudaErrorNotReady;
  });
}
cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned) {
  return api("cudaStreamWaitEvent", [&](Runtime& r) {
    if (!r.queue(stream) || !r.events.count(event)) return cudaErrorInvalidResourceHandle;
    const simt::EventState e = *event->state;
    if (e.capture) {  // the stream joins the capture; its work follows in the order of the calls
      if (!r.streams.count(stream) || (stream->capture && stream->capture != e.capture)) return cudaErrorStreamCaptureMerge;
      stream->capture = e.capture;
      return cudaSuccess;
    }
    if (simt::done(e)) return cudaSuccess;
    if (r.capture(stream)) return cudaErrorStreamCaptureIsolation;
    return r.put(stream, {[e] { return simt::runtime().drain(*e.queue, e.position); }});
  });
}
cudaError_t cudaLaunchHostFunc(cudaStream_t stream, cudaHostFn_t function, void* data) {
  return api("cudaLaunchHostFunc", [&](Runtime& r) {
    return r.put(stream, {[=] {
                   function(data);
                   return cudaSuccess;
                 }});
  });
}
cudaError_t cudaDeviceSynchronize() {
  return api("cudaDeviceSynchronize", [](Runtime& r) {
    const cudaError_t status = r.unsafe();
    return status != cudaSuccess ? status : r.drain_all();
  });
}
// Ends everything, a lost context too: memory, streams, events and graphs of before are no more.
cudaError_t cudaDeviceReset() {
  Runtime& r = simt::runtime();
  std::lock_guard<std::recursive_mutex> lock(r.mutex);
  r.sticky = cudaSuccess;
  r.legacy->tasks.clear();
  r.captures.clear();
  for (auto* s : r.streams) delete s;
  for (auto* e : r.events) delete e;
  for (auto* g : r.graphs) delete g;
  for (auto* e : r.execs) delete e;
  r.streams.clear();
  r.events.clear();
  r.graphs.clear();
  r.execs.clear();
  while (!r.device_memory.empty()) r.release(r.device_memory.begin()->first);
  while (!r.pinned_memory.empty()) r.release_pinned(r.pinned_memory.begin()->first);
  cudaGetLastError();
  return cudaSuccess;
}

cudaError_t cudaEventCreate(cudaEvent_t* event) { return cudaEventCreateWithFlags(event, cudaEventDefault); }
cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned flags) {
  return api("cudaEventCreateWithFlags", [&](Runtime& r) {
    *event = new CUevent_st{std::make_shared<simt::EventState>(), !(flags & cudaEventDisableTiming)};
    r.events.insert(*event);
    return cudaSuccess;
  });
}
cudaError_t cudaEventDestroy(cudaEvent_t event) {
  return api("cudaEventDestroy", [&](Runtime& r) {
    if (!r.events.erase(event)) return cudaErrorInvalidResourceHandle;
    delete event;
    return cudaSuccess;
  });
}
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  return api("cudaEventRecord", [&](Runtime& r) {
    const auto queue = r.queue(stream);
    if (!queue || !r.events.count(event)) return cudaErrorInvalidResourceHandle;
    const auto state = std::make_shared<simt::EventState>();
    event->state = state;
    state->timed = event->timed;
    state->capture = r.capture(stream);
    if (state->capture) return cudaSuccess;
    state->queue = queue;
    state->done = false;
    const cudaError_t status = r.put(stream, {[state] {
                                       state->done = true;
                                       state->time = std::chrono::steady_clock::now();
                                       return cudaSuccess;
                                     }});
    state->position = queue->n_issued;
    return status;
  });
}
cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  return api("cudaEventSynchronize", [&](Runtime& r) {
    if (!r.events.count(event)) return cudaErrorInvalidResourceHandle;
    const auto state = event->state;
    if (state->capture) return cudaErrorCapturedEvent;
    return simt::done(*state) ? cudaSuccess : r.drain(*state->queue, state->position);
  });
}
cudaError_t cudaEventQuery(cudaEvent_t event) {
  return api("cudaEventQuery", [&](Runtime& r) {
    if (!r.events.count(event)) return cudaErrorInvalidResourceHandle;
    const auto state = event->state;
    if (state->capture) return cudaErrorCapturedEvent;
    if (simt::done(*state)) return cudaSuccess;
    const cudaError_t status = r.drain(*state->queue, state->position);
    return status != cudaSuccess ? status : cudaErrorNotReady;
  });
}
cudaError_t cudaEventElapsedTime(float* ms, cudaEvent_t from, cudaEvent_t to) {
  return api("cudaEventElapsedTime", [&](Runtime& r) {
    if (!r.events.count(from) || !r.events.count(to) || !from->timed || !to->timed || !from->state->queue || !to->state->queue)
      return cudaErrorInvalidResourceHandle;
    if (!from->state->done || !to->state->done) return cudaErrorNotReady;
    *ms = std::chrono::duration<float, std::milli>(to->state->time - from->state->time).count();
    return cudaSuccess;
  });
}

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode mode) {
  return api("cudaStreamBeginCapture", [&](Runtime& r) {
    if (!stream || stream == cudaStreamLegacy) return cudaErrorStreamCaptureUnsupported;
    if (!r.streams.count(stream)) return cudaErrorInvalidResourceHandle;
    if (stream->capture) return cudaErrorIllegalState;
    stream->capture = std::make_shared<simt::Capture>();
    stream->capture->mode = mode;
    stream->capture->thread = std::this_thread::get_id();
    stream->capture->origin = stream;
    r.captures.push_back(stream->capture);
    return cudaSuccess;
  });
}
cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph) {
  return api("cudaStreamEndCapture", [&](Runtime& r) {
    *graph = nullptr;
    const auto c = r.capture(stream);
    if (!c) return r.queue(stream) ? cudaErrorIllegalState : cudaErrorInvalidResourceHandle;
    if (c->origin != stream) return cudaErrorStreamCaptureUnmatched;
    if (c->mode != cudaStreamCaptureModeRelaxed && c->thread != std::this_thread::get_id()) return cudaErrorStreamCaptureWrongThread;
    for (CUstream_st* s : r.streams)
      if (s->capture == c) s->capture.reset();
    r.captures.erase(std::remove_if(r.captures.begin(), r.captures.end(), [&](auto& weak) { return weak.lock() == c || weak.expired(); }),
                     r.captures.end());
    if (c->invalid) return cudaErrorStreamCaptureInvalidated;
    *graph = new CUgraph_st{c->tasks};
    r.graphs.insert(*graph);
    return cudaSuccess;
  });
}
cudaError_t cudaStreamIsCapturing(cudaStream_t stream, cudaStreamCaptureStatus* status) {
  return api("cudaStreamIsCapturing", [&](Runtime& r) {
    if (!r.queue(stream)) return cudaErrorInvalidResourceHandle;
    const auto c = r.capture(stream);
    *status = !c ? cudaStreamCaptureStatusNone : c->invalid ? cudaStreamCaptureStatusInvalidated : cudaStreamCaptureStatusActive;
    return cudaSuccess;
  });
}
cudaError_t cudaGraphInstantiate(cudaGraphExec_t* exec, cudaGraph_t graph, unsigned long long) {
  return api("cudaGraphInstantiate", [&](Runtime& r) {
    if (!r.graphs.count(graph)) return cudaErrorInvalidValue;
    *exec = new CUgraphExec_st{std::make_shared<const simt::Tasks>(graph->tasks)};
    r.execs.insert(*exec);
    return cudaSuccess;
  });
}
cudaError_t cudaGraphUpload(cudaGraphExec_t exec, cudaStream_t) {
  return api("cudaGraphUpload", [&](Runtime& r) { return r.execs.count(exec) ? cudaSuccess : cudaErrorInvalidValue; });
}
cudaError_t cudaGraphLaunch(cudaGraphExec_t exec, cudaStream_t stream) {
  return api("cudaGraphLaunch", [&](Runtime& r) {
    if (!r.execs.count(exec)) return cudaErrorInvalidValue;
    const auto tasks = exec->tasks;
    return r.put(stream, {[tasks] {
                   simt::count_graph_launch();
                   for (const simt::Task& task : *tasks) {
                     const cudaError_t status = task.run();
                     if (status != cudaSuccess) return status;
                   }
                   return cudaSuccess;
                 }});
  });
}
cudaError_t cudaGraphGetNodes(cudaGraph_t graph, cudaGraphNode_t*, size_t* n) {
  return api("cudaGraphGetNodes", [&](Runtime& r) {
    if (!r.graphs.count(graph)) return cudaErrorInvalidValue;
    *n = graph->tasks.size();
    return cudaSuccess;
  });
}
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t exec) {
  return api("cudaGraphExecDestroy", [&](Runtime& r) {
    if (!r.execs.erase(exec)) return cudaErrorInvalidValue;
    delete exec;
    return cudaSuccess;
  });
}
cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  return api("cudaGraphDestroy", [&](Runtime& r) {
    if (!r.graphs.erase(graph)) return cudaErrorInvalidValue;
    delete graph;
    return cudaSuccess;
  });
}
