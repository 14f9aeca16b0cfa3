// The layouts of the multiply-add kernels: 32 rows a tile, a step of columns 128 bytes, row r's dword of step s at byte 128 s + 4 r.
// A dword's byte b holds every fourth column of the step from b on, so that the four codes that are taken out of a dword at once
// meet four consecutive activations, with no shuffling. Planes is 2 bits a weight, Base3 and Permuted3 1.6.
// In an unnamed namespace: an inline function shared between files of different instruction sets would be linked once, perhaps
// from the one that this processor cannot run.
#pragma once

#include <cstdint>
#include <cstring>
#include <type_traits>

#include "cpu/ternary_kernel.h"

namespace tern::cpu {
namespace {

// Bits 2k, 2k+1 of byte b: w + 1 of column 16 s + 4 k + b.
struct Planes {
  static constexpr int kDigits = 4, kStep = 16;

  static uint32_t pack(const uint8_t* codes) {  // [16]
    uint32_t plane[4];
    std::memcpy(plane, codes, sizeof plane);
    return plane[0] | plane[1] << 2 | plane[2] << 4 | plane[3] << 6;
  }
};

// Byte b is ceil(256 v / 243), v the base-3 number of w + 1 of the columns 20 s + 4 k + b, k = 0 its most significant digit: a
// fraction of 256, rounded up so that tripling it carries digit after digit: b_0 = b, 3 b_k = 256 t_k + b_(k+1), b_(k+1) < 256.
struct Base3 {
  static constexpr int kDigits = 5, kStep = 20;

  // The four numbers v of a dword, each in its byte.
  static uint32_t numbers(const uint8_t* codes) {  // [20]
    uint32_t digits[kDigits], v = 0;
    std::memcpy(digits, codes, sizeof digits);
    for (uint32_t digit : digits) v = 3 * v + digit;  // four numbers at once: none outgrows its byte
    return v;
  }

  static uint32_t pack(const uint8_t* codes) {  // [20]
    const uint32_t v = numbers(codes);
    uint32_t packed = 0;
    for (int b = 0; b < 4; b++) packed |= (256 * (v >> 8 * b & 0xff) + 242) / 243 << 8 * b;
    return packed;
  }
};

// The five digits of Base3 in a byte that tables of 64 entries take apart, indexed by its lower six bits, all that vpermb looks at. Digit 0 is
// theirs alone: each of its values has 21 of them (one has 22). If the upper two bits are less than 3 they are digit 1, and of the 27 values that
// digits 2 to 4 have together the lower bits mean one of the first 21. The other 6 have the upper bits 3 and, times the values of digit 1, 18 of
// the 21 lower bits.
struct Permuted3 {
  static constexpr int kDigits = 5, kStep = 20;

  static constexpr int byte(int d0, int d1, int d2, int d3, int d4) {
    const int last = 9 * d2 + 3 * d3 + d4;
    return last < 21 ? (d0 + 3 * last) | d1 << 6 : (d0 + 3 * (3 * (last - 21) + d1)) | 0xc0;
  }

  template <class F>
  static constexpr void each(const F& f) {  // f(number, digits 0 to 4)
    for (int v = 0; v < 243; v++) f(v, v / 81, v / 27 % 3, v / 9 % 3, v / 3 % 3, v % 3);
  }

  struct Bytes {
    uint8_t of[243] = {};
  };

  static constexpr Bytes bytes() {
    Bytes bytes;
    each([&](int v, int d0, int d1, int d2, int d3, int d4) { bytes.of[v] = uint8_t(byte(d0, d1, d2, d3, d4)); });
    return bytes;
  }

  static uint32_t pack(const uint8_t* codes) {  // [20]
    static constexpr Bytes kBytes = bytes();
    const uint32_t v = Base3::numbers(codes);
    uint32_t packed = 0;
    for (int b = 0; b < 4; b++) packed |= uint32_t(kBytes.of[v >> 8 * b & 0xff]) << 8 * b;
    return packed;
  }
};

constexpr int kTileRows = 32;
constexpr int kStepBytes = 4 * kTileRows;
constexpr int kGroupActs = 8;

// Activations. Several rows are taken kGroupActs at once: each group of rows is interleaved by steps, [n_steps, kGroupActs, kStep],
// so that it is one linear stream: rows 4 KiB apart would share one set of the L1 cache. One row is copied only if whole steps
// could read beyond it.
template <class Layout>
struct Tile {
  static constexpr int kStep = Layout::kStep;
  static constexpr bool kCopiesOne = 64 % kStep != 0;  // the stride of activations is a multiple of 64

