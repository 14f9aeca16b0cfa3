// IEEE binary16 and back, exact and round-to-nearest-even, without special instructions.
#pragma once

#include <cstdint>
#include <cstring>

namespace tern {

inline float float_from_half(uint16_t h) {
  const uint32_t sign = uint32_t(h & 0x8000) << 16, magnitude = h & 0x7fff;
  uint32_t bits;
  if (magnitude >= 0x7c00) {
    bits = 0x7f800000u | (magnitude & 0x3ff) << 13;  // infinity, NaN
  } else if (magnitude >= 0x400) {
    bits = (magnitude << 13) + (uint32_t(127 - 15) << 23);
  } else {
    const float value = float(magnitude) * 0x1p-24f;  // zero, subnormal
    std::memcpy(&bits, &value, 4);
  }
  bits |= sign;
  float f;
  std::memcpy(&f, &bits, 4);
  return f;
}

inline uint16_t half_from_float(float f) {
  uint32_t bits;
  std::memcpy(&bits, &f, 4);
  const uint16_t sign = uint16_t(bits >> 16 & 0x8000);
  const uint32_t magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return uint16_t(sign | 0x7e00 | (magnitude >> 13 & 0x1ff));  // NaN
  if (magnitude >= 0x47800000) return uint16_t(sign | 0x7c00);                            // 65536 and more
  if (magnitude < 0x38800000) {                                                           // below 2^-14: subnormal
    float value;
    std::memcpy(&value, &magnitude, 4);
    const float scaled = value + 0.5f;  // the adder rounds to a multiple of 2^-24
    uint32_t sum;
    std::memcpy(&sum, &scaled, 4);
    return uint16_t(sign | (sum - 0x3f000000));
  }
  const uint32_t rounded = magnitude + 0xfff + (magnitude >> 13 & 1);  // may carry into the exponent, up to infinity
  return uint16_t(sign | ((rounded - (uint32_t(127 - 15) << 23)) >> 13));
}

}  // namespace tern
