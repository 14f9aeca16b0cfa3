// The planes layout of the multiply-add kernels (scalar, avx2_madd, avx512_madd, avx512_vnni): 32 rows a tile, 16 columns a step of 128 bytes.
// Row r's dword of step s is at byte 128 s + 4 r; bits 2p, 2p+1 of its byte b hold w + 1 of column 16 s + 4 p + b. The four
// weights of one plane p are then the four bytes of a dword that meet four consecutive activations, with no shuffling.
#pragma once

#include <cstdint>
#include <cstring>

#include "cpu/ternary_kernel.h"

namespace tern::cpu {

constexpr int kPlanesRows = 32;
constexpr int kPlanesStep = 16;
constexpr int kPlanesStepBytes = 128;

inline int planes_steps(int n_cols) { return (n_cols + kPlanesStep - 1) / kPlanesStep; }

inline int64_t planes_tile_bytes(int n_cols) { return int64_t(planes_steps(n_cols)) * kPlanesStepBytes; }

// codes: [n_cols + 64]
inline void planes_pack_row(const uint8_t* codes, int n_cols, int row, uint8_t* tile) {
  uint8_t* out = tile + 4 * row;
  for (int s = 0; s < planes_steps(n_cols); s++, out += kPlanesStepBytes) {
    uint32_t plane[4];
    std::memcpy(plane, codes + s * kPlanesStep, sizeof plane);
    const uint32_t packed = plane[0] | plane[1] << 2 | plane[2] << 4 | plane[3] << 6;
    std::memcpy(out, &packed, sizeof packed);
  }
}

// Several activation rows, for kernels that take kPlanesActs of them at once: each group of rows is interleaved by steps,
// [n_steps, kPlanesActs, 16], so that it is one linear stream: rows 4 KiB apart would share one set of the L1 cache.
constexpr int kPlanesActs = 8;

inline int64_t planes_group_bytes(int n_cols) { return int64_t(planes_steps(n_cols)) * kPlanesActs * kPlanesStep; }

inline int planes_groups(int, int n_act_rows) { return n_act_rows == 1 ? 0 : (n_act_rows + kPlanesActs - 1) / kPlanesActs; }

inline int64_t planes_scratch_bytes(int n_cols, int n_act_rows) {
  return planes_groups(n_cols, n_act_rows) * planes_group_bytes(n_cols);
}

inline void planes_prepare(const TernaryActs& a, int n_cols, int part, void* scratch) {
  int8_t* to = static_cast<int8_t*>(scratch) + part * planes_group_bytes(n_cols);
  const int first = part * kPlanesActs, n = a.n_act_rows - first < kPlanesActs ? a.n_act_rows - first : kPlanesActs;
  for (int t = 0; t < n; t++) {
    const int8_t* q = a.rows.q + int64_t(first + t) * a.rows.stride;
    for (int s = 0; s < planes_steps(n_cols); s++)
      std::memcpy(to + (s * kPlanesActs + t) * kPlanesStep, q + s * kPlanesStep, kPlanesStep);
  }
}

// The group that the rows of a belong to, as planes_prepare made it.
inline const int8_t* planes_group(const TernaryActs& a, int n_cols) {
  return static_cast<const int8_t*>(a.scratch) + a.first / kPlanesActs * planes_group_bytes(n_cols);
}

}  // namespace tern::cpu
