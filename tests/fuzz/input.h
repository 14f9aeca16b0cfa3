// A fuzzer's bytes read as numbers: zeros when they run out, so that every input is a whole one.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

#include "tern.h"

namespace tern_fuzz {

// Ends the process, and with it the fuzzer's run: what must never be was.
#define FUZZ_REQUIRE(condition)                                                      \
  do {                                                                               \
    if (!(condition)) {                                                              \
      std::fprintf(stderr, "%s:%d: %s: %s\n", __FILE__, __LINE__, #condition, tern_last_error()); \
      std::abort();                                                                  \
    }                                                                                \
  } while (0)

class Input {
 public:
  Input(const uint8_t* data, size_t size) : data_(data), left_(size) {}

  template <class T>
  T take() {
    T value = {};
    const size_t n = std::min(left_, sizeof(T));
    if (n) std::memcpy(&value, data_, n);
    data_ += n;
    left_ -= n;
    return value;
  }

  int byte() { return take<uint8_t>(); }
  int below(int n) { return byte() % n; }

  // An int of which the small, the odd and the extreme ones are as likely as others.
  int32_t number() {
    static const int32_t kSpecial[] = {0, 1, -1, 2, 63, 64, 65, 127, 128, 255, 256, 257, INT32_MAX, INT32_MIN, INT32_MAX - 1, 1 << 30};
    const int kind = byte();
    if (kind < 128) return kind % 64 - 8;
    if (kind < 192) return kSpecial[kind % 16];
    return take<int32_t>();
  }

  int64_t position() {
    static const int64_t kSpecial[] = {0, 1, -1, 63, 64, 1LL << 40, (1LL << 40) + 1, (1LL << 40) - 1, INT64_MAX, INT64_MIN, INT64_MAX - 63, 1LL << 62};
    const int kind = byte();
    if (kind < 160) return kind;
    if (kind < 208) return kSpecial[kind % 12];
    return take<int64_t>();
  }

  float real() {
    const int kind = byte();
    static const float kSpecial[] = {0.f, 1.f, -1.f, 0.5f, 1e-30f, 1e30f, -0.f, 3e38f};
    if (kind < 128) return kSpecial[kind % 8];
    if (kind == 128) return __builtin_nanf("");
    if (kind == 129) return __builtin_inff();
    return take<float>();
  }

  size_t left() const { return left_; }
  const uint8_t* data() const { return data_; }

 private:
  const uint8_t* data_;
  size_t left_;
};

// n bytes on the heap with nothing around them, so that AddressSanitizer sees a read beyond: the input's, over and over.
inline std::unique_ptr<uint8_t[]> exact_bytes(const Input& in, int64_t n) {
  std::unique_ptr<uint8_t[]> bytes(new uint8_t[static_cast<size_t>(n)]);
  const int64_t left = static_cast<int64_t>(in.left());
  if (left == 0) std::memset(bytes.get(), 0, static_cast<size_t>(n));
  for (int64_t i = 0; left > 0 && i < n; i += left) std::memcpy(bytes.get() + i, in.data(), static_cast<size_t>(std::min(left, n - i)));
  return bytes;
}

// What a call may answer. INTERNAL is a bug by its definition.
inline void check_status(int32_t status) {
  FUZZ_REQUIRE(status >= TERN_OK && status < TERN_ERR_INTERNAL);
  FUZZ_REQUIRE(std::strlen(tern_last_error()) < 600);
}

inline tern_device* cpu() {
  static tern_device* device = [] {
    tern_device* d = nullptr;
    FUZZ_REQUIRE(tern_device_open("cpu", 1, &d) == TERN_OK);
    return d;
  }();
  return device;
}

// Bytes of a row of n_cols, or 0 where the type or the blocks are wrong: written again from the formats' definitions.
inline int64_t bytes_of_row(int32_t type, int64_t n_cols) {
  struct Format {
    int32_t type, block, bytes, header;
  };
  static const Format kFormats[] = {{TERN_TYPE_F32, 1, 4, 0},      {TERN_TYPE_F16, 1, 2, 0},      {TERN_TYPE_BF16, 1, 2, 0},
                                    {TERN_TYPE_Q4_0, 32, 18, 0},   {TERN_TYPE_Q8_0, 32, 34, 0},   {TERN_TYPE_Q6_K, 256, 210, 0},
                                    {TERN_TYPE_TQ1_0, 256, 54, 0}, {TERN_TYPE_TQ2_0, 256, 66, 0}, {TERN_TYPE_I2_S, 128, 32, 0},
                                    {TERN_TYPE_Q2_0, 64, 18, 0},   {TERN_TYPE_IQ1_BN, 64, 13, 2}, {TERN_TYPE_IQ2_BN, 64, 16, 4},
                                    {TERN_TYPE_HF_PACKED, 1, 1, 0}};
  for (const Format& f : kFormats)
    if (f.type == type) return n_cols > 0 && n_cols % f.block == 0 ? f.header + n_cols / f.block * f.bytes : 0;
  return 0;
}

inline int32_t weight_type(Input* in) {
  static const int32_t kTypes[] = {TERN_TYPE_F32,   TERN_TYPE_F16,   TERN_TYPE_BF16, TERN_TYPE_Q4_0, TERN_TYPE_Q8_0,   TERN_TYPE_Q6_K,
                                   TERN_TYPE_TQ1_0, TERN_TYPE_TQ2_0, TERN_TYPE_I2_S, TERN_TYPE_Q2_0, TERN_TYPE_IQ1_BN, TERN_TYPE_IQ2_BN};
  const int kind = in->byte();
  return kind < 240 ? kTypes[kind % 12] : kind < 244 ? TERN_TYPE_HF_PACKED : in->number();
}

}  // namespace tern_fuzz
