// The functions of ptx.cuh on the CPU.
#pragma once

#include "block.h"

namespace simt {

template <class D>
struct Mma {
  D* d;               // [4]
  const uint32_t* a;  // [4]
  const uint32_t* b;  // [2]
};
void mma_f16_lanes(void* const* args, uint32_t lanes);   // Mma<float>
void mma_bf16_lanes(void* const* args, uint32_t lanes);  // Mma<float>
void mma_s8_lanes(void* const* args, uint32_t lanes);    // Mma<int32_t>

struct LoadMatrix {
  uint32_t* r;  // [4]
  const void* row;
};
void ldmatrix_lanes(void* const* args, uint32_t lanes);
void ldmatrix_trans_lanes(void* const* args, uint32_t lanes);

// Until the wait that completes its group, the destination of a copy holds NaN.
void cp_async(void* shared, const void* global, int n_valid);
void cp_async_commit();
void cp_async_wait(int n);  // until at most n groups are under way

}  // namespace simt

namespace tern::cuda {

inline void mma_f16(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2], SIMT_SITE_ARGS) {
  simt::Mma<float> io{d, a, b};
  simt::block().collective(~0u, &io, simt::mma_f16_lanes, {"mma_f16", site_file, site_line});
}
inline void mma_bf16(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2], SIMT_SITE_ARGS) {
  simt::Mma<float> io{d, a, b};
  simt::block().collective(~0u, &io, simt::mma_bf16_lanes, {"mma_bf16", site_file, site_line});
}
inline void mma_s8(int32_t (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2], SIMT_SITE_ARGS) {
  simt::Mma<int32_t> io{d, a, b};
  simt::block().collective(~0u, &io, simt::mma_s8_lanes, {"mma_s8", site_file, site_line});
}
inline void ldmatrix_x4(uint32_t (&r)[4], const void* row, SIMT_SITE_ARGS) {
  simt::LoadMatrix io{r, simt::check_shared(row, 16, 16, "ldmatrix")};
  simt::block().collective(~0u, &io, simt::ldmatrix_lanes, {"ldmatrix_x4", site_file, site_line});
}
inline void ldmatrix_x4_trans(uint32_t (&r)[4], const void* row, SIMT_SITE_ARGS) {
  simt::LoadMatrix io{r, simt::check_shared(row, 16, 16, "ldmatrix")};
  simt::block().collective(~0u, &io, simt::ldmatrix_trans_lanes, {"ldmatrix_x4_trans", site_file, site_line});
}
inline void cp_async_16(void* shared, const void* global, int n_valid = 16) { simt::cp_async(shared, global, n_valid); }
inline void cp_async_commit() { simt::cp_async_commit(); }
template <int n>
inline void cp_async_wait() {
  simt::cp_async_wait(n);
}

}  // namespace tern::cuda
