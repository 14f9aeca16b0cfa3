// Where streams of tiles read, and what they will read next.
#include "cpu/streams.h"

#include <gtest/gtest.h>

namespace tern::cpu {
namespace {

TEST(Streams, AStreamGoesOnInTheTileAsManyTilesFurther) {
  constexpr int64_t tile_bytes = 768;
  for (int n_tiles = 1; n_tiles <= kStreams; n_tiles++) {
    const Streams streams(n_tiles, tile_bytes);
    for (int tile = 0; tile < n_tiles; tile++) {
      for (int64_t offset : {0, 64, 512, 704}) {
        EXPECT_EQ(streams.at(tile, offset), tile * tile_bytes + offset);
        for (int64_t ahead : {64, 256, 704, 768}) {
          const int64_t later = offset + ahead;
          EXPECT_EQ(streams.ahead(tile, offset, ahead), later < tile_bytes ? streams.at(tile, later) : streams.at(tile + n_tiles, later - tile_bytes))
              << n_tiles << " tiles, tile " << tile << ", " << offset << " + " << ahead;
        }
      }
    }
  }
}

}  // namespace
}  // namespace tern::cpu
