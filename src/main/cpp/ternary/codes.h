// The six ternary block formats: where the codes of a block stand, and its scale. Code c = trit + 1.
#pragma once

#include <cstdint>
#include <cstring>

#include "core/half.h"
#include "tern.h"

namespace tern {

constexpr int kMaxCodes = 256;  // elements of the largest block

struct CodedFormat {
  int block;         // elements
  int block_bytes;
  int header_bytes;  // of a row, before its first block
};

inline float half_at(const uint8_t* p) {
  uint16_t h;
  std::memcpy(&h, p, 2);
  return float_from_half(h);
}

inline float float_at(const uint8_t* p) {
  float f;
  std::memcpy(&f, p, 4);
  return f;
}

// Code of digit n (0: first) of a byte that holds five base-3 digits as ceil(256 v / 3^5), most significant first: the integer part of
// 3 * fraction(byte * 3^n / 256).
inline uint8_t base3_digit(uint8_t byte, int n) {
  constexpr uint8_t kPow3[] = {1, 3, 9, 27, 81};
  return uint8_t(uint16_t(uint8_t(byte * kPow3[n]) * 3) >> 8);
}

inline uint8_t two_bits(uint8_t byte, int n) { return byte >> (2 * n) & 3; }

// qs[48], qh[4], fp16 d.
struct Tq1 {
  static constexpr CodedFormat kFormat = {256, 54, 0};
  static void codes(const uint8_t* block, uint8_t* c) {
    for (int n = 0; n < 5; n++)
      for (int m = 0; m < 32; m++) c[m + 32 * n] = base3_digit(block[m], n);
    for (int n = 0; n < 5; n++)
      for (int m = 0; m < 16; m++) c[160 + m + 16 * n] = base3_digit(block[32 + m], n);
    for (int n = 0; n < 4; n++)
      for (int m = 0; m < 4; m++) c[240 + m + 4 * n] = base3_digit(block[48 + m], n);
  }
  static float scale(const uint8_t*, const uint8_t* block) { return half_at(block + 52); }
};

// qs[64], fp16 d.
struct Tq2 {
  static constexpr CodedFormat kFormat = {256, 66, 0};
  static void codes(const uint8_t* block, uint8_t* c) {
    for (int h = 0; h < 2; h++)
      for (int n = 0; n < 4; n++)
        for (int m = 0; m < 32; m++) c[128 * h + 32 * n + m] = two_bits(block[32 * h + m], n);
  }
  static float scale(const uint8_t*, const uint8_t* block) { return half_at(block + 64); }
};

// fp16 d, qs[16].
struct Q2 {
  static constexpr CodedFormat kFormat = {64, 18, 0};
  static void codes(const uint8_t* block, uint8_t* c) {
    for (int m = 0; m < 16; m++)
      for (int n = 0; n < 4; n++) c[4 * m + n] = two_bits(block[2 + m], n);
  }
  static float scale(const uint8_t*, const uint8_t* block) { return half_at(block); }
};

// bitnet.cpp on x86: the first group of 32 in the top bits; the scale is the tensor's.
struct I2s {
  static constexpr CodedFormat kFormat = {128, 32, 0};
  static void codes(const uint8_t* block, uint8_t* c) {
    for (int n = 0; n < 4; n++)
      for (int m = 0; m < 32; m++) c[32 * n + m] = two_bits(block[m], 3 - n);
  }
  static float scale(const uint8_t*, const uint8_t*) { return 1; }
};

// A row: fp16 scale, then blocks of twelve bytes of five digits, the least significant first, and one of four: elements 15, 31, 47, 63.
struct Iq1Bn {
  static constexpr CodedFormat kFormat = {64, 13, 2};
  static void codes(const uint8_t* block, uint8_t* c) {
    for (int m = 0; m < 12; m++)
      for (int n = 0; n < 5; n++) c[16 * (m / 3) + 5 * (m % 3) + n] = base3_digit(block[m], 4 - n);
    for (int n = 0; n < 4; n++) c[16 * n + 15] = base3_digit(block[12], 4 - n);
  }
  static float scale(const uint8_t* row, const uint8_t*) { return half_at(row); }
};

// A row: float scale, then blocks of 16 bytes.
struct Iq2Bn {
  static constexpr CodedFormat kFormat = {64, 16, 4};
  static void codes(const uint8_t* block, uint8_t* c) {
    for (int n = 0; n < 4; n++)
      for (int m = 0; m < 16; m++) c[16 * n + m] = two_bits(block[m], n);
  }
  static float scale(const uint8_t* row, const uint8_t*) { return float_at(row); }
};

// Calls body(Format()) for a ternary type; false if type is none.
template <class Body>
bool with_coded_format(int32_t type, Body&& body) {
  switch (type) {
    case TERN_TYPE_TQ1_0: body(Tq1()); return true;
    case TERN_TYPE_TQ2_0: body(Tq2()); return true;
    case TERN_TYPE_Q2_0: body(Q2()); return true;
    case TERN_TYPE_I2_S: body(I2s()); return true;
    case TERN_TYPE_IQ1_BN: body(Iq1Bn()); return true;
    case TERN_TYPE_IQ2_BN: body(Iq2Bn()); return true;
    default: return false;
  }
}

}  // namespace tern
