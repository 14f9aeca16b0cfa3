// Reads memory and does next to nothing with it: x_t = exclusive or of the words that thread t reads.
#include "bandwidth.h"

#include "device.cuh"

namespace tern::cuda {
namespace {

constexpr int kThreads = 256;
constexpr int kBlocksPerSm = 6;  // 1536 threads, all that an SM of sm_86, sm_89 and sm_120 holds
constexpr int kLoads = 4;        // under way per thread, 96 KiB per SM; latency times bandwidth is some 16 KiB on an H100

__global__ void __launch_bounds__(kThreads)
read_kernel(const uint4* __restrict__ data, int64_t n, int64_t n_bytes, float* sink) {
  const int64_t step = int64_t{gridDim.x} * kThreads;
  int64_t i = int64_t{blockIdx.x} * kThreads + threadIdx.x;
  uint32_t all = 0;
  for (; i + (kLoads - 1) * step < n; i += kLoads * step) {
    uint4 x[kLoads];
#pragma unroll
    for (int j = 0; j < kLoads; j++) x[j] = __ldg(data + i + j * step);
#pragma unroll
    for (int j = 0; j < kLoads; j++) all ^= x[j].x ^ x[j].y ^ x[j].z ^ x[j].w;
  }
  for (; i < n; i += step) {
    const uint4 x = __ldg(data + i);
    all ^= x.x ^ x.y ^ x.z ^ x.w;
  }
  if (blockIdx.x == 0 && threadIdx.x == 0)
    for (int64_t b = 16 * n; b < n_bytes; b++) all ^= uint32_t{reinterpret_cast<const uint8_t*>(data)[b]} << 8 * (b % 4);
  if (all == kReadMark) *sink = 1.f;
}

}  // namespace

void launch_read(const void* data, int64_t n_bytes, float* sink, const DeviceInfo& device, cudaStream_t stream) {
  if (n_bytes <= 0) return;
  launch("read_kernel", read_kernel, static_cast<unsigned>(device.n_sms * kBlocksPerSm), kThreads, 0, stream,
         static_cast<const uint4*>(data), n_bytes / 16, n_bytes, sink);
}

}  // namespace tern::cuda
