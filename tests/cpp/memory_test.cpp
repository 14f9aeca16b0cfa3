#include "core/memory.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>

#include "core/checked.h"
#include "core/half.h"

namespace tern {
namespace {

TEST(Buffer, IsAlignedZeroedAndCounted) {
  const int64_t before = native_bytes();
  for (int64_t n : {1, 63, 64, 65, 4096, (4 << 20) - 1, 4 << 20, (4 << 20) + 1, 9 << 20}) {
    Buffer buffer(n, "a test");
    EXPECT_EQ(reinterpret_cast<uintptr_t>(buffer.as<uint8_t>()) % 64, 0u);
    EXPECT_EQ(native_bytes() - before, n);
    int64_t sum = 0;
    for (int64_t i = 0; i < n; i++) sum += buffer.as<uint8_t>()[i];
    EXPECT_EQ(sum, 0);
    buffer.as<uint8_t>()[n - 1] = 1;
    Buffer moved = std::move(buffer);
    EXPECT_FALSE(buffer);
    EXPECT_EQ(native_bytes() - before, n);
  }
  EXPECT_EQ(native_bytes(), before);
}

TEST(Buffer, MoveAssignmentFreesWhatWasHeld) {
  const int64_t before = native_bytes();
  Buffer a(100, "a test");
  a = Buffer(200, "a test");
  EXPECT_EQ(native_bytes() - before, 200);
  a = Buffer();
  EXPECT_EQ(native_bytes(), before);
}

TEST(Buffer, TooMuchIsAnErrorThatNamesPurposeAndSizes) {
  const int64_t before = native_bytes();
  for (int64_t n : {int64_t(1) << 50, int64_t(1) << 62, std::numeric_limits<int64_t>::max()}) {
    try {
      Buffer buffer(n, "the test arena");
      FAIL() << n;
    } catch (const Error& e) {
      EXPECT_TRUE(e.status() == TERN_ERR_OUT_OF_MEMORY || e.status() == TERN_ERR_INVALID_ARGUMENT);
      if (e.status() == TERN_ERR_OUT_OF_MEMORY) {
        EXPECT_NE(std::string(e.what()).find("the test arena"), std::string::npos);
      }
    }
  }
  EXPECT_EQ(native_bytes(), before);
}

TEST(Memory, WhatIsNotFreeIsRefused) {
  const int64_t before = native_bytes();
  EXPECT_NO_THROW(require_free(0, "a test"));
  EXPECT_NO_THROW(require_free(1 << 20, "a test"));
  try {
    require_free(int64_t(1) << 50, "the test data");
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.status(), TERN_ERR_OUT_OF_MEMORY);
    EXPECT_NE(std::string(e.what()).find("the test data"), std::string::npos);
  }
  EXPECT_THROW(require_free(-1, "a test"), Error);
  EXPECT_EQ(native_bytes(), before);
}

TEST(Checked, OverflowIsAnError) {
  const int64_t max = std::numeric_limits<int64_t>::max();
  EXPECT_EQ(checked_mul(3, 5), 15);
  EXPECT_EQ(checked_add(max - 1, 1), max);
  EXPECT_EQ(round_up(65, 64), 128);
  EXPECT_THROW(checked_mul(max, 2), Error);
  EXPECT_THROW(checked_mul(-1, 2), Error);
  EXPECT_THROW(checked_add(max, 1), Error);
  EXPECT_THROW(round_up(max, 64), Error);
}

TEST(Half, EveryHalfSurvivesTheRoundTrip) {
  for (int h = 0; h < 65536; h++) {
    const float f = float_from_half(uint16_t(h));
    if (f != f) {
      const float back = float_from_half(half_from_float(f));
      EXPECT_NE(back, back) << h;
    } else {
      EXPECT_EQ(half_from_float(f), h);
    }
  }
}

TEST(Half, RoundsToTheNearestAndTiesToEven) {
  // Between every pair of neighbouring halves: the middle goes to the even one, a hair off the middle to the nearer one.
  for (int h = 0; h < 0x7bff; h++) {
    const double low = float_from_half(uint16_t(h)), high = float_from_half(uint16_t(h + 1)), middle = (low + high) / 2;
    EXPECT_EQ(half_from_float(float(middle)), h % 2 ? h + 1 : h);
    EXPECT_EQ(half_from_float(std::nextafterf(float(middle), 0)), h);
    EXPECT_EQ(half_from_float(std::nextafterf(float(middle), 1e9f)), h + 1);
  }
  EXPECT_EQ(half_from_float(65519.99f), 0x7bff);
  EXPECT_EQ(half_from_float(65520.f), 0x7c00);
  EXPECT_EQ(half_from_float(-1e30f), 0xfc00);
}

}  // namespace
}  // namespace tern
