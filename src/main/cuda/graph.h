// Work that is recorded once and launched as often as needed, and the time between two points of a stream.
#pragma once

#include <cuda_runtime.h>

#include <functional>

#include "context.h"

namespace tern::cuda {

class Graph {
 public:
  // Records what body launches on the context's stream; nothing runs yet.
  Graph(Context& context, const std::function<void()>& body);
  ~Graph();
  Graph(Graph&& other) noexcept : executable_(other.executable_) { other.executable_ = nullptr; }
  Graph(const Graph&) = delete;
  Graph& operator=(const Graph&) = delete;

  void launch(cudaStream_t stream) const;

 private:
  cudaGraphExec_t executable_ = nullptr;
};

class Stopwatch {
 public:
  explicit Stopwatch(cudaStream_t stream);
  ~Stopwatch();
  Stopwatch(const Stopwatch&) = delete;
  Stopwatch& operator=(const Stopwatch&) = delete;

  void start();
  double stop();  // seconds since start; waits for the stream

 private:
  cudaStream_t stream_;
  cudaEvent_t begin_ = nullptr, end_ = nullptr;
};

}  // namespace tern::cuda
