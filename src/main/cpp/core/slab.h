// Memory for weights, one behind the other in mappings that begin on a huge page: each alone would end with a part of one unused, or be
// too small for any. What streams from pages of 4 KiB is slow: docs/ternary.md has figures. Thread-safe.
#pragma once

#include <cstdint>

namespace tern {

constexpr int64_t kSlabMost = 64 << 20;  // of one taking

// n_bytes from 1 to kSlabMost, zeroed, 64-byte aligned, whose pages need not be there yet; null if the system refuses.
uint8_t* slab_take(int64_t n_bytes);

// Gives back what slab_take gave for n_bytes.
void slab_give(uint8_t* data, int64_t n_bytes) noexcept;

}  // namespace tern
