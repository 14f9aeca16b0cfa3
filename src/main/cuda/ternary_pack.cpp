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

void ternary_pack(const int8_t* w, int n, int n_cols, uint8_t* tiles) {
  const int64_t bytes = ternary_packed_bytes(kTernaryTileRows, n_cols);
  std::memset(tiles, 0x55, static_cast<size_t>(bytes));  // code 1 everywhere
  for (int row = 0; row < n; row++)
    for (int col = 0; col < n_cols; col++) {
      const int in_tile = col % kTernaryTileCols, s = in_tile / 32, in_word = in_tile % 32;
      const int lane = row % 8 * 4 + in_word % 16 / 4, i = row / 8 + (in_word / 16) * 2, byte = in_word % 4;
      uint8_t* const at = tiles + col / kTernaryTileCols * kTernaryTileBytes + lane * 16 + s * 4 + byte;
      const int code = w[int64_t(row) * n_cols + col] + 1;
      *at = static_cast<uint8_t>((*at & ~(3 << 2 * i)) | code << 2 * i);
    }
}

}  // namespace tern::cuda
