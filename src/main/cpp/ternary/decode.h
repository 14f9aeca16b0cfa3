// Rows of model files to trits: TQ1_0, TQ2_0 (docs/ternary.md has the bits), and F32, F16, BF16, Q8_0 whose values happen to be ternary.
#pragma once

#include <cstdint>

namespace tern {

// Bytes of one row of n_cols elements of a TERN_TYPE_*; throws Error(INVALID_ARGUMENT) if n_cols is not a multiple of the block.
int64_t row_bytes(int32_t type, int32_t n_cols);

// Decodes one row to trits [-1, 0, 1] and its one scale: w = trit * scale. Returns false if the row is not {-s, 0, +s}
// for a single finite s, or holds a code without meaning. A row of zeros has scale 0. Reads exactly row_bytes bytes.
bool decode_ternary_row(int32_t type, const void* row, int32_t n_cols, int8_t* trits, float* scale);

// Decodes one row of any type to floats, exactly.
void decode_row(int32_t type, const void* row, int32_t n_cols, float* out);

}  // namespace tern
