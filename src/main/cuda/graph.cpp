#include "graph.h"

namespace tern::cuda {

Graph::Graph(Context& context, const std::function<void()>& body) {
  const cudaStream_t stream = context.stream();
  cudaGraph_t graph = nullptr;
  check(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal), "recording a graph");
  try {
    body();
  } catch (...) {
    cudaStreamEndCapture(stream, &graph);
    if (graph) cudaGraphDestroy(graph);
    cudaGetLastError();
    throw;
  }
  check(cudaStreamEndCapture(stream, &graph), "recording a graph");
  const cudaError_t status = cudaGraphInstantiate(&executable_, graph, 0);
  cudaGraphDestroy(graph);
  check(status, "recording a graph");
}

Graph::~Graph() {
  if (executable_) cudaGraphExecDestroy(executable_);
}

void Graph::launch(cudaStream_t stream) const { check(cudaGraphLaunch(executable_, stream), "a graph"); }

Stopwatch::Stopwatch(cudaStream_t stream) : stream_(stream) {
  check(cudaEventCreate(&begin_), "cudaEventCreate");
  const cudaError_t status = cudaEventCreate(&end_);
  if (status != cudaSuccess) cudaEventDestroy(begin_);
  check(status, "cudaEventCreate");
}

Stopwatch::~Stopwatch() {
  cudaEventDestroy(begin_);
  cudaEventDestroy(end_);
}

void Stopwatch::start() { check(cudaEventRecord(begin_, stream_), "cudaEventRecord"); }

double Stopwatch::stop() {
  float ms = 0;
  check(cudaEventRecord(end_, stream_), "cudaEventRecord");
  check(cudaEventSynchronize(end_), "a measurement");
  check(cudaEventElapsedTime(&ms, begin_, end_), "a measurement");
  return ms * 1e-3;
}

}  // namespace tern::cuda
