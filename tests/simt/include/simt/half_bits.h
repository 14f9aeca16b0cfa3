// Rounding to 16-bit formats, to nearest even, and back. NaN becomes 0x7fff, as on a GPU.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

namespace simt {

inline float float_from_half(uint16_t h) {
  const uint32_t sign = static_cast<uint32_t>(h & 0x8000) << 16, rest = h & 0x7fffu;
  uint32_t bits;
  if (rest >= 0x7c00) {
    bits = sign | 0x7f800000u | (rest & 0x3ff) << 13;
  } else if (rest >= 0x400) {
    bits = sign | ((rest << 13) + 0x38000000u);
  } else {
    const float x = static_cast<float>(static_cast<int>(rest)) * 0x1p-24f;
    std::memcpy(&bits, &x, 4);
    bits |= sign;
  }
  float x;
  std::memcpy(&x, &bits, 4);
  return x;
}

inline uint16_t half_from_float(float x) {
  uint32_t bits;
  std::memcpy(&bits, &x, 4);
  const uint16_t sign = static_cast<uint16_t>(bits >> 16 & 0x8000);
  bits &= 0x7fffffffu;
  if (bits > 0x7f800000u) return 0x7fff;
  if (bits >= 0x47800000u) return sign | 0x7c00;
  if (bits < 0x38800000u) {  // subnormal: adding 0.5 rounds at 2^-24
    float y;
    std::memcpy(&y, &bits, 4);
    y += 0.5f;
    std::memcpy(&bits, &y, 4);
    return static_cast<uint16_t>(sign | (bits - 0x3f000000u));
  }
  return static_cast<uint16_t>(sign | ((bits - 0x38000000u + 0xfff + (bits >> 13 & 1)) >> 13));
}

inline float float_from_bf16(uint16_t h) {
  const uint32_t bits = static_cast<uint32_t>(h) << 16;
  float x;
  std::memcpy(&x, &bits, 4);
  return x;
}

inline uint16_t bf16_from_float(float x) {
  uint32_t bits;
  std::memcpy(&bits, &x, 4);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return 0x7fff;
  return static_cast<uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

// x + y as a float that rounds to 16 bits as the exact sum would: the last bit is set where the sum was not exact.
inline float sum_to_odd(double x, double y) {
  const auto odd = [](auto sum, double error) {
    if (error == 0 || !(std::fabs(sum) < HUGE_VAL)) return sum;
    using T = decltype(sum);
    const T toward = error > 0 ? T(HUGE_VAL) : -T(HUGE_VAL);
    uint64_t bits = 0;
    std::memcpy(&bits, &sum, sizeof sum);
    return bits & 1 ? sum : std::nextafter(sum, toward);
  };
  const double sum = x + y, from_y = sum - x;
  const double exact = odd(sum, (x - (sum - from_y)) + (y - from_y));
  const float out = static_cast<float>(exact);
  return odd(out, exact - static_cast<double>(out));
}

}  // namespace simt
