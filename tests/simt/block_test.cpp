// The emulator itself: what it computes.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <random>

#include "simt/emulator_test.h"
#include "ptx.cuh"

#ifdef TERN_SIMT

namespace tern::cuda {
namespace {

__global__ void sum_kernel(const float* __restrict__ x, int n, float* __restrict__ out) {
  float* const parts = reinterpret_cast<float*>(dynamic_shared());
  float sum = 0;
  for (int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x); i < n; i += static_cast<int>(gridDim.x * blockDim.x)) sum += x[i];
  sum = warp_sum(sum);
  if (threadIdx.x % kWarp == 0) parts[threadIdx.x / kWarp] = sum;
  __syncthreads();
  if (threadIdx.x == 0) {
    float all = 0;
    for (int w = 0; w < static_cast<int>(blockDim.x / kWarp); w++) all += parts[w];
    out[blockIdx.x] = all;
  }
}

TEST_F(Simt, BlocksReduceInEveryOrder) {
  const int n = 10007, n_blocks = 7;
  std::vector<float> x(n);
  for (int i = 0; i < n; i++) x[i] = static_cast<float>(i % 64);
  DeviceArray<float> in(x), out(n_blocks);
  for (unsigned seed = 0; seed < 12; seed++) {
    simt::set_seed(seed);
    out.fill_nan();
    launch("sum_kernel", sum_kernel, n_blocks, 256, 8 * sizeof(float), stream(), in.data(), n, out.data());
    float all = 0, want = 0;
    for (const float v : out.download()) all += v;
    for (const float v : x) want += v;
    EXPECT_EQ(all, want) << "seed " << seed;
  }
}

// a [16, k], b [8, k], out [16, 8]: fragments are loaded with ldmatrix, a's as it lies, b's too (its rows are columns of the product).
template <int kind>  // 0: f16, 1: bf16, 2: s8
__global__ void mma_kernel(const uint8_t* a, const uint8_t* b, void* out, int row_bytes) {
  unsigned char* const shared_a = dynamic_shared();
  unsigned char* const shared_b = shared_a + 16 * 32;
  const int lane = static_cast<int>(threadIdx.x), g = lane / 4, t = lane % 4;
  float d[4] = {};
  int32_t d_int[4] = {};
  for (int k = 0; k < row_bytes; k += 32) {
    cp_async_16(shared_a + lane * 16, a + lane / 2 * row_bytes + k + lane % 2 * 16);
    if (lane < 16) cp_async_16(shared_b + lane * 16, b + lane / 2 * row_bytes + k + lane % 2 * 16);
    cp_async_commit();
    cp_async_wait<0>();
    __syncwarp();
    uint32_t fa[4], fb[4];
    ldmatrix_x4(fa, shared_a + (lane % 16) * 32 + lane / 16 * 16);
    ldmatrix_x4(fb, shared_b + (lane % 8) * 32 + lane / 8 % 2 * 16);
    const uint32_t fb2[2] = {fb[0], fb[1]};
    if (kind == 0) mma_f16(d, fa, fb2);
    if (kind == 1) mma_bf16(d, fa, fb2);
    if (kind == 2) mma_s8(d_int, fa, fb2);
    __syncwarp();
  }
  for (int i = 0; i < 4; i++) {
    const int at = (g + i / 2 * 8) * 8 + 2 * t + i % 2;
    if (kind == 2)
      static_cast<int32_t*>(out)[at] = d_int[i];
    else
      static_cast<float*>(out)[at] = d[i];
  }
}

TEST_F(Simt, MmaIsTheProduct) {
  std::mt19937 random(static_cast<unsigned>(test_seed(3)));
  const int row_bytes = 160;
  for (int kind = 0; kind < 3; kind++) {
    std::vector<uint8_t> a(16 * row_bytes), b(8 * row_bytes);
    const auto value = [&](const std::vector<uint8_t>& m, int row, int k) -> double {
      if (kind == 2) return static_cast<int8_t>(m[row * row_bytes + k]);
      uint16_t bits;
      std::memcpy(&bits, &m[row * row_bytes + 2 * k], 2);
      return kind == 0 ? __half2float(__ushort_as_half(bits)) : __bfloat162float(__ushort_as_bfloat16(bits));
    };
    for (auto* m : {&a, &b})
      for (size_t i = 0; i < m->size(); i += 2) {
        const float x = static_cast<float>(static_cast<int>(random() % 33) - 16) / 8;
        const uint16_t bits = kind == 0 ? __half_as_ushort(__float2half_rn(x)) : kind == 1 ? __bfloat16_as_ushort(__float2bfloat16_rn(x))
                                                                                           : static_cast<uint16_t>(random());
        std::memcpy(&(*m)[i], &bits, 2);
      }
    DeviceArray<uint8_t> da(a), db(b);
    DeviceArray<float> out(16 * 8);
    auto* const kernel = kind == 0 ? mma_kernel<0> : kind == 1 ? mma_kernel<1> : mma_kernel<2>;
    launch("mma_kernel", kernel, 1, 32, 24 * 32, stream(), da.data(), db.data(), static_cast<void*>(out.data()), row_bytes);
    const std::vector<float> got = out.download();
    for (int i = 0; i < 16; i++)
      for (int j = 0; j < 8; j++) {
        double want = 0;  // multiples of 1/64, small: exact in floats
        for (int k = 0; k < row_bytes / (kind == 2 ? 1 : 2); k++) want += value(a, i, k) * value(b, j, k);
        int32_t as_int;
        std::memcpy(&as_int, &got[i * 8 + j], 4);
        EXPECT_EQ(kind == 2 ? as_int : got[i * 8 + j], want) << "kind " << kind << " row " << i << " column " << j;
      }
  }
}

__global__ void transpose_kernel(const uint16_t* x, uint16_t* out) {  // four matrices [8, 8]
  auto* const shared = reinterpret_cast<uint16_t*>(dynamic_shared());
  const int lane = static_cast<int>(threadIdx.x);
  cp_async_16(shared + lane * 8, x + lane * 8);
  cp_async_commit();
  cp_async_wait<0>();
  __syncwarp();
  uint32_t r[4];
  ldmatrix_x4_trans(r, shared + lane * 8);
  for (int i = 0; i < 4; i++)
    for (int h = 0; h < 2; h++) out[i * 64 + lane / 4 * 8 + lane % 4 * 2 + h] = static_cast<uint16_t>(r[i] >> 16 * h);
}

TEST_F(Simt, LdmatrixTransposes) {
  std::vector<uint16_t> x(256);
  for (int i = 0; i < 256; i++) x[i] = static_cast<uint16_t>(i);
  DeviceArray<uint16_t> in(x), out(256);
  launch("transpose_kernel", transpose_kernel, 1, 32, 512, stream(), in.data(), out.data());
  const auto got = out.download();
  for (int i = 0; i < 256; i++) EXPECT_EQ(got[i], i / 64 * 64 + i % 8 * 8 + i / 8 % 8);
}

// Copies n chunks through stages of shared memory; wrong waits see what is not there yet.
template <int kPending>
__global__ void pipeline_kernel(const uint32_t* x, uint32_t* out, int n_chunks) {
  auto* const shared = reinterpret_cast<uint32_t*>(dynamic_shared());
  const int t = static_cast<int>(threadIdx.x);
  const auto fetch = [&](int c) {
    if (c < n_chunks) cp_async_16(shared + (c % 2 * 64 + t) * 4, x + (c * 64 + t) * 4, c == n_chunks - 1 && t == 63 ? 4 : 16);
    cp_async_commit();
  };
  fetch(0);
  for (int c = 0; c < n_chunks; c++) {
    fetch(c + 1);
    cp_async_wait<kPending>();
    __syncthreads();
    const int from = 63 - t;
    for (int i = 0; i < 4; i++) out[(c * 64 + from) * 4 + i] = shared[(c % 2 * 64 + from) * 4 + i];
    __syncthreads();
  }
}

TEST_F(Simt, CopiesArriveWhenWaitedFor) {
  const int n_chunks = 5, n = n_chunks * 256;
  std::vector<uint32_t> x(n);
  for (int i = 0; i < n; i++) x[i] = static_cast<uint32_t>(i);
  DeviceArray<uint32_t> in(x), out(n);
  launch("pipeline_kernel", pipeline_kernel<1>, 1, 64, 2048, stream(), in.data(), out.data(), n_chunks);
  auto got = out.download();
  for (int i = 0; i < n; i++) ASSERT_EQ(got[i], i >= n - 3 ? 0u : static_cast<uint32_t>(i));
  launch("pipeline_kernel", pipeline_kernel<2>, 1, 64, 2048, stream(), in.data(), out.data(), n_chunks);
  got = out.download();
  EXPECT_EQ(got[0], 0xffffffffu);  // a missing wait
}

__global__ void warp_kernel(int* out) {
  const int lane = static_cast<int>(threadIdx.x);
  int results[] = {__shfl_sync(kAllLanes, lane, 5),
                   __shfl_sync(kAllLanes, lane, 9, 8),
                   __shfl_xor_sync(kAllLanes, lane, 17),
                   __shfl_up_sync(kAllLanes, lane, 3u),
                   __shfl_down_sync(kAllLanes, lane, 3u, 16),
                   static_cast<int>(__ballot_sync(kAllLanes, lane % 3 == 0)),
                   __any_sync(kAllLanes, lane == 7),
                   __all_sync(kAllLanes, lane != 7),
                   __reduce_add_sync(kAllLanes, lane - 20),
                   __reduce_max_sync(kAllLanes, lane - 40),
                   static_cast<int>(__match_any_sync(kAllLanes, lane / 8)),
                   0,
                   __syncthreads_count(lane > 20),
                   __syncthreads_or(lane == 31),
                   __syncthreads_and(lane > 0)};
  if (lane >= 24) results[11] = __shfl_sync(0xff000000u, lane, 30);  // a part of the warp
  for (int i = 0; i < 15; i++) out[i * 32 + lane] = results[i];
}
TEST_F(Simt, WarpOperations) {
  DeviceArray<int> out(15 * 32);
  for (unsigned seed = 0; seed < 4; seed++) {
    simt::set_seed(seed);
    out.fill_nan();
    launch("warp_kernel", warp_kernel, 1, 32, 0, stream(), out.data());
    const auto got = out.download();
    for (int lane = 0; lane < 32; lane++) {
      const int want[] = {5, lane / 8 * 8 + 1, lane ^ 17, lane < 3 ? lane : lane - 3, lane % 16 < 13 ? lane + 3 : lane, 0x49249249, 1, 0,
                          32 * 31 / 2 - 640, -9, static_cast<int>(0xffu << lane / 8 * 8), lane >= 24 ? 30 : 0, 11, 1, 0};
      for (int i = 0; i < 15; i++) EXPECT_EQ(got[i * 32 + lane], want[i]) << "operation " << i << " lane " << lane << " seed " << seed;
    }
  }
}

TEST(SimtNumbers, HalvesAndBfloatsRoundToNearestEven) {
  for (unsigned bits = 0; bits < 0x7c00; bits++) {
    const auto low = static_cast<uint16_t>(bits), high = static_cast<uint16_t>(bits + 1);
    const float x = simt::float_from_half(low), y = bits == 0x7bff ? 65536.f : simt::float_from_half(high), middle = (x + y) / 2;
    ASSERT_EQ(simt::half_from_float(x), low);
    ASSERT_EQ(simt::half_from_float(middle), bits % 2 ? high : low) << bits;
    ASSERT_EQ(simt::half_from_float(std::nextafter(middle, 0.f)), low) << bits;
    ASSERT_EQ(simt::half_from_float(-std::nextafter(middle, 1e9f)), high | 0x8000) << bits;
  }
  EXPECT_EQ(simt::half_from_float(NAN), 0x7fff);
  EXPECT_EQ(simt::half_from_float(-INFINITY), 0xfc00);
  for (unsigned bits = 0; bits < 0x7f80; bits++) {
    const uint32_t middle = bits << 16 | 0x8000;
    ASSERT_EQ(simt::bf16_from_float(simt::bits<float>(bits << 16)), bits);
    ASSERT_EQ(simt::bf16_from_float(simt::bits<float>(middle)), bits + bits % 2);
    ASSERT_EQ(simt::bf16_from_float(simt::bits<float>(middle - 1)), bits);
    ASSERT_EQ(simt::bf16_from_float(simt::bits<float>(middle + 1)), bits + 1);
  }
  // 1 + 2^-11 + 2^-24 is above the middle of two halves, and rounds to the middle as a float.
  EXPECT_EQ(__half_as_ushort(__hfma(__half(1.f), __half(1.f), __half(0x1p-11f))), 0x3c00);
  EXPECT_EQ(simt::half_from_float(simt::sum_to_odd(1 + 0x1p-11, 0x1p-40)), 0x3c01);
}

TEST(SimtNumbers, IntegerIntrinsics) {
  EXPECT_EQ(__dp4a(0x7f80ff01, 0x7f80fe03, 5), 127 * 127 + 128 * 128 + 2 + 3 + 5);
  EXPECT_EQ(__byte_perm(0x33221100u, 0x77665544u, 0x7250u), 0x77225500u);
  EXPECT_EQ(__funnelshift_r(0x11223344u, 0x55667788u, 8), 0x88112233u);
  EXPECT_EQ(__float2int_rn(2.5f), 2);
  EXPECT_EQ(__float2int_rn(-3.5f), -4);
  EXPECT_EQ(__float2int_rz(-3.9f), -3);
  EXPECT_EQ(__float2int_rn(1e20f), INT_MAX);
  EXPECT_EQ(__float2int_rn(NAN), 0);
  EXPECT_EQ(__vadd4(0x7f01ff80u, 0x0101ff80u), 0x8002fe00u);
  EXPECT_EQ(__brev(0x80000001u), 0x80000001u);
  EXPECT_EQ(__clz(1), 31);
}

__global__ void count_kernel(unsigned* counter, unsigned* last_blocks) {
  if (threadIdx.x == 0 && atomicAdd(counter, 1u) == gridDim.x - 1) atomicAdd(last_blocks, 1u);
  atomicMax(counter + 1, blockIdx.x * blockDim.x + threadIdx.x);
}
TEST_F(Simt, AtomicsAcrossBlocks) {
  DeviceArray<unsigned> counter(std::vector<unsigned>(2, 0)), last(std::vector<unsigned>(1, 0));
  simt::set_workers(4);
  launch("count_kernel", count_kernel, 500, 32, 0, stream(), counter.data(), last.data());
  EXPECT_EQ(counter.download(), (std::vector<unsigned>{500, 500 * 32 - 1}));
  EXPECT_EQ(last.download()[0], 1u);
}

// ---- what instructions of Hopper are made of --------------------------------------------------------------------------------

void sum_group(void* const* args) {
  int sum = 0;
  for (int i = 0; i < 128; i++) sum += *static_cast<int*>(args[i]);
  for (int i = 0; i < 128; i++) *static_cast<int*>(args[i]) = sum;
}
// One warp of the second group issues an asynchronous store; the first group polls for it.
__global__ void group_kernel(int* out) {
  auto* const flag = reinterpret_cast<int*>(dynamic_shared());
  const int t = static_cast<int>(threadIdx.x);
  if (t == 0) *flag = 0;
  __syncthreads();
  int value = t;
  simt::block().warpgroup_collective(&value, sum_group, {"sum_group", __FILE__, __LINE__});
  if (t == 200) simt::block().defer([flag] { *flag = 7; });
  if (t < 128)
    while (*static_cast<volatile int*>(flag) == 0) simt::spin("the flag");
  out[t] = t < 128 ? value + *flag : value;
  int* const through = reinterpret_cast<int*>(simt::shared_pointer(simt::shared_address(flag)));
  simt::block().barrier(1 + t / 128, 128, 0, {"a named barrier", __FILE__, __LINE__});
  if (through != flag) out[t] = -1;
}
TEST_F(Simt, WarpgroupsPollingAndDeferredActions) {
  DeviceArray<int> out(256);
  for (unsigned seed = 0; seed < 6; seed++) {
    simt::set_seed(seed);
    out.fill_nan();
    launch("group_kernel", group_kernel, 1, 256, 16, stream(), out.data());
    const auto got = out.download();
    for (int t = 0; t < 256; t++) EXPECT_EQ(got[t], t < 128 ? 127 * 64 + 7 : 127 * 64 + 128 * 128) << "seed " << seed << " thread " << t;
  }
}

}  // namespace
}  // namespace tern::cuda

#endif
