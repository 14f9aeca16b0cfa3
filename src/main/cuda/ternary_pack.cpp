// The packed layout that ternary.h describes, made on the host.
#include <algorithm>
#include <cstring>

#include "core/checked.h"
#include "ternary.h"

namespace tern::cuda {

int64_t ternary_packed_bytes(int n_rows, int n_cols) {
  const int64_t tiles = (round_up(n_rows, kTernaryTileRows) / kTernaryTileRows) * (round_up(n_cols, kTernaryTileCols) / kTernaryTileCols);
  return checked_mul(tiles, kTernaryTileBytes);
}

namespace {

// Four weights -1, 0, 1 as bytes w + 1.
uint32_t codes(const int8_t* w) {
  uint32_t x;
  std::memcpy(&x, w, sizeof x);
  return ((x & 0x7f7f7f7fu) + 0x01010101u) ^ (x & 0x80808080u);  // no carry from -1 into the next byte
}

// 16 whole rows of a tile's columns, n_cols apart.
void pack_tile(const int8_t* w, int n_cols, uint8_t* tile) {
  for (int g = 0; g < 8; g++) {
    const int8_t* const row = w + int64_t(g) * n_cols;
    const int8_t* const row8 = row + int64_t(8) * n_cols;
    for (int t = 0; t < 4; t++)
      for (int s = 0; s < 4; s++) {
        const int col = 32 * s + 4 * t;
        const uint32_t word = codes(row + col) | codes(row8 + col) << 2 | codes(row + col + 16) << 4 | codes(row8 + col + 16) << 6;
        std::memcpy(tile + (g * 4 + t) * 16 + s * 4, &word, sizeof word);
      }
  }
}

// The same element by element, for what is left at the edges.
void pack_edge(const int8_t* w, int n, int n_cols, int first_col, uint8_t* tiles) {
  for (int row = 0; row < n; row++)
    for (int col = first_col; col < n_cols; col++) {
      const int in_tile = col % kTernaryTileCols, s = in_tile / 32, in_word = in_tile % 32;
      const int lane = row % 8 * 4 + in_word % 16 / 4, i = row / 8 + (in_word / 16) * 2, byte = in_word % 4;
      uint8_t* const at = tiles + col / kTernaryTileCols * kTernaryTileBytes + lane * 16 + s * 4 + byte;
      const int code = w[int64_t(row) * n_cols + col] + 1;
      *at = static_cast<uint8_t>((*at & ~(3 << 2 * i)) | code << 2 * i);
    }
}

}  // namespace

void ternary_pack(const int8_t* w, int n, int n_cols, uint8_t* tiles) {
  const int n_whole = n == kTernaryTileRows ? n_cols / kTernaryTileCols : 0;
  for (int tile = 0; tile < n_whole; tile++) pack_tile(w + tile * kTernaryTileCols, n_cols, tiles + tile * kTernaryTileBytes);
  const int64_t end = ternary_packed_bytes(kTernaryTileRows, n_cols), whole = n_whole * kTernaryTileBytes;
  std::memset(tiles + whole, 0x55, static_cast<size_t>(end - whole));  // code 1 everywhere
  pack_edge(w, n, n_cols, n_whole * kTernaryTileCols, tiles);
}

}  // namespace tern::cuda
