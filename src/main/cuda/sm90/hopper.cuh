// Instructions of sm_90a, one function each: barriers that count bytes (mbarrier), copies of tiles by a tensor map (TMA), products of a
// warpgroup (wgmma). PTX ISA 8.0 and up, sections of these names. The emulator has functions of the same names.
#pragma once

#include <cuda.h>

#include "device.cuh"

#ifdef TERN_SIMT
#include "simt/hopper.h"
#else

namespace tern::cuda {

__device__ __forceinline__ uint32_t shared_address(const void* p) { return static_cast<uint32_t>(__cvta_generic_to_shared(p)); }

// ---- barriers: 8 bytes of shared memory. A phase ends when n_arrivals threads have arrived and all bytes expected have come.
__device__ __forceinline__ void barrier_init(uint64_t* barrier, uint32_t n_arrivals) {
  asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(shared_address(barrier)), "r"(n_arrivals) : "memory");
}
// After barrier_init and before a __syncthreads(): makes the barriers known to TMA.
__device__ __forceinline__ void fence_barrier_init() { asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory"); }
__device__ __forceinline__ void barrier_arrive(uint64_t* barrier) {
  asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(shared_address(barrier)) : "memory");
}
// Arrives and expects n_bytes more in this phase.
__device__ __forceinline__ void barrier_expect(uint64_t* barrier, uint32_t n_bytes) {
  asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(shared_address(barrier)), "r"(n_bytes) : "memory");
}
// Waits for the end of the phase of this parity: 0 for the first, 1 for the second, and so on. With parity 1 a new barrier is free at once.
__device__ __forceinline__ void barrier_wait(uint64_t* barrier, uint32_t parity) {
  asm volatile(
      "{\n.reg .pred done;\nWAIT_%=:\nmbarrier.try_wait.parity.shared::cta.b64 done, [%0], %1;\n@!done bra WAIT_%=;\n}" ::"r"(
          shared_address(barrier)),
      "r"(parity)
      : "memory");
}

// ---- TMA. Copies the box at column x, row y of a tensor to shared memory, 1024-byte aligned and swizzled as the map says; what lies
// outside the tensor is zeros. All bytes of the box count on the barrier.
__device__ __forceinline__ void tma_load_2d(void* to, const CUtensorMap* map, uint64_t* barrier, int x, int y) {
  asm volatile("cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1, {%3, %4}], [%2];" ::"r"(
                   shared_address(to)),
               "l"(map), "r"(shared_address(barrier)), "r"(x), "r"(y)
               : "memory");
}
__device__ __forceinline__ void prefetch_map(const CUtensorMap* map) { asm volatile("prefetch.tensormap [%0];" ::"l"(map) : "memory"); }

// After ordinary writes to shared memory that wgmma is to read, before a barrier.
__device__ __forceinline__ void fence_async() { asm volatile("fence.proxy.async.shared::cta;" ::: "memory"); }
// Barrier `id` (1 to 15) of n_threads of the block.
__device__ __forceinline__ void sync_threads(int id, int n_threads) {
  asm volatile("bar.sync %0, %1;" ::"r"(id), "r"(n_threads) : "memory");
}

// ---- registers: a warpgroup gives some back, or takes more. All 128 threads.
template <int n>
__device__ __forceinline__ void give_registers() {
  asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(n));
}
template <int n>
__device__ __forceinline__ void take_registers() {
  asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(n));
}

// ---- wgmma: all 128 threads of a warpgroup. Registers of operands and results must be left alone from the issue to the wait.
// Before the first product, and after other instructions wrote registers it uses.
__device__ __forceinline__ void wgmma_fence() { asm volatile("wgmma.fence.sync.aligned;" ::: "memory"); }
__device__ __forceinline__ void wgmma_commit() { asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory"); }
// Until at most n groups are under way.
template <int n>
__device__ __forceinline__ void wgmma_wait() {
  asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(n) : "memory");
}
// Values that operands and results of products have are in their registers here, before the fence, and results are read after it, behind
// the wait: else the compiler may move such instructions between products, and then makes one wait for the other.
template <int n>
__device__ __forceinline__ void settle(float (&x)[n]) {
#pragma unroll
  for (int i = 0; i < n; i++) asm volatile("" : "+f"(x[i])::"memory");
}
template <int n>
__device__ __forceinline__ void settle(int32_t (&x)[n]) {
#pragma unroll
  for (int i = 0; i < n; i++) asm volatile("" : "+r"(x[i])::"memory");
}
template <int n, int m>
__device__ __forceinline__ void settle(uint32_t (&x)[n][m]) {
#pragma unroll
  for (int i = 0; i < n; i++)
#pragma unroll
    for (int j = 0; j < m; j++) asm volatile("" : "+r"(x[i][j])::"memory");
}
// A matrix in shared memory whose rows are 128 bytes, K along them, swizzled by 128 bytes: 8 rows are 1024 bytes. A step of 32 bytes
// along K adds 2.
__device__ __forceinline__ uint64_t wgmma_matrix(const void* p) {
  return static_cast<uint64_t>((shared_address(p) & 0x3ffff) >> 4) | uint64_t{1} << 16 | uint64_t{1024 >> 4} << 32 | uint64_t{1} << 62;
}

