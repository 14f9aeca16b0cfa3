#include "ternary/decode.h"

#include <cmath>
#include <cstring>

#include "core/checked.h"
#include "core/half.h"

namespace tern {
namespace {

constexpr int kQ8Block = 32, kQ8Bytes = 34;      // fp16 d, 32 int8
constexpr int kTqBlock = 256;
constexpr int kTq1Bytes = 54;                    // qs[48], qh[4], fp16 d
constexpr int kTq2Bytes = 66;                    // qs[64], fp16 d

float bf16_at(const uint8_t* p) {
  const uint32_t bits = uint32_t(p[0]) << 16 | uint32_t(p[1]) << 24;
  float f;
  std::memcpy(&f, &bits, 4);
  return f;
}

float half_at(const uint8_t* p) {
  uint16_t h;
  std::memcpy(&h, p, 2);
  return float_from_half(h);
}

// Bytes m of qs, bits 2n..2n+1: element 128 h + 32 n + m with h = m / 32. Returns false on the code 3.
bool tq2_codes(const uint8_t* block, uint8_t* codes) {
  uint8_t bad = 0;
  for (int h = 0; h < 2; h++)
    for (int n = 0; n < 4; n++)
      for (int m = 0; m < 32; m++) {
        const uint8_t code = block[32 * h + m] >> (2 * n) & 3;
        bad |= code & code >> 1;
        codes[128 * h + 32 * n + m] = code;
      }
  return !bad;
}

// A byte holds v = sum of trits, most significant first, as ceil(256 v / 3^5); trit n is the integer part of 3 * fraction(byte * 3^n / 256).
void tq1_codes(const uint8_t* block, uint8_t* codes) {
  static const uint8_t kPow3[] = {1, 3, 9, 27, 81};
  for (int n = 0; n < 5; n++)
    for (int m = 0; m < 32; m++) codes[m + 32 * n] = uint16_t(uint8_t(block[m] * kPow3[n]) * 3) >> 8;
  for (int n = 0; n < 5; n++)
    for (int m = 0; m < 16; m++) codes[160 + m + 16 * n] = uint16_t(uint8_t(block[32 + m] * kPow3[n]) * 3) >> 8;
  for (int n = 0; n < 4; n++)
    for (int m = 0; m < 4; m++) codes[240 + m + 4 * n] = uint16_t(uint8_t(block[48 + m] * kPow3[n]) * 3) >> 8;
}

// Adds the scale of a run of trits to the row's: true while there is one finite scale for all that is not zero.
bool merge_scale(float d, bool any, float* scale) {
  if (!std::isfinite(d)) return false;
  if (!any) return true;
  if (*scale != 0 && *scale != d) return false;
  *scale = d;
  return d != 0 || *scale == 0;
}

bool decode_ternary_blocks(int32_t type, const uint8_t* row, int32_t n_cols, int8_t* trits, float* scale) {
  const int bytes = type == TERN_TYPE_TQ1_0 ? kTq1Bytes : kTq2Bytes;
  for (int b = 0; b < n_cols / kTqBlock; b++, row += bytes, trits += kTqBlock) {
    uint8_t codes[kTqBlock];
    if (type == TERN_TYPE_TQ1_0)
      tq1_codes(row, codes);
    else if (!tq2_codes(row, codes))
      return false;
    uint8_t any = 0;
    for (int i = 0; i < kTqBlock; i++) {
      trits[i] = int8_t(codes[i] - 1);
      any |= uint8_t(trits[i]);
    }
    const float d = half_at(row + bytes - 2);
    if (d == 0) {  // all of the block is zero, whatever its trits
      std::memset(trits, 0, kTqBlock);
      any = 0;
    }
    if (!merge_scale(d, any, scale)) return false;
  }
  return true;
}

// One value of any sign makes the scale; every other must be its negative, itself or zero.
bool decode_ternary_values(const float* values, int32_t n, int8_t* trits, float* scale) {
  for (int i = 0; i < n; i++) {
    const float magnitude = std::fabs(values[i]);
    if (!std::isfinite(magnitude)) return false;
    trits[i] = values[i] > 0 ? 1 : values[i] < 0 ? -1 : 0;
    if (magnitude == 0) continue;
    if (*scale == 0) *scale = magnitude;
    if (magnitude != *scale) return false;
  }
  return true;
}

}  // namespace

int64_t row_bytes(int32_t type, int32_t n_cols) {
  TERN_CHECK_ARG(n_cols > 0, "a row of %d columns", n_cols);
  int block = 1, bytes = 0;
  switch (type) {
    case TERN_TYPE_F32: bytes = 4; break;
    case TERN_TYPE_F16:
    case TERN_TYPE_BF16: bytes = 2; break;
    case TERN_TYPE_Q8_0: block = kQ8Block, bytes = kQ8Bytes; break;
    case TERN_TYPE_TQ1_0: block = kTqBlock, bytes = kTq1Bytes; break;
    case TERN_TYPE_TQ2_0: block = kTqBlock, bytes = kTq2Bytes; break;
    default: fail(TERN_ERR_INVALID_ARGUMENT, "tensor type %d is none of F32, F16, BF16, Q8_0, TQ1_0, TQ2_0", type);
  }
  TERN_CHECK_ARG(n_cols % block == 0, "a row of %d columns is not whole blocks of %d", n_cols, block);
  return int64_t(n_cols) / block * bytes;
}

bool decode_ternary_row(int32_t type, const void* row, int32_t n_cols, int8_t* trits, float* scale) {
  row_bytes(type, n_cols);
  *scale = 0;
  const uint8_t* p = static_cast<const uint8_t*>(row);
  if (type == TERN_TYPE_TQ1_0 || type == TERN_TYPE_TQ2_0) return decode_ternary_blocks(type, p, n_cols, trits, scale);
  float values[kTqBlock];
  for (int begin = 0; begin < n_cols; begin += kTqBlock) {
    const int n = n_cols - begin < kTqBlock ? n_cols - begin : kTqBlock;
    decode_row(type, begin ? p + row_bytes(type, begin) : p, n, values);
    if (!decode_ternary_values(values, n, trits + begin, scale)) return false;
  }
  return true;
}

void decode_row(int32_t type, const void* row, int32_t n_cols, float* out) {
  row_bytes(type, n_cols);
  const uint8_t* p = static_cast<const uint8_t*>(row);
  switch (type) {
    case TERN_TYPE_F32: std::memcpy(out, p, sizeof(float) * static_cast<size_t>(n_cols)); break;
    case TERN_TYPE_F16:
      for (int i = 0; i < n_cols; i++) out[i] = half_at(p + 2 * int64_t(i));
      break;
    case TERN_TYPE_BF16:
      for (int i = 0; i < n_cols; i++) out[i] = bf16_at(p + 2 * int64_t(i));
      break;
    case TERN_TYPE_Q8_0:
      for (int b = 0; b < n_cols / kQ8Block; b++, p += kQ8Bytes) {
        const float d = half_at(p);
        for (int i = 0; i < kQ8Block; i++) out[b * kQ8Block + i] = d * float(int8_t(p[2 + i]));
      }
      break;
    default: {
      const int bytes = type == TERN_TYPE_TQ1_0 ? kTq1Bytes : kTq2Bytes;
      for (int b = 0; b < n_cols / kTqBlock; b++, p += bytes) {
        uint8_t codes[kTqBlock];
        if (type == TERN_TYPE_TQ1_0)
          tq1_codes(p, codes);
        else
          tq2_codes(p, codes);  // the code 3 is +2 by definition
        const float d = half_at(p + bytes - 2);
        for (int i = 0; i < kTqBlock; i++) out[b * kTqBlock + i] = d * float(int(codes[i]) - 1);
      }
    }
  }
}

}  // namespace tern
