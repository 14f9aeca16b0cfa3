// Memory for weights, one behind the other in mappings that begin on a huge page: each alone would end with a part of one unused, or be
// too small for any. What streams from pages of 4 KiB is slow: docs/ternary.md has figures. Thread-safe.
#pragma once

#include <cstdint>

namespace tern {

constexpr int64_t kHugePage = 2 << 20;
constexpr int64_t kSlabMost = 64 << 20;  // of one taking

// Addresses of n_bytes, whole pages, that begin on a huge page; advises the system to make such pages. Null if it refuses.
uint8_t* map_huge(int64_t n_bytes);

// n_bytes, 64-byte aligned, with 64 bytes behind them that are nobody's; zeroed, but the pages need not be there yet. Null if there are to
// be none or more than kSlabMost, or the system refuses.
uint8_t* slab_take(int64_t n_bytes);

// Gives back what slab_take gave for n_bytes. populated: its pages were all there. Whole huge pages that nobody has any more go back to the system.
void slab_give(uint8_t* data, int64_t n_bytes, bool populated) noexcept;

}  // namespace tern
