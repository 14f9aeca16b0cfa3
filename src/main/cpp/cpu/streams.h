// Consecutive tiles read at once, a piece of each in turn: as many streams from memory, where one stream reaches five sixths of what
// four do (Zen 5, bench/dense_bench). Pieces are asked for two turns before they are read, which the hardware does not do early enough
// while it computes; the last of a tile ask for the first of the tile that the stream goes on with in the next call.
#pragma once

#include <cstdint>

namespace tern::cpu {
namespace {

class Streams {
 public:
  Streams(int n_tiles, int n_pieces, int piece_bytes) : n_pieces_(n_pieces), piece_(piece_bytes), tile_(int64_t(n_pieces) * piece_bytes), next_((n_tiles - 1) * tile_) {}

  // From the first tile on: where piece k of a tile begins, and the piece to ask for when it is read.
  int64_t at(int tile, int k) const { return tile * tile_ + k * piece_; }
  int64_t ahead(int tile, int k) const { return at(tile, k + 2) + (k + 2 < n_pieces_ ? 0 : next_); }

 private:
  int n_pieces_;
  int64_t piece_, tile_, next_;  // next_: from the end of a tile to the next of its stream
};

}  // namespace
}  // namespace tern::cpu
