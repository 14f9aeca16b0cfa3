// word[i] = pattern(i), and the count of words that are not.
#include "memory_pattern.h"

#include "device.cuh"

namespace tern::cuda {
namespace {

constexpr int kThreads = 256;
constexpr int kBlocksPerSm = 6;

__global__ void __launch_bounds__(kThreads) pattern_write_kernel(uint64_t* words, int64_t n, Pattern pattern) {
  const int64_t step = int64_t{gridDim.x} * kThreads;
  for (int64_t i = int64_t{blockIdx.x} * kThreads + threadIdx.x; i < n; i += step) words[i] = pattern_word(pattern, i);
}

__global__ void __launch_bounds__(kThreads)
pattern_verify_kernel(const uint64_t* words, int64_t n, Pattern pattern, PatternFaults* faults) {
  const int64_t step = int64_t{gridDim.x} * kThreads;
  for (int64_t i = int64_t{blockIdx.x} * kThreads + threadIdx.x; i < n; i += step) {
    const uint64_t found = words[i];
    if (found == pattern_word(pattern, i)) continue;
    if (atomicAdd(reinterpret_cast<unsigned long long*>(&faults->n_wrong), 1ull) == 0) {
      faults->index = i;
      faults->found = found;
    }
  }
}

unsigned blocks(int64_t n, const DeviceInfo& device) {
  const int64_t needed = ceil_div(n, int64_t{kThreads}), most = int64_t{device.n_sms} * kBlocksPerSm;
  return static_cast<unsigned>(needed < most ? needed : most);
}

}  // namespace

void launch_pattern_write(uint64_t* words, int64_t n, const Pattern& pattern, const DeviceInfo& device, cudaStream_t stream) {
  launch("pattern_write_kernel", pattern_write_kernel, blocks(n, device), kThreads, 0, stream, words, n, pattern);
}

void launch_pattern_verify(const uint64_t* words, int64_t n, const Pattern& pattern, PatternFaults* faults, const DeviceInfo& device,
                           cudaStream_t stream) {
  launch("pattern_verify_kernel", pattern_verify_kernel, blocks(n, device), kThreads, 0, stream, words, n, pattern, faults);
}

}  // namespace tern::cuda
