// Rows of model files: their size, their values, and their trits where all of a row are {-s, 0, +s}. docs/ternary.md has the bits.
#pragma once

#include <cstdint>

namespace tern {

// Bytes of one row of n_cols elements of a TERN_TYPE_*; throws Error(INVALID_ARGUMENT) if n_cols is not a multiple of the block.
int64_t row_bytes(int32_t type, int32_t n_cols);

// Decodes one row to trits [-1, 0, 1] and its one scale: w = trit * scale. Returns false if the row is not {-s, 0, +s}
// for a single finite s, or holds a code without meaning. A row of zeros has scale 0. Reads exactly row_bytes bytes.
// quarter: what hf_quarter says, 0 for all types but HF_PACKED.
bool decode_ternary_row(int32_t type, const void* row, int32_t n_cols, int8_t* trits, float* scale, int quarter);

// The same, as codes trit + 1: what kernels pack.
bool decode_ternary_codes(int32_t type, const void* row, int32_t n_cols, uint8_t* codes, float* scale, int quarter);

// Which quarter of n_rows rows row r is in, if that is what tells its bits (TERN_TYPE_HF_PACKED); 0 for other types.
int hf_quarter(int32_t type, int32_t r, int32_t n_rows);

// Throws Error(INVALID_ARGUMENT) for rows of TERN_TYPE_HF_PACKED that are not four to a byte, or not to be kept ternary.
void check_hf_packed(int32_t type, int32_t store, int32_t n_rows);

// Decodes one row of any type to floats: exactly, but for Q6_K, whose scale (exact) times 6 bits is rounded to a float.
// Throws Error(INVALID_ARGUMENT) on a code without meaning (I2_S, IQ2_BN; in TQ2_0 and Q2_0 the code 3 is +2), and for HF_PACKED.
void decode_row(int32_t type, const void* row, int32_t n_cols, float* out);

// Whether a row holds neither NaN nor infinity: in its values, or in the scales of their blocks. Reads exactly row_bytes bytes.
bool finite_row(int32_t type, const void* row, int32_t n_cols);

// Elements that share a scale in a type of at most 8 bits (Q8_0, Q6_K, Q4_0, Q2_0); 0 for other types.
int int8_group(int32_t type);

// Decodes a row of such a type to its integers and scales [n_cols / int8_group]: the value is their product, rounded to a float.
void decode_int8_row(int32_t type, const void* row, int32_t n_cols, int8_t* q, float* scale);

}  // namespace tern
