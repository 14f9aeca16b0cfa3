// Q8_0 rows in tiles of 32 for vpdpbusd, and the activations that meet them (docs/ternary.md has the same tiles for ternary rows).
//
//   tile: blocks of 32 columns, 1088 bytes each:  codes [8 steps][32 rows][4 columns], w + 128 as unsigned bytes;  scales [32 rows], fp16
//
// A lane is a row, so that there is no horizontal sum; a step's four columns are broadcast to all lanes. In a tile the bytes of a file's
// rows are as many as in the file, and one linear stream.
//
// Activations x of a block become whole numbers of two signed digits times a unit, x = unit (256 d1 + d0), d in [-128, 127]. The unit is a
// power of two, max |x| / 16319 at most. Sums of a block are exact,
//   sum w x / unit = 256 sum w d1 + sum w d0,   sum w d = sum (w + 128) d - 128 sum d,
// and become floats at its end: |sum w (256 d1 + d0)| <= 32 * 128 * 32768 = 2^27, and of codes, 256 sum (w + 128) d1, 2^28.
#pragma once

#include <cstdint>

namespace tern::cpu {

constexpr int kQ8Rows = 32;   // of a tile
constexpr int kQ8Cols = 32;   // of a block
constexpr int kQ8Steps = 8;   // of a block
constexpr int kQ8StepBytes = 4 * kQ8Rows;
constexpr int kQ8ScalesAt = kQ8Steps * kQ8StepBytes;
constexpr int kQ8BlockBytes = kQ8ScalesAt + 2 * kQ8Rows;
constexpr int kQ8Acts = 8;    // activation rows that are taken at once, at most

// A block of one activation row. What is read of it is four bytes at a time.
struct Q8Acts {
  int8_t digit[2][kQ8Cols];  // d0, d1
  int32_t start;             // -128 sum (256 d1 + d0), what a sum of codes begins as
  float unit;                // 0: all of the block counts as 0; NaN: so do the sums
};
static_assert(sizeof(Q8Acts) == 72);

struct Q8Kernel {
  // x: n <= kQ8Acts rows of n_blocks blocks, x_stride apart; out: [n_blocks, n]
  void (*prepare)(const float* x, int64_t x_stride, int n, int n_blocks, Q8Acts* out);
  // out: [n_tiles, n, kQ8Rows], 64-byte aligned = the rows of consecutive tiles times n activation rows. acts: [n_blocks, n]
  void (*sums)(const uint8_t* tiles, int n_tiles, int n_blocks, const Q8Acts* acts, int n, float* out);
};

extern const Q8Kernel kQ8VnniAvx512;

}  // namespace tern::cpu
