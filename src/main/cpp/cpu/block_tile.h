// Rows of a block type (Q8_0, Q6_K, Q4_0) in tiles of 32 for vpdpbusd, and the activations that meet them (docs/ternary.md has the same
// tiles for ternary rows). Of each lane, a row, a tile holds the bits that the file holds, as one linear stream; there is no horizontal sum.
//
// A quad is 16 columns, four steps of four; a step's columns are broadcast to all lanes. A turn is 32 columns, what is taken of a tile
// at once. Codes are unsigned, w = scale (code - offset). A tile is a row of blocks, each [first] and then turns:
//   Q8_0, offset 128: a turn is [2 quads][4 steps][32 rows][4 columns] bytes, then scales [32 rows] fp16: 1088 bytes.
//   Q4_0, offset 8:   a turn is [4 steps][32 rows][4 columns] bytes, quad 0 in the low nibbles, 1 in the high ones, then scales: 576.
//   Q6_K, offset 32:  first is d [32 rows] fp16; a turn is [2 halves of the rows][2 quads][3][16 rows][4 columns] bytes, step s < 3 in the low
//                     six bits of line s, step 3 two bits a line in the upper ones, then scales [2 quads][32 rows] int8: 832. Eight turns.
//
// Activations x of a turn become whole numbers of two signed digits times a unit, x = unit (256 d1 + d0), d in [-128, 127]. The unit is a
// power of two, max |x| / 16319 at most. Sums of the columns that share a scale are exact,
//   sum (code - offset) x / unit = 256 sum code d1 + sum code d0 - offset sum (256 d1 + d0),
// and become floats at its end: at most 32 * 128 * 32768 = 2^27 (Q6_K: 16 * 32 * 32768), and of codes, 256 sum code d1, 2^28.
#pragma once

#include <cstdint>

namespace tern::cpu {

constexpr int kBlockRows = 32;       // of a tile
constexpr int kTurnCols = 32;
constexpr int kBlockActs = 8;        // activation rows that are taken at once, at most

struct Q8Tile {
  static constexpr int kFirst = 0, kTurns = 1, kScalesAt = 16 * 64, kTurnBytes = kScalesAt + 2 * kBlockRows;
  static constexpr int kOffsetBits = 7;   // the offset is two to so many
  static constexpr int kScaleQuads = 2;   // that share a scale
  static constexpr int kHalves = 2;       // that are taken at once, as they lie
  static constexpr int line_at(int half, int step) { return (2 * step + half) * 64; }
};

struct Q4Tile {
  static constexpr int kFirst = 0, kTurns = 1, kScalesAt = 8 * 64, kTurnBytes = kScalesAt + 2 * kBlockRows;
  static constexpr int kOffsetBits = 3;
  static constexpr int kScaleQuads = 2;
  static constexpr int kHalves = 2;
  static constexpr int line_at(int half, int step) { return (2 * step + half) * 64; }
};

struct Q6Tile {
  static constexpr int kFirst = 2 * kBlockRows, kTurns = 8, kScalesAt = 12 * 64, kTurnBytes = kScalesAt + 2 * kBlockRows;
  static constexpr int kOffsetBits = 5;
  static constexpr int kScaleQuads = 1;
  static constexpr int kHalves = 1;
  static constexpr int line_at(int half, int quad, int line) { return ((2 * half + quad) * 3 + line) * 64; }
};

// How blocks of a file come into tiles and out of them again.
struct BlockFormat {
  int type;        // TERN_TYPE_
  int n_cols;      // of a block
  int file_bytes;  // of a block; kBlockRows times that in a tile
  void (*pack)(const uint8_t* file, int lane, uint8_t* tile);         // a block of one row, into its lane
  void (*unpack)(const uint8_t* tile, int lane, float* out);          // [n_cols], exactly as decode_row
};

extern const BlockFormat kQ8Format, kQ6Format, kQ4Format;

// A turn of one activation row. What is read of it is four bytes at a time.
struct BlockActs {
  int8_t digit[2][kTurnCols];  // d0, d1
  int32_t start[2];            // -offset sum (256 d1 + d0) of the columns of each scale, what a sum of codes begins as
  float unit;                  // 0: all of the turn counts as 0; NaN: so do the sums
};
static_assert(sizeof(BlockActs) == 76);

struct BlockKernel {
  const char* name;
  const BlockFormat* format;
  // x: n <= kBlockActs rows of n_turns turns, x_stride apart; out: [n_turns, n]
  void (*prepare)(const float* x, int64_t x_stride, int n, int n_turns, BlockActs* out);
  // out: [n_tiles, n, kBlockRows], 64-byte aligned = the rows of consecutive tiles times n activation rows. acts: [turns, n]
  void (*sums)(const uint8_t* tiles, int n_tiles, int n_blocks, const BlockActs* acts, int n, float* out);
};

constexpr int kBlockKernels = 3;
extern const BlockKernel kBlockVnniAvx512[kBlockKernels];

}  // namespace tern::cpu
