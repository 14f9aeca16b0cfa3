// Consecutive tiles read at once, a piece of each in turn: as many streams from memory, where some cores read as one stream five sixths of what
// they read as four, and others less as four (plan/stream_plan.h). What is read next of a stream is asked for a piece before or some; where a tile ends, the tile
// that its stream goes on with in the next call. How large a piece and how far ahead are measured: docs/ternary.md.
#pragma once

#include <cstdint>

namespace tern::cpu {

constexpr int kStreams = 4;  // tiles that are read at once, at most

namespace {

class Streams {
 public:
  Streams(int n_tiles, int64_t tile_bytes) : tile_(tile_bytes), next_((n_tiles - 1) * tile_bytes) {}

  // From the first tile on: what is so many bytes behind a tile's beginning, and what its stream reads so many bytes later, if those are no more than a tile
  // (if they are, something of no use).
  int64_t at(int tile, int64_t offset) const { return tile * tile_ + offset; }
  int64_t ahead(int tile, int64_t offset, int64_t n_bytes) const { return at(tile, offset) + n_bytes + (offset + n_bytes < tile_ ? 0 : next_); }

 private:
  int64_t tile_, next_;  // next_: from the end of a tile to the next of its stream
};

}  // namespace
}  // namespace tern::cpu
