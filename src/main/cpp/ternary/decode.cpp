#include "ternary/decode.h"

#include <cmath>
#include <cstring>

#include "core/checked.h"
#include "ternary/codes.h"

namespace tern {
namespace {

constexpr int kPiece = 256;                     // elements decoded at once

float bf16_at(const uint8_t* p) {
  const uint32_t bits = uint32_t(p[0]) << 16 | uint32_t(p[1]) << 24;
  float f;
  std::memcpy(&f, &bits, 4);
  return f;
}

// Block formats of int8 elements, or fewer bits, with a scale for every kGroup of them.
struct Q8 {  // fp16 d, 32 int8
  static constexpr int kBlock = 32, kBytes = 34, kGroup = 32, kScaleAt = 0;
  static void decode(const uint8_t* block, int8_t* q, float* scale) {
    *scale = half_at(block);
    std::memcpy(q, block + 2, kBlock);
  }
};

struct Q4 {  // fp16 d, qs[16]: element m low, m + 16 high
  static constexpr int kBlock = 32, kBytes = 18, kGroup = 32, kScaleAt = 0;
  static void decode(const uint8_t* block, int8_t* q, float* scale) {
    *scale = half_at(block);
    for (int m = 0; m < 16; m++) {
      q[m] = int8_t((block[2 + m] & 15) - 8);
      q[m + 16] = int8_t((block[2 + m] >> 4) - 8);
    }
  }
};

struct Q2Int8 {  // ternary/codes.h
  static constexpr int kBlock = 64, kBytes = 18, kGroup = 32, kScaleAt = 0;
  static void decode(const uint8_t* block, int8_t* q, float* scale) {
    uint8_t codes[kBlock];
    Q2::codes(block, codes);
    for (int i = 0; i < kBlock; i++) q[i] = int8_t(codes[i] - 1);
    scale[0] = scale[1] = half_at(block);
  }
};

// ql[128], qh[64], int8 scales[16], fp16 d. Element 128 h + 32 n + m: a nibble of ql[64 h + 32 (n % 2) + m], the low one for n < 2, and
// bits 2n, 2n+1 of qh[32 h + m] above it.
struct Q6 {
  static constexpr int kBlock = 256, kBytes = 210, kGroup = 16, kScaleAt = 208;
  static void decode(const uint8_t* block, int8_t* q, float* scale) {
    const float d = half_at(block + kScaleAt);
    for (int g = 0; g < 16; g++) scale[g] = d * float(int8_t(block[192 + g]));  // 11 bits times 8
    for (int h = 0; h < 2; h++)
      for (int n = 0; n < 4; n++)
        for (int m = 0; m < 32; m++) {
          const int low = block[64 * h + 32 * (n % 2) + m] >> (n < 2 ? 0 : 4) & 15;
          const int high = block[128 + 32 * h + m] >> (2 * n) & 3;
          q[128 * h + 32 * n + m] = int8_t((high << 4 | low) - 32);
        }
  }
};

template <class Body>
bool with_int8_format(int32_t type, Body&& body) {
  switch (type) {
    case TERN_TYPE_Q8_0: body(Q8()); return true;
    case TERN_TYPE_Q4_0: body(Q4()); return true;
    case TERN_TYPE_Q2_0: body(Q2Int8()); return true;
    case TERN_TYPE_Q6_K: body(Q6()); return true;
    default: return false;
  }
}

template <class Format>
void decode_int8_values(const uint8_t* p, int32_t n_cols, float* out) {
  for (int begin = 0; begin < n_cols; begin += Format::kBlock, p += Format::kBytes) {
    int8_t q[Format::kBlock];
    float scale[Format::kBlock / Format::kGroup];
    Format::decode(p, q, scale);
    for (int i = 0; i < Format::kBlock; i++) out[begin + i] = scale[i / Format::kGroup] * float(q[i]);
  }
}

bool any_code_3(const uint8_t* codes, int n) {
  uint8_t bad = 0;
  for (int i = 0; i < n; i++) bad |= codes[i] & codes[i] >> 1;
  return bad != 0;
}

// Adds the scale of a run of trits to the row's: true while there is one finite scale for all that is not zero.
bool merge_scale(float d, bool any, float* scale) {
  if (!std::isfinite(d)) return false;
  if (!any) return true;
  if (*scale != 0 && *scale != d) return false;
  *scale = d;
  return d != 0 || *scale == 0;
}

template <class Format>
bool decode_coded(const uint8_t* row, int32_t n_cols, uint8_t* codes, float* scale) {
  constexpr CodedFormat f = Format::kFormat;
  const uint8_t* block = row + f.header_bytes;
  for (int b = 0; b < n_cols / f.block; b++, block += f.block_bytes, codes += f.block) {
    Format::codes(block, codes);
    uint8_t bad = 0, any = 0;
    for (int i = 0; i < f.block; i++) {
      bad |= codes[i] & codes[i] >> 1;
      any |= codes[i] ^ 1;
    }
    if (bad) return false;
    const float d = Format::scale(row, block);
    if (d == 0) {  // all of the block is zero, whatever its codes
      std::memset(codes, 1, f.block);
      any = 0;
    }
    if (!merge_scale(d, any, scale)) return false;
  }
  return true;
}

template <class Format>
void decode_coded_values(int32_t type, const uint8_t* row, int32_t n_cols, float* out) {
  constexpr CodedFormat f = Format::kFormat;
  const uint8_t* block = row + f.header_bytes;
  for (int b = 0; b < n_cols / f.block; b++, block += f.block_bytes, out += f.block) {
    uint8_t codes[f.block];
    Format::codes(block, codes);
    if ((type == TERN_TYPE_I2_S || type == TERN_TYPE_IQ2_BN) && any_code_3(codes, f.block))
      fail(TERN_ERR_INVALID_ARGUMENT, "a row of type %d holds the code 3, which has no meaning there", type);
    const float d = Format::scale(row, block);
    for (int i = 0; i < f.block; i++) out[i] = d * float(int(codes[i]) - 1);
  }
}

// No element has all bits of its exponent set. A count and no early end: compilers make vectors of it.
template <class Bits>
bool finite_bits(const uint8_t* p, int32_t n, Bits exponent) {
  int32_t bad = 0;
  for (int i = 0; i < n; i++) {
    Bits bits;
    std::memcpy(&bits, p + sizeof(Bits) * static_cast<size_t>(i), sizeof bits);
    bad += (bits & exponent) == exponent;
  }
  return bad == 0;
}

// Floats of any width by their bits: one magnitude makes the scale; every other is that one, or zero. False if not so.
template <class Word>
bool decode_ternary_words(const uint8_t* row, int32_t n_cols, uint8_t* codes, Word* scale) {
  constexpr Word kMagnitude = Word(Word(~Word(0)) >> 1);
  const auto at = [row](int i) {
    Word w;
    std::memcpy(&w, row + sizeof(Word) * size_t(i), sizeof w);
    return w;
  };
  Word s = 0;
  for (int i = 0; s == 0 && i < n_cols; i++) s = at(i) & kMagnitude;
  Word bad = 0;
  for (int i = 0; i < n_cols; i++) {
    const Word w = at(i), magnitude = w & kMagnitude;
    bad |= Word(magnitude != 0) & Word(magnitude != s);
    codes[i] = uint8_t(magnitude == 0 ? 1 : w == magnitude ? 2 : 0);
  }
  *scale = s;
  return bad == 0;
}

// Eight bytes at a time, which compilers make vectors of.
bool decode_hf_packed(const uint8_t* row, int32_t n_cols, int quarter, uint8_t* codes, float* scale) {
  constexpr uint64_t kLow = 0x0101010101010101u;
  const int shift = 2 * quarter;
  uint64_t bad = 0, any = 0;
  int i = 0;
  for (; i + 8 <= n_cols; i += 8) {
    uint64_t word;
    std::memcpy(&word, row + i, 8);
    word = word >> shift & 3 * kLow;
    bad |= word & word >> 1 & kLow;
    any |= word ^ kLow;
    std::memcpy(codes + i, &word, 8);
  }
  for (; i < n_cols; i++) {
    codes[i] = two_bits(row[i], quarter);
    bad |= codes[i] & codes[i] >> 1 & 1;
    any |= codes[i] ^ 1;
  }
  *scale = any ? 1 : 0;
  return bad == 0;
}

// Values of a block format that happen to be ternary.
bool decode_ternary_values(const float* values, int32_t n, uint8_t* codes, float* scale) {
  for (int i = 0; i < n; i++) {
    const float magnitude = std::fabs(values[i]);
    if (!std::isfinite(magnitude)) return false;
    codes[i] = values[i] > 0 ? 2 : values[i] < 0 ? 0 : 1;
    if (magnitude == 0) continue;
    if (*scale == 0) *scale = magnitude;
    if (magnitude != *scale) return false;
  }
  return true;
}

}  // namespace

int64_t row_bytes(int32_t type, int32_t n_cols) {
  TERN_CHECK_ARG(n_cols > 0, "a row of %d columns", n_cols);
  CodedFormat f = {1, 0, 0};
  if (type == TERN_TYPE_F32)
    f.block_bytes = 4;
  else if (type == TERN_TYPE_F16 || type == TERN_TYPE_BF16)
    f.block_bytes = 2;
  else if (type == TERN_TYPE_HF_PACKED)
    f.block_bytes = 1;
  else if (!with_int8_format(type, [&](auto format) { f = {decltype(format)::kBlock, decltype(format)::kBytes, 0}; }) &&
           !with_coded_format(type, [&](auto format) { f = decltype(format)::kFormat; }))
    fail(TERN_ERR_INVALID_ARGUMENT, "there are no rows of tensor type %d", type);
  TERN_CHECK_ARG(n_cols % f.block == 0, "a row of %d columns is not whole blocks of %d", n_cols, f.block);
  return f.header_bytes + int64_t(n_cols) / f.block * f.block_bytes;
}

int hf_quarter(int32_t type, int32_t r, int32_t n_rows) { return type == TERN_TYPE_HF_PACKED ? r / (n_rows / 4) : 0; }

void check_hf_packed(int32_t type, int32_t store, int32_t n_rows) {
  if (type != TERN_TYPE_HF_PACKED) return;
  TERN_CHECK_ARG(n_rows > 0 && n_rows % 4 == 0, "%d rows packed by four", n_rows);
  TERN_CHECK_ARG(store == TERN_STORE_TERNARY, "rows packed by four are kept ternary only, not as store %d", store);
}

bool decode_ternary_row(int32_t type, const void* row, int32_t n_cols, int8_t* trits, float* scale, int quarter) {
  uint8_t* codes = reinterpret_cast<uint8_t*>(trits);
  if (!decode_ternary_codes(type, row, n_cols, codes, scale, quarter)) return false;
  for (int i = 0; i < n_cols; i++) trits[i] = int8_t(codes[i] - 1);
  return true;
}

bool decode_ternary_codes(int32_t type, const void* row, int32_t n_cols, uint8_t* codes, float* scale, int quarter) {
  row_bytes(type, n_cols);
  *scale = 0;
  const uint8_t* p = static_cast<const uint8_t*>(row);
  if (type == TERN_TYPE_HF_PACKED) return decode_hf_packed(p, n_cols, quarter, codes, scale);
  bool ternary = false;
  if (with_coded_format(type, [&](auto f) { ternary = decode_coded<decltype(f)>(p, n_cols, codes, scale); })) return ternary;
  if (type == TERN_TYPE_F32) {
    uint32_t bits;
    ternary = decode_ternary_words(p, n_cols, codes, &bits);
    std::memcpy(scale, &bits, 4);
    return ternary && std::isfinite(*scale);
  }
  if (type == TERN_TYPE_F16 || type == TERN_TYPE_BF16) {
    uint16_t bits;
    ternary = decode_ternary_words(p, n_cols, codes, &bits);
    *scale = type == TERN_TYPE_F16 ? float_from_half(bits) : bf16_at(reinterpret_cast<const uint8_t*>(&bits));
    return ternary && std::isfinite(*scale);
  }
  float values[kPiece];
  for (int begin = 0; begin < n_cols; begin += kPiece) {
    const int n = n_cols - begin < kPiece ? n_cols - begin : kPiece;
    decode_row(type, begin ? p + row_bytes(type, begin) : p, n, values);
    if (!decode_ternary_values(values, n, codes + begin, scale)) return false;
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
    default:
      if (!with_int8_format(type, [&](auto f) { decode_int8_values<decltype(f)>(p, n_cols, out); }) &&
          !with_coded_format(type, [&](auto f) { decode_coded_values<decltype(f)>(type, p, n_cols, out); }))
        fail(TERN_ERR_INVALID_ARGUMENT, "a row of type %d says nothing of its values by itself", type);
  }
}

bool finite_row(int32_t type, const void* row, int32_t n_cols) {
  row_bytes(type, n_cols);
  const uint8_t* p = static_cast<const uint8_t*>(row);
  if (type == TERN_TYPE_F32) return finite_bits<uint32_t>(p, n_cols, 0x7f800000u);
  if (type == TERN_TYPE_F16) return finite_bits<uint16_t>(p, n_cols, 0x7c00);
  if (type == TERN_TYPE_BF16) return finite_bits<uint16_t>(p, n_cols, 0x7f80);
  bool finite = true;
  if (with_int8_format(type, [&](auto f) {
        using Format = decltype(f);
        for (int begin = 0; begin < n_cols; begin += Format::kBlock, p += Format::kBytes)
          finite &= std::isfinite(half_at(p + Format::kScaleAt));
      }))
    return finite;
  with_coded_format(type, [&](auto f) {
    using Format = decltype(f);
    const uint8_t* block = p + Format::kFormat.header_bytes;
    for (int begin = 0; begin < n_cols; begin += Format::kFormat.block, block += Format::kFormat.block_bytes)
      finite &= std::isfinite(Format::scale(p, block));
  });
  return finite;
}

int int8_group(int32_t type) {
  int group = 0;
  with_int8_format(type, [&](auto f) { group = decltype(f)::kGroup; });
  return group;
}

void decode_int8_row(int32_t type, const void* row, int32_t n_cols, int8_t* q, float* scale) {
  row_bytes(type, n_cols);
  TERN_CHECK_ARG(int8_group(type), "type %d is not of int8 elements", type);
  const uint8_t* p = static_cast<const uint8_t*>(row);
  with_int8_format(type, [&](auto f) {
    using Format = decltype(f);
    for (int begin = 0; begin < n_cols; begin += Format::kBlock, p += Format::kBytes)
      Format::decode(p, q + begin, scale + begin / Format::kGroup);
  });
}

}  // namespace tern
