// The planes layout of the multiply-add kernels (scalar, avx2_madd, avx512_vnni): 32 rows a tile, 16 columns a step of 128 bytes.
// Row r's dword of step s is at byte 128 s + 4 r; bits 2p, 2p+1 of its byte b hold w + 1 of column 16 s + 4 p + b. The four
// weights of one plane p are then the four bytes of a dword that meet four consecutive activations, with no shuffling.
#pragma once

#include <cstdint>
#include <cstring>

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

}  // namespace tern::cpu