  static int steps(int n_cols) { return (n_cols + kStep - 1) / kStep; }
  static int64_t bytes(int n_cols) { return int64_t(steps(n_cols)) * kStepBytes; }

  // codes: [n_cols + 64]
  static void pack_row(const uint8_t* codes, int n_cols, int row, uint8_t* tile) {
    uint8_t* out = tile + 4 * row;
    for (int s = 0; s < steps(n_cols); s++, out += kStepBytes) {
      const uint32_t packed = Layout::pack(codes + s * kStep);
      std::memcpy(out, &packed, sizeof packed);
    }
  }

  static int rows_together(int n_act_rows) { return n_act_rows == 1 ? 1 : kGroupActs; }

  static int64_t group_bytes(int n_cols, int n_act_rows) { return int64_t(steps(n_cols)) * rows_together(n_act_rows) * kStep; }

  static int groups(int, int n_act_rows) {
    return n_act_rows == 1 ? int(kCopiesOne) : (n_act_rows + kGroupActs - 1) / kGroupActs;
  }

  static int64_t scratch_bytes(int n_cols, int n_act_rows) {
    return groups(n_cols, n_act_rows) * group_bytes(n_cols, n_act_rows);
  }

  static void prepare(const TernaryActs& a, int n_cols, int part, void* scratch) {
    int8_t* to = static_cast<int8_t*>(scratch) + part * group_bytes(n_cols, a.n_act_rows);
    const int together = rows_together(a.n_act_rows), first = part * together, last = steps(n_cols) - 1;
    const int n = a.n_act_rows - first < together ? a.n_act_rows - first : together;
    const int left = a.rows.stride - last * kStep < kStep ? a.rows.stride - last * kStep : kStep;  // of the last step, in the row
    for (int t = 0; t < n; t++) {
      const int8_t* q = a.rows.q + int64_t(first + t) * a.rows.stride;
      for (int s = 0; s < last; s++) std::memcpy(to + (s * together + t) * kStep, q + s * kStep, kStep);
      int8_t* end = to + (last * together + t) * kStep;
      std::memset(end, 0, kStep);
      std::memcpy(end, q + last * kStep, size_t(left));
    }
  }

  // The rows of a for the sums: those of step s are at s * act_step(a), kStep apart.
  static const int8_t* acts(const TernaryActs& a, int n_cols) {
    if (a.n_act_rows == 1 && !kCopiesOne) return a.q(0);
    const int8_t* groups = static_cast<const int8_t*>(a.scratch);
    return a.n_act_rows == 1 ? groups : groups + a.first / kGroupActs * group_bytes(n_cols, a.n_act_rows);
  }

  static int act_step(const TernaryActs& a) { return rows_together(a.n_act_rows) * kStep; }

  static constexpr TernaryKernel kernel(const char* name, Isa isa, decltype(TernaryKernel::sums) sums, int decode_tiles = 1) {
    return {name, isa, kTileRows, 1, decode_tiles, kGroupActs, bytes, pack_row, scratch_bytes, groups, prepare, sums};
  }
};

// Calls f with std::integral_constant<int, n>, n from 1 to kGroupActs: loops over activation rows are compiled for each number.
template <class F>
inline void with_rows(int n, const F& f) {
  switch (n) {
    case 1: return f(std::integral_constant<int, 1>());
    case 2: return f(std::integral_constant<int, 2>());
    case 3: return f(std::integral_constant<int, 3>());
    case 4: return f(std::integral_constant<int, 4>());
    case 5: return f(std::integral_constant<int, 5>());
    case 6: return f(std::integral_constant<int, 6>());
    case 7: return f(std::integral_constant<int, 7>());
    default: return f(std::integral_constant<int, 8>());
  }
}

}  // namespace
}  // namespace tern::cpu
