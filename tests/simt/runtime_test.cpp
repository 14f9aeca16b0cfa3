// The emulated runtime: when work on a stream is done, graphs, memory, and failures on demand.
#include <gtest/gtest.h>

#include <cstdlib>
#include <functional>

#include "simt/emulator_test.h"

#ifdef TERN_SIMT

namespace tern::cuda {
namespace {

__global__ void add_kernel(int* x, int n, int value) {
  for (int i = static_cast<int>(threadIdx.x); i < n; i += static_cast<int>(blockDim.x)) x[i] += value;
}
void add(const DeviceArray<int>& x, int value, cudaStream_t s = nullptr) {
  launch("add_kernel", add_kernel, 1, 32, 0, s ? s : stream(), x.data(), static_cast<int>(x.size()), value);
}

struct Pinned {
  explicit Pinned(size_t n) { check(cudaMallocHost(&data, n * sizeof(int)), "cudaMallocHost"); }
  ~Pinned() { cudaFreeHost(data); }
  int* data = nullptr;
};

TEST_F(Simt, WorkWaitsForTheHostToWait) {
  DeviceArray<int> x(std::vector<int>{1});
  Pinned out(1);
  add(x, 5);
  ASSERT_EQ(cudaMemcpyAsync(out.data, x.data(), 4, cudaMemcpyDeviceToHost, stream()), cudaSuccess);
  EXPECT_EQ(*out.data, -1) << "what is read too early is stale";
  EXPECT_EQ(cudaStreamSynchronize(stream()), cudaSuccess);
  EXPECT_EQ(*out.data, 6);
}

TEST_F(Simt, PinnedSourcesAreReadWhenTheCopyRuns) {
  DeviceArray<int> x(2);
  Pinned pinned(1);
  int pageable = 1;
  *pinned.data = 1;
  ASSERT_EQ(cudaMemcpyAsync(x.data(), pinned.data, 4, cudaMemcpyHostToDevice, stream()), cudaSuccess);
  ASSERT_EQ(cudaMemcpyAsync(x.data() + 1, &pageable, 4, cudaMemcpyHostToDevice, stream()), cudaSuccess);
  *pinned.data = 2;
  pageable = 2;
  EXPECT_EQ(x.download(), (std::vector<int>{2, 1}));
}

TEST_F(Simt, QueriesSayThatAStreamIsBusy) {
  DeviceArray<int> x(std::vector<int>{1});
  EXPECT_EQ(cudaStreamQuery(stream()), cudaSuccess);
  add(x, 1);
  EXPECT_EQ(cudaStreamQuery(stream()), cudaErrorNotReady);
  EXPECT_EQ(cudaStreamQuery(stream()), cudaSuccess);
  EXPECT_EQ(cudaGetLastError(), cudaSuccess);
}

TEST_F(Simt, EventsOrderStreams) {
  DeviceArray<int> x(std::vector<int>{1});
  cudaStream_t other;
  cudaEvent_t begin, end;
  ASSERT_EQ(cudaStreamCreateWithFlags(&other, cudaStreamNonBlocking), cudaSuccess);
  ASSERT_EQ(cudaEventCreate(&begin), cudaSuccess);
  ASSERT_EQ(cudaEventCreate(&end), cudaSuccess);
  Pinned out(2);
  cudaEventRecord(begin, stream());
  add(x, 1);
  cudaEventRecord(end, stream());
  cudaMemcpyAsync(out.data, x.data(), 4, cudaMemcpyDeviceToHost, other);  // waits for nothing
  cudaStreamWaitEvent(other, end);
  cudaMemcpyAsync(out.data + 1, x.data(), 4, cudaMemcpyDeviceToHost, other);
  float ms = -1;
  EXPECT_EQ(cudaEventElapsedTime(&ms, begin, end), cudaErrorNotReady);
  EXPECT_EQ(cudaStreamSynchronize(other), cudaSuccess);
  EXPECT_EQ(out.data[0], 1);
  EXPECT_EQ(out.data[1], 2);
  EXPECT_EQ(cudaEventSynchronize(end), cudaSuccess);
  EXPECT_EQ(cudaEventElapsedTime(&ms, begin, end), cudaSuccess);
  EXPECT_GE(ms, 0);
  cudaEventDestroy(begin);
  cudaEventDestroy(end);
  cudaStreamDestroy(other);
}

TEST_F(Simt, GraphsReplayValuesAndReadMemoryAnew) {
  DeviceArray<int> x(std::vector<int>{0, 0});
  Pinned in(1);
  stream();
  const size_t handles = simt::live_handles();
  const uint64_t launches = simt::counters().graph_launches;
  int value = 3;
  ASSERT_EQ(cudaStreamBeginCapture(stream(), cudaStreamCaptureModeThreadLocal), cudaSuccess);
  ASSERT_EQ(cudaMemcpyAsync(x.data(), in.data, 4, cudaMemcpyHostToDevice, stream()), cudaSuccess);
  add(x, value);
  value = 1000;
  cudaGraph_t graph;
  cudaGraphExec_t exec;
  ASSERT_EQ(cudaStreamEndCapture(stream(), &graph), cudaSuccess);
  ASSERT_EQ(cudaGraphInstantiate(&exec, graph, 0), cudaSuccess);
  ASSERT_EQ(cudaGraphDestroy(graph), cudaSuccess);
  EXPECT_EQ(x.download(), (std::vector<int>{0, 0})) << "capturing runs nothing";
  for (int i = 1; i <= 3; i++) {
    *in.data = 10 * i;
    ASSERT_EQ(cudaGraphLaunch(exec, stream()), cudaSuccess);
    EXPECT_EQ(x.download(), (std::vector<int>{10 * i + 3, 3 * i}));
  }
  ASSERT_EQ(cudaGraphExecDestroy(exec), cudaSuccess);
  EXPECT_EQ(cudaGraphLaunch(exec, stream()), cudaErrorInvalidValue);
  cudaGetLastError();
  EXPECT_EQ(simt::live_handles(), handles);
  EXPECT_EQ(simt::counters().graph_launches, launches + 3);
}

TEST_F(Simt, WhatACaptureForbidsSpoilsIt) {
  DeviceArray<int> x(std::vector<int>{0});
  void* memory = nullptr;
  size_t free_bytes, all_bytes;
  const std::function<cudaError_t()> calls[] = {
      [&] { return cudaMalloc(&memory, 4); },
      [&] { return cudaFree(x.data()); },
      [&] { return cudaStreamSynchronize(stream()); },
      [&] { return cudaStreamQuery(stream()); },
      [&] { return cudaDeviceSynchronize(); },
      [&] { return cudaMemset(x.data(), 0, 4); },
      [&] { return cudaMemcpy(x.data(), &free_bytes, 4, cudaMemcpyHostToDevice); },
  };
  cudaGraph_t graph = nullptr;
  for (const auto& call : calls) {
    ASSERT_EQ(cudaStreamBeginCapture(stream(), cudaStreamCaptureModeGlobal), cudaSuccess);
    EXPECT_EQ(cudaMemGetInfo(&free_bytes, &all_bytes), cudaSuccess);
    EXPECT_EQ(call(), cudaErrorStreamCaptureUnsupported);
    EXPECT_ANY_THROW(add(x, 1));
    EXPECT_EQ(cudaStreamEndCapture(stream(), &graph), cudaErrorStreamCaptureInvalidated);
    EXPECT_EQ(graph, nullptr);
    cudaGetLastError();
  }
  add(x, 1);
  EXPECT_EQ(x.download()[0], 1);
}

TEST_F(Simt, MemoryIsLimitedAndCounted) {
  const size_t before = simt::live_bytes(), n = simt::live_allocations();
  simt::set_memory(before + 1000);
  void *a = nullptr, *b = nullptr;
  size_t free_bytes = 0, all_bytes = 0;
  EXPECT_EQ(cudaMalloc(&a, 600), cudaSuccess);
  EXPECT_EQ(cudaMemGetInfo(&free_bytes, &all_bytes), cudaSuccess);
  EXPECT_EQ(free_bytes, 400u);
  EXPECT_EQ(cudaMalloc(&b, 401), cudaErrorMemoryAllocation);
  EXPECT_EQ(cudaGetLastError(), cudaErrorMemoryAllocation);
  EXPECT_EQ(cudaGetLastError(), cudaSuccess);
  EXPECT_EQ(cudaMalloc(&b, 400), cudaSuccess);
  EXPECT_EQ(simt::live_allocations(), n + 2);
  EXPECT_EQ(cudaFree(a), cudaSuccess);
  EXPECT_EQ(cudaFree(a), cudaErrorInvalidValue);
  EXPECT_EQ(cudaFree(b), cudaSuccess);
  EXPECT_EQ(simt::live_bytes(), before);
  simt::set_memory(size_t(8) << 30);
  cudaGetLastError();
}

TEST_F(Simt, CopiesStayInTheirAllocations) {
  DeviceArray<int> x(4);
  std::vector<int> host(4096);
  EXPECT_EQ(cudaMemcpy(x.data(), host.data(), 4096, cudaMemcpyHostToDevice), cudaErrorInvalidValue);
  EXPECT_EQ(cudaMemcpy(host.data(), host.data(), 16, cudaMemcpyDeviceToHost), cudaErrorInvalidValue);
  EXPECT_EQ(cudaMemcpy(x.data(), x.data(), 16, cudaMemcpyDeviceToHost), cudaErrorInvalidValue);
  EXPECT_EQ(cudaMemsetAsync(x.data(), 0, 4096, stream()), cudaErrorInvalidValue);
  cudaGetLastError();
}

TEST_F(Simt, LaunchesOutOfRangeAreRefused) {
  DeviceArray<int> x(4);
  const auto status = [&](dim3 grid, dim3 block, size_t shared) {
    const cudaError_t status = simt::launch("add_kernel", add_kernel, grid, block, shared, stream(), x.data(), 4, 1);
    cudaGetLastError();
    return status;
  };
  EXPECT_EQ(status(0, 32, 0), cudaErrorInvalidConfiguration);
  EXPECT_EQ(status(dim3(1, 65536), 32, 0), cudaErrorInvalidConfiguration);
  EXPECT_EQ(status(1, 1025, 0), cudaErrorInvalidConfiguration);
  EXPECT_EQ(status(1, 32, static_cast<size_t>(device_info().max_shared) + 1), cudaErrorInvalidValue);
  EXPECT_EQ(status(1, 32, static_cast<size_t>(device_info().max_shared)), cudaSuccess);
  EXPECT_EQ(cudaStreamSynchronize(stream()), cudaSuccess);
}

// ---- failures on demand -----------------------------------------------------------------------------------------------------

TEST_F(Simt, CallsFailWhenAsked) {
  void* memory = nullptr;
  simt::fail_next(cudaErrorMemoryAllocation, "cudaMalloc", 1);
  EXPECT_EQ(cudaMalloc(&memory, 4), cudaSuccess);
  cudaFree(memory);
  EXPECT_EQ(cudaMalloc(&memory, 4), cudaErrorMemoryAllocation);
  EXPECT_EQ(cudaMalloc(&memory, 4), cudaSuccess);
  cudaFree(memory);
  EXPECT_EQ(cudaGetLastError(), cudaErrorMemoryAllocation);
}

TEST_F(Simt, KernelsFailWhenAsked) {
  {
    DeviceArray<int> x(std::vector<int>{0});
    simt::fail_next(cudaErrorNoKernelImageForDevice, "add_kernel");
    EXPECT_ANY_THROW(add(x, 1)) << "at once, for it cannot start";
    add(x, 1);
    EXPECT_EQ(x.download()[0], 1);
    simt::fail_next(cudaErrorIllegalAddress, "add_kernel", 1);
    add(x, 1);
    add(x, 1);  // the one that fails, when it runs
    EXPECT_EQ(cudaStreamSynchronize(stream()), cudaErrorIllegalAddress);
    EXPECT_EQ(cudaGetLastError(), cudaErrorIllegalAddress);
    void* memory = nullptr;
    EXPECT_EQ(cudaMalloc(&memory, 4), cudaErrorIllegalAddress) << "it stays";
    EXPECT_EQ(cudaFree(x.data()), cudaErrorIllegalAddress);
    EXPECT_EQ(cudaGetLastError(), cudaErrorIllegalAddress);
    EXPECT_ANY_THROW(add(x, 1));
  }
  test::reset_device();
  EXPECT_EQ(simt::live_allocations(), 0u);
  EXPECT_EQ(simt::live_handles(), 0u);
  DeviceArray<int> x(std::vector<int>{0});
  add(x, 1);
  EXPECT_EQ(x.download()[0], 1);
}

TEST_F(Simt, KernelsOfGraphsFailWhenAsked) {
  {
    DeviceArray<int> x(std::vector<int>{0});
    ASSERT_EQ(cudaStreamBeginCapture(stream(), cudaStreamCaptureModeThreadLocal), cudaSuccess);
    add(x, 1);
    cudaGraph_t graph;
    cudaGraphExec_t exec;
    ASSERT_EQ(cudaStreamEndCapture(stream(), &graph), cudaSuccess);
    ASSERT_EQ(cudaGraphInstantiate(&exec, graph, 0), cudaSuccess);
    simt::fail_next(cudaErrorLaunchFailure, "add_kernel", 2);
    for (int i = 0; i < 3; i++) EXPECT_EQ(cudaGraphLaunch(exec, stream()), cudaSuccess);
    EXPECT_EQ(cudaStreamSynchronize(stream()), cudaErrorLaunchFailure);
    EXPECT_EQ(cudaGraphLaunch(exec, stream()), cudaErrorLaunchFailure);
  }
  test::reset_device();
}

TEST_F(Simt, TheDeviceCanBeMissing) {
  synchronize();
  setenv("SIMT_NO_DEVICE", "1", 1);
  int n = -1;
  const cudaError_t count = cudaGetDeviceCount(&n), set = cudaSetDevice(0);
  unsetenv("SIMT_NO_DEVICE");
  EXPECT_EQ(count, cudaErrorInsufficientDriver);
  EXPECT_EQ(n, 0);
  EXPECT_EQ(set, cudaErrorInsufficientDriver);
  EXPECT_EQ(cudaGetDeviceCount(&n), cudaSuccess);
  EXPECT_EQ(n, 1);
  cudaGetLastError();
}

// The exit status of a process started with SIMT_FAIL and SIMT_MEMORY: which step did not see them, 0 if all did.
int see_environment() {
  size_t free_bytes = 0, all_bytes = 0;
  if (cudaMemGetInfo(&free_bytes, &all_bytes) != cudaSuccess || all_bytes != 123456) return 1;
  if (cudaMemGetInfo(&free_bytes, &all_bytes) != cudaErrorMemoryAllocation) return 2;
  DeviceArray<int> x(1);
  add(x, 1);
  return cudaDeviceSynchronize() == cudaErrorMisalignedAddress ? 0 : 3;
}
TEST(SimtDeathTest, FailuresAndMemoryComeFromTheEnvironment) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";  // a new process, not a fork of this one
  setenv("SIMT_FAIL", "cudaMemGetInfo:2:1,add_kernel:716", 1);
  setenv("SIMT_MEMORY", "123456", 1);
  EXPECT_EXIT(std::_Exit(see_environment()), testing::ExitedWithCode(0), "");
  unsetenv("SIMT_FAIL");
  unsetenv("SIMT_MEMORY");
}

}  // namespace
}  // namespace tern::cuda

#endif
