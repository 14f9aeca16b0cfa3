// The functions of sm90/hopper.cuh on the CPU. Copies of TMA come late; products are made at the wait that completes their group, from
// the registers and the shared memory as they are then, so that a missing wait, or operands overwritten too early, give wrong results.
#pragma once

#include <cuda.h>

#include "block.h"

namespace simt {

void barrier_init(uint64_t* barrier, uint32_t n_arrivals);
void barrier_arrive(uint64_t* barrier, uint32_t n_bytes);
void barrier_wait(uint64_t* barrier, uint32_t parity, const Site& site);
void tma_load_2d(void* to, const CUtensorMap* map, uint64_t* barrier, int x, int y);
void check_registers(int n);

// One thread's part of a product of its warpgroup.
struct Wgmma {
  void* d;
  const uint32_t* a;  // [4]
  uint64_t b;
  int add;
  int transposed;
  uint64_t a_matrix;  // of products with both operands in shared memory
};
void wgmma_s8_n128_group(void* const* args);  // args: Wgmma
void wgmma_f16_n64_group(void* const* args);
void wgmma_bf16_n64_group(void* const* args);
template <class T, int n>
void wgmma_shared_group(void* const* args);  // T: __half or __nv_bfloat16; n: 64, 128, 192
void wgmma_fence_group(void* const*);
void wgmma_commit_group(void* const*);
void wgmma_wait_group(void* const* args);  // args: const int*, how many groups may stay

inline void warpgroup(void* arg, WarpgroupOp op, const Site& site) { block().warpgroup_collective(arg, op, site); }

}  // namespace simt

namespace tern::cuda {

inline uint32_t shared_address(const void* p) { return simt::shared_address(p); }
inline void barrier_init(uint64_t* barrier, uint32_t n_arrivals) { simt::barrier_init(barrier, n_arrivals); }
inline void fence_barrier_init() {}
inline void barrier_arrive(uint64_t* barrier) { simt::barrier_arrive(barrier, 0); }
inline void barrier_expect(uint64_t* barrier, uint32_t n_bytes) { simt::barrier_arrive(barrier, n_bytes); }
inline void barrier_wait(uint64_t* barrier, uint32_t parity, SIMT_SITE_ARGS) {
  simt::barrier_wait(barrier, parity, {"barrier_wait", site_file, site_line});
}
inline void tma_load_2d(void* to, const CUtensorMap* map, uint64_t* barrier, int x, int y) { simt::tma_load_2d(to, map, barrier, x, y); }
inline void prefetch_map(const CUtensorMap*) {}
inline void fence_async() {}
inline void sync_threads(int id, int n_threads, SIMT_SITE_ARGS) {
  simt::block().barrier(id, n_threads, 0, {"sync_threads", site_file, site_line});
}
template <class T>
inline void settle(T&) {}
template <int n>
inline void give_registers() {
  simt::check_registers(n);
}
template <int n>
inline void take_registers() {
  simt::check_registers(n);
}
inline void wgmma_fence(SIMT_SITE_ARGS) { simt::warpgroup(nullptr, simt::wgmma_fence_group, {"wgmma_fence", site_file, site_line}); }
inline void wgmma_commit(SIMT_SITE_ARGS) { simt::warpgroup(nullptr, simt::wgmma_commit_group, {"wgmma_commit", site_file, site_line}); }
template <int n>
inline void wgmma_wait(SIMT_SITE_ARGS) {
  int most = n;
  simt::warpgroup(&most, simt::wgmma_wait_group, {"wgmma_wait", site_file, site_line});
}
inline uint64_t wgmma_matrix(const void* p) {
  return static_cast<uint64_t>((shared_address(p) & 0x3ffff) >> 4) | uint64_t{1} << 16 | uint64_t{1024 >> 4} << 32 | uint64_t{1} << 62;
}
inline void wgmma_s8_n128(int32_t (&d)[64], const uint32_t (&a)[4], uint64_t b, SIMT_SITE_ARGS) {
  simt::Wgmma io{d, a, b, 1, 0, 0};
  simt::warpgroup(&io, simt::wgmma_s8_n128_group, {"wgmma_s8_n128", site_file, site_line});
}
template <int kTransposed>
inline void wgmma_f16_n64(float (&d)[32], const uint32_t (&a)[4], uint64_t b, int add, SIMT_SITE_ARGS) {
  simt::Wgmma io{d, a, b, add, kTransposed, 0};
  simt::warpgroup(&io, simt::wgmma_f16_n64_group, {"wgmma_f16_n64", site_file, site_line});
}
template <int kTransposed>
inline void wgmma_bf16_n64(float (&d)[32], const uint32_t (&a)[4], uint64_t b, int add, SIMT_SITE_ARGS) {
  simt::Wgmma io{d, a, b, add, kTransposed, 0};
  simt::warpgroup(&io, simt::wgmma_bf16_n64_group, {"wgmma_bf16_n64", site_file, site_line});
}
template <class T, int n>
inline void wgmma_shared(float (&d)[n / 2], uint64_t a, uint64_t b, int add, SIMT_SITE_ARGS) {
  simt::Wgmma io{d, nullptr, b, add, 0, a};
  simt::warpgroup(&io, simt::wgmma_shared_group<T, n>, {"wgmma_shared", site_file, site_line});
}

}  // namespace tern::cuda
