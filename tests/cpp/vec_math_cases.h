// Tests of vec_math.h, included by one file per tier.
#pragma once

// To be included after vec_math.h, in the instructions of its tier. Worst error of the exponential in ulp, sampled over all x <= 0.
namespace tern::cpu {
namespace {

double ulp(double x) { return std::ldexp(1.0, std::max(std::ilogb(x), -126) - 23); }

double worst_exp_error(uint32_t stride) {
  double worst = 0;
  for (uint32_t bits = 0x80000000; bits < 0xc2d20000; bits += kLanes * stride) {  // -0 to -105
    float x[kLanes], y[kLanes];
    for (int i = 0; i < kLanes; i++) {
      const uint32_t b = bits + i * stride;
      std::memcpy(x + i, &b, 4);
    }
    store(y, exp_nonpositive(load(x)));
    for (int i = 0; i < kLanes; i++) {
      const double want = std::exp(double(x[i]));
      worst = std::max(worst, std::fabs(y[i] - want) / ulp(want));
    }
  }
  return worst;
}

float exp_of(float x) {
  float y[kLanes];
  store(y, exp_nonpositive(set1(x)));
  return y[kLanes - 1];
}

}  // namespace
}  // namespace tern::cpu

#define TERN_VEC_MATH_TESTS(Suite, tier)                                                         \
  namespace tern::cpu {                                                                          \
  TEST(Suite, ExpAccuracy) {                                                                     \
    if (tier > isa_supported()) GTEST_SKIP() << "this processor lacks " << isa_name(tier);       \
    EXPECT_LE(worst_exp_error(97), 1.01);                                                        \
  }                                                                                              \
  TEST(Suite, ExpOfSpecialValues) {                                                              \
    if (tier > isa_supported()) GTEST_SKIP() << "this processor lacks " << isa_name(tier);       \
    EXPECT_EQ(exp_of(0.f), 1.f);                                                                 \
    EXPECT_EQ(exp_of(-0.f), 1.f);                                                                \
    EXPECT_EQ(exp_of(-kInf), 0.f);                                                               \
    EXPECT_EQ(exp_of(-3.4e38f), 0.f);                                                            \
    EXPECT_EQ(exp_of(-104.f), 0.f);                                                              \
    EXPECT_EQ(exp_of(-103.f), 1.4e-45f);                                                         \
    EXPECT_TRUE(std::isnan(exp_of(std::numeric_limits<float>::quiet_NaN())));                    \
  }                                                                                              \
  }
