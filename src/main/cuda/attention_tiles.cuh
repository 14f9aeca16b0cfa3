// What a tile of rows reads, page by page, and what of it each row sees: shared by the prefill kernels.
#pragma once

#include "attention.h"
#include "device.cuh"

namespace tern::cuda {

constexpr int kPage = TERN_PAGE_LEN;  // keys of a tile

// The part of one segment in one page.
struct Tile {
  int64_t index;  // of the page's first place, whether or not the segment holds it
  int page;
  int begin;      // places [begin, end) of the page
  int end;
  int rotation;
};

// The tiles of a work item that some row of it sees, indices ascending.
class Tiles {
 public:
  __device__ Tiles(const AttentionArgs& args, const PrefillWork& work) : args_(args), work_(work), s_(work.segment_begin) {}

  __device__ bool next(Tile& tile) {
    while (s_ < work_.segment_end) {
      const int len = args_.segment_len[s_];
      const int64_t index = args_.segment_index[s_];
      while (offset_ < len) {
        const int64_t first = index + offset_;
        const int begin = static_cast<int>(first % kPage);
        const int n = min(kPage - begin, len - offset_);
        const int64_t last = first + n - 1;
        if (first < work_.sink_max || (first <= work_.hi_max && last >= work_.lo_min)) {
          tile = {first - begin, (args_.segment_slot[s_] + offset_) / kPage, begin, begin + n, args_.segment_rotation[s_]};
          offset_ += n;
          return true;
        }
        // Between the sinks and lo, nothing is seen: on to the page of lo, or past the segment.
        const int64_t skip = first > work_.hi_max ? len : work_.lo_min / kPage * kPage - index;
        offset_ = skip < len ? max(offset_ + n, static_cast<int>(skip)) : len;
      }
      s_++;
      offset_ = 0;
    }
    return false;
  }

 private:
  const AttentionArgs& args_;
  const PrefillWork& work_;
  int s_;
  int offset_ = 0;  // of the next key in segment s_
};

__device__ __forceinline__ bool seen_by_all(const PrefillWork& work, const Tile& tile) {
  const int64_t last = tile.index + kPage - 1;
  return tile.end - tile.begin == kPage && (last < work.sink_min || (tile.index >= work.lo_max && last <= work.hi_min));
}

// Bits of the places below x in a page whose first place has this index.
__device__ __forceinline__ uint64_t places_below(int64_t x, int64_t index) {
  if (x <= index) return 0;
  return x - index >= kPage ? ~uint64_t{0} : (uint64_t{1} << (x - index)) - 1;
}

__device__ __forceinline__ uint64_t seen_places(const Tile& tile, int64_t sink_end, int64_t lo, int64_t hi) {
  const uint64_t there = places_below(tile.end, 0) & ~places_below(tile.begin, 0);
  const uint64_t up_to_hi = hi < tile.index ? 0 : hi - tile.index >= kPage ? ~uint64_t{0} : places_below(hi + 1, tile.index);
  return there & (places_below(sink_end, tile.index) | (up_to_hi & ~places_below(lo, tile.index)));
}

}  // namespace tern::cuda
