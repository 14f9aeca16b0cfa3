// The arithmetic peak of CUDA cores and of mma.sync: each warp has kChains sums under way, none of which waits for memory.
#include "peak.h"

#include "device.cuh"
#include "ptx.cuh"
#include "tern_bench.h"

namespace tern::cuda {
namespace {

constexpr int kThreads = 256;
constexpr int kBlocksPerSm = 2;  // 16 warps, four for each scheduler
constexpr int kChains = 8;       // of each warp; latency is some 4 cycles of FMA, and 32 of mma on an H100

// Operands that are neither 0 nor alike, so that the multipliers have something to do. bits: a BF16 between 1 and 2, or four int8.
__device__ __forceinline__ uint32_t operand(unsigned i) { return 0x3f803f80u | (i * 2654435761u & 0x007f007fu); }

struct F32 {
  static constexpr int64_t kOps = 2 * kWarp;  // of a warp, a step and a chain
  using Sum = float;
  static __device__ __forceinline__ void step(Sum& sum, const uint32_t (&a)[4], const uint32_t (&b)[2]) {
    sum = __fmaf_rn(__uint_as_float(a[0]), __uint_as_float(b[0]), sum);
  }
  static __device__ __forceinline__ float value(const Sum& sum) { return sum; }
};
struct Bf16 {
  static constexpr int64_t kOps = 2 * 16 * 8 * 16;
  struct Sum {
    float d[4];
  };
  static __device__ __forceinline__ void step(Sum& sum, const uint32_t (&a)[4], const uint32_t (&b)[2]) { mma_bf16(sum.d, a, b); }
  static __device__ __forceinline__ float value(const Sum& sum) { return sum.d[0] + sum.d[1] + sum.d[2] + sum.d[3]; }
};
struct Int8 {
  static constexpr int64_t kOps = 2 * 16 * 8 * 32;
  struct Sum {
    int32_t d[4];
  };
  static __device__ __forceinline__ void step(Sum& sum, const uint32_t (&a)[4], const uint32_t (&b)[2]) { mma_s8(sum.d, a, b); }
  static __device__ __forceinline__ float value(const Sum& sum) { return static_cast<float>(sum.d[0] ^ sum.d[1] ^ sum.d[2] ^ sum.d[3]); }
};

template <class Op>
__global__ void __launch_bounds__(kThreads) peak_kernel(int n_rounds, float* sink) {
  uint32_t a[4], b[2];
#pragma unroll
  for (unsigned i = 0; i < 4; i++) a[i] = operand(threadIdx.x * 4 + i);
#pragma unroll
  for (unsigned i = 0; i < 2; i++) b[i] = operand(threadIdx.x * 2 + i + 9999);
  typename Op::Sum sum[kChains] = {};
#pragma unroll 1
  for (int round = 0; round < n_rounds; round++)
#pragma unroll
    for (int i = 0; i < kChains; i++) Op::step(sum[i], a, b);
  float all = 0;
#pragma unroll
  for (int i = 0; i < kChains; i++) all += Op::value(sum[i]);
  if (all == -1.2345e-30f) *sink = all;  // no sum of these operands
}

template <class Op>
int64_t launch_op(int n_rounds, float* sink, const DeviceInfo& device, cudaStream_t stream) {
  const int n_blocks = device.n_sms * kBlocksPerSm;
  launch("peak_kernel", peak_kernel<Op>, dim3(static_cast<unsigned>(n_blocks)), dim3(kThreads), 0, stream, n_rounds, sink);
  return Op::kOps * kChains * n_rounds * (kThreads / kWarp) * n_blocks;
}

}  // namespace

int64_t launch_peak(int kind, int n_rounds, float* sink, const DeviceInfo& device, cudaStream_t stream) {
  return kind == TERN_PEAK_F32    ? launch_op<F32>(n_rounds, sink, device, stream)
         : kind == TERN_PEAK_HALF ? launch_op<Bf16>(n_rounds, sink, device, stream)
                                  : launch_op<Int8>(n_rounds, sink, device, stream);
}

}  // namespace tern::cuda
