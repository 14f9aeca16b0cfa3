// The emulator finds the mistakes that it is there to find: kernels that are wrong, each in one way.
#include <gtest/gtest.h>

#include <cmath>

#include "simt/emulator_test.h"
#include "ptx.cuh"

#ifdef TERN_SIMT

namespace tern::cuda {
namespace {

__global__ void reverse_kernel(int* out) {
  int* const shared = reinterpret_cast<int*>(dynamic_shared());
  const int t = static_cast<int>(threadIdx.x), n = static_cast<int>(blockDim.x);
  shared[t] = t;
  out[t] = shared[n - 1 - t];
}
TEST_F(Simt, AMissingBarrierShows) {
  DeviceArray<int> out(64);
  launch("reverse_kernel", reverse_kernel, 1, 64, 256, stream(), out.data());
  EXPECT_EQ(out.download()[0], -1);
}

__global__ void deadlock_kernel(int* out) {
  if (threadIdx.x < 32)
    __syncthreads();
  else
    __syncwarp();
  if (threadIdx.x == 40) __syncwarp();
  if (threadIdx.x >= 32) __syncthreads();
  if (threadIdx.x == 0) __shfl_sync(kAllLanes, 0, 0);
  out[0] = 1;
}
__global__ void divergent_kernel() {
  if (threadIdx.x < 7)
    __syncthreads();
  else
    __syncthreads();
}
TEST_F(Simt, ADeadlockIsReported) {
  DeviceArray<int> out(1);
  launch("deadlock_kernel", deadlock_kernel, 1, 64, 0, stream(), out.data());
  EXPECT_EQ(cudaStreamSynchronize(stream()), cudaErrorLaunchTimeout);
  const auto faults = expected_faults();
  ASSERT_EQ(faults.size(), 1u);
  EXPECT_NE(faults[0].find("deadlock"), std::string::npos) << faults[0];
  EXPECT_NE(faults[0].find("1 at __syncwarp"), std::string::npos) << faults[0];
}
TEST_F(Simt, ADivergentBarrierIsReported) {
  launch("divergent_kernel", divergent_kernel, 1, 32, 0, stream());
  const auto faults = expected_faults();
  ASSERT_EQ(faults.size(), 1u);
  EXPECT_NE(faults[0].find("lanes of one warp"), std::string::npos) << faults[0];
}

__global__ void divergent_shuffle_kernel(int* out) {
  const int lane = static_cast<int>(threadIdx.x);
  if (lane < 16)
    out[lane] = __shfl_sync(kAllLanes, lane, 31);
  else
    out[lane] = __shfl_sync(kAllLanes, lane, 0);
}
TEST_F(Simt, ADivergentShuffleIsReported) {
  DeviceArray<int> out(32);
  launch("divergent_shuffle_kernel", divergent_shuffle_kernel, 1, 32, 0, stream(), out.data());
  const auto faults = expected_faults();
  ASSERT_EQ(faults.size(), 1u);
  EXPECT_NE(faults[0].find("__shfl_sync: lanes of one warp"), std::string::npos) << faults[0];
}

__global__ void forever_kernel() {
  for (;;) simt::spin("what never comes");
}
TEST_F(Simt, PollingForWhatNeverComesIsADeadlock) {
  launch("forever_kernel", forever_kernel, 2, 64, 0, stream());
  const auto faults = expected_faults();
  ASSERT_GE(faults.size(), 1u);
  EXPECT_NE(faults[0].find("64 at what never comes"), std::string::npos) << faults[0];
}

__global__ void copy_kernel(const unsigned char* from) { cp_async_16(dynamic_shared(), from); }

#if !defined(__SANITIZE_ADDRESS__)  // which ends the process instead
__global__ void write_shared_kernel(int offset) { dynamic_shared()[offset] = 1; }
__global__ void write_kernel(unsigned char* to) { *to = 1; }
__global__ void overflow_kernel(int depth) {
  volatile char frame[4096];
  frame[0] = static_cast<char>(depth);
  if (depth) overflow_kernel(depth - frame[0] + frame[0] - 1);
  frame[1] = frame[0];
}

TEST_F(Simt, SharedMemoryHasGuards) {
  for (const int offset : {-1, 100, 611}) {
    launch("write_shared_kernel", write_shared_kernel, 1, 32, 100, stream(), offset);
    const auto faults = expected_faults();
    ASSERT_EQ(faults.size(), 1u);
    EXPECT_NE(faults[0].find("offset " + std::to_string(offset) + ", the block has 100"), std::string::npos) << faults[0];
  }
}
TEST_F(Simt, AllocationsEnd) {
  unsigned char* memory = nullptr;
  ASSERT_EQ(cudaMalloc(&memory, 300), cudaSuccess);
  launch("write_kernel", write_kernel, 1, 1, 0, stream(), memory + 512);
  auto faults = expected_faults();
  ASSERT_EQ(faults.size(), 1u);
  EXPECT_NE(faults[0].find("not memory of the device"), std::string::npos) << faults[0];
  // Between the end and the page behind it: found when the memory is freed.
  ASSERT_EQ(cudaMalloc(&memory, 300), cudaSuccess);
  launch("write_kernel", write_kernel, 1, 1, 0, stream(), memory + 301);
  synchronize();
  EXPECT_EQ(cudaFree(memory), cudaErrorIllegalAddress);
  cudaGetLastError();
  EXPECT_EQ(simt::take_faults().size(), 1u);
}
TEST_F(Simt, FreedMemoryIsGone) {
  unsigned char* memory = nullptr;
  ASSERT_EQ(cudaMalloc(&memory, 300), cudaSuccess);
  ASSERT_EQ(cudaFree(memory), cudaSuccess);
  launch("write_kernel", write_kernel, 1, 1, 0, stream(), memory);
  EXPECT_EQ(expected_faults().size(), 1u);
}
TEST_F(Simt, AStackEnds) {
  launch("overflow_kernel", overflow_kernel, 1, 1, 0, stream(), 1000);
  EXPECT_EQ(expected_faults().size(), 1u);
}
#endif

TEST_F(Simt, GuardBandsOfArraysAreChecked) {
  DeviceArray<float> x(5);
  EXPECT_EQ(x.guards(), "");
  unsigned char one = 1;
  unsigned char* const behind = reinterpret_cast<unsigned char*>(x.data()) + 23;
  TERN_UNPOISON(behind, 1);
  const unsigned char was = 0xff;
  ASSERT_EQ(cudaMemcpy(behind, &one, 1, cudaMemcpyHostToDevice), cudaSuccess);
  EXPECT_EQ(x.guards(), "an array of 5 elements was written at byte 23 of 20");
  TERN_UNPOISON(behind, 1);
  ASSERT_EQ(cudaMemcpy(behind, &was, 1, cudaMemcpyHostToDevice), cudaSuccess);
  for (const float v : x.download()) EXPECT_TRUE(std::isnan(v));
}

TEST_F(Simt, CopiesMustBeAligned) {
  DeviceArray<unsigned char> x(64);
  launch("copy_kernel", copy_kernel, 1, 1, 64, stream(), x.data() + 4);
  auto faults = expected_faults();
  ASSERT_EQ(faults.size(), 1u);
  EXPECT_NE(faults[0].find("16-byte aligned"), std::string::npos) << faults[0];
  DeviceArray<unsigned char> y(64);
  launch("copy_kernel", copy_kernel, 1, 1, 8, stream(), y.data());
  faults = expected_faults();
  ASSERT_EQ(faults.size(), 1u);
  EXPECT_NE(faults[0].find("16 bytes at offset 0 of shared memory, which has 8"), std::string::npos) << faults[0];
}

}  // namespace
}  // namespace tern::cuda

#endif