#define TERN_R8(d, i) \
  "+r"(d[i]), "+r"(d[i + 1]), "+r"(d[i + 2]), "+r"(d[i + 3]), "+r"(d[i + 4]), "+r"(d[i + 5]), "+r"(d[i + 6]), "+r"(d[i + 7])

// d [64, 128] += a [64, 32] b [32, 128], int8. Warp w of the warpgroup has the rows from 16 w on: a as of mma_s8 (ptx.cuh), d[4 j + e]
// of columns [8 j, 8 j + 8) too. b: rows of wgmma_matrix are its columns.
__device__ __forceinline__ void wgmma_s8_n128(int32_t (&d)[64], const uint32_t (&a)[4], uint64_t b) {
  asm volatile(
      "wgmma.mma_async.sync.aligned.m64n128k32.s32.s8.s8 "
      "{%0,%1,%2,%3,%4,%5,%6,%7,%8,%9,%10,%11,%12,%13,%14,%15,%16,%17,%18,%19,%20,%21,%22,%23,%24,%25,%26,%27,%28,%29,%30,%31,"
      "%32,%33,%34,%35,%36,%37,%38,%39,%40,%41,%42,%43,%44,%45,%46,%47,%48,%49,%50,%51,%52,%53,%54,%55,%56,%57,%58,%59,%60,%61,%62,%63},"
      " {%64,%65,%66,%67}, %68, 1;"
      : TERN_R8(d, 0), TERN_R8(d, 8), TERN_R8(d, 16), TERN_R8(d, 24), TERN_R8(d, 32), TERN_R8(d, 40), TERN_R8(d, 48), TERN_R8(d, 56)
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b));
}

#undef TERN_R8

#define TERN_F8(d, i) \
  "+f"(d[i]), "+f"(d[i + 1]), "+f"(d[i + 2]), "+f"(d[i + 3]), "+f"(d[i + 4]), "+f"(d[i + 5]), "+f"(d[i + 6]), "+f"(d[i + 7])
#define TERN_WGMMA_N64(type)                                                                                                   \
  asm volatile(                                                                                                                \
      "{\n.reg .pred add;\nsetp.ne.b32 add, %37, 0;\n"                                                                         \
      "wgmma.mma_async.sync.aligned.m64n64k16.f32." type "." type                                                              \
      " {%0,%1,%2,%3,%4,%5,%6,%7,%8,%9,%10,%11,%12,%13,%14,%15,%16,%17,%18,%19,%20,%21,%22,%23,%24,%25,%26,%27,%28,%29,%30,%31}," \
      " {%32,%33,%34,%35}, %36, add, 1, 1, %38;\n}"                                                                            \
      : TERN_F8(d, 0), TERN_F8(d, 8), TERN_F8(d, 16), TERN_F8(d, 24)                                                           \
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b), "r"(add), "n"(kTransposed))

// d [64, 64] = a [64, 16] b [16, 64], plus d if add is not 0, in floats. Warp w has the rows from 16 w on: a and d[4 j + e] as of mma_f16
// (ptx.cuh). b: rows of wgmma_matrix are its columns; kTransposed: they are its rows, of 64 elements, and 16 of them are 2048 bytes.
template <int kTransposed>
__device__ __forceinline__ void wgmma_f16_n64(float (&d)[32], const uint32_t (&a)[4], uint64_t b, int add) {
  TERN_WGMMA_N64("f16");
}
template <int kTransposed>
__device__ __forceinline__ void wgmma_bf16_n64(float (&d)[32], const uint32_t (&a)[4], uint64_t b, int add) {
  TERN_WGMMA_N64("bf16");
}

#undef TERN_WGMMA_N64
#undef TERN_F8

}  // namespace tern::cuda
#endif
