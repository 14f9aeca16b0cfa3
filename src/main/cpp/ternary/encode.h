// Trits to TQ1_0 and TQ2_0 rows, for tests and tools; the inverse of ternary/decode.h.
#pragma once

#include <cstdint>

namespace tern {

// trits: [n_cols] of -1, 0, 1, n_cols a multiple of 256; d: the fp16 scale of every block. out: row_bytes(type, n_cols).
void encode_ternary_row(int32_t type, const int8_t* trits, int32_t n_cols, uint16_t d, uint8_t* out);

}  // namespace tern
