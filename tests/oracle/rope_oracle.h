// Rotation of one pair by a position and a frequency, in long double. pos * inv_freq, whose 93 bits no long double holds, is
// taken apart: pos in two halves of 20 bits, each product exact, each reduced by itself.
#pragma once

#include <cmath>
#include <cstdint>
#include <utility>

namespace tern::oracle {

inline std::pair<long double, long double> cos_sin(int64_t pos, double inv_freq) {
  const int64_t low = pos & 0x7ff, mid = pos >> 11 & 0x7ff, high = pos >> 22;  // 11-bit, 11-bit, 18-bit parts
  long double c = 1, s = 0;
  const auto turn = [&](long double angle) {
    const long double ca = std::cos(angle), sa = std::sin(angle), t = c * ca - s * sa;
    s = s * ca + c * sa;
    c = t;
  };
  turn(static_cast<long double>(low) * inv_freq);
  turn(static_cast<long double>(mid << 11) * inv_freq);
  for (int bit = 0; bit < 18; bit++)  // powers of two: exact products
    if (high >> bit & 1) turn(std::ldexp(static_cast<long double>(inv_freq), 22 + bit));
  return {c, s};
}

}  // namespace tern::oracle
