// gate.h against fp64, in every tier.
#include "cpu/gate.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "compare.h"
#include "tern.h"

namespace tern::cpu {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

double oracle_gate(int kind, double gate, double up) {
  if (kind == TERN_GATE_RELU2) return gate > 0 ? gate * gate * up : 0;
  return gate / (1 + std::exp(-gate)) * up;
}

class Gate : public testing::TestWithParam<Isa> {
 protected:
  void SetUp() override {
    if (GetParam() > isa_supported()) GTEST_SKIP() << "this processor lacks " << isa_name(GetParam());
  }
  float one(int kind, float x, float up) {
    float out = kNan;
    gate(pool_, GetParam(), kind, &x, &up, 1, &out);
    return out;
  }
  Pool pool_{2};
};

TEST_P(Gate, AgainstOracle) {
  std::mt19937_64 random(oracle::seed());
  for (int kind : {TERN_GATE_SILU, TERN_GATE_RELU2})
    for (int64_t n : {1, 7, 15, 16, 17, 64, 6912, 100003}) {
      std::vector<float> x(n), up(n), out(n + 1, kNan);
      std::normal_distribution<float> distribution(0, 1);
      for (int64_t i = 0; i < n; i++) x[i] = distribution(random) * (i % 3 ? 3.f : 30.f), up[i] = distribution(random);
      gate(pool_, GetParam(), kind, x.data(), up.data(), n, out.data());
      ASSERT_TRUE(std::isnan(out[n]));
      for (int64_t i = 0; i < n; i++) {
        const double want = oracle_gate(kind, x[i], up[i]);
        // Six roundings; and where e^x is denormal, half of its last place, 1.4e-45, times what it is multiplied by.
        const double denormal = 1.5e-45 * (1 + std::fabs(x[i])) * (1 + std::fabs(up[i]));
        ASSERT_NEAR(out[i], want, std::fabs(want) * 6 * 6e-8 + denormal)
            << "TERN_SEED=" << oracle::seed() << " " << x[i] << " " << up[i];
      }
      std::vector<float> in_place = x;  // and an element's bits do not depend on its place
      gate(pool_, GetParam(), kind, in_place.data(), up.data(), n, in_place.data());
      ASSERT_EQ(std::memcmp(in_place.data(), out.data(), n * 4), 0);
      for (int64_t i = 0; i < n; i += 1 + n / 9) ASSERT_EQ(one(kind, x[i], up[i]), out[i]);
    }
}

TEST_P(Gate, WholeRangeOfFloats) {
  for (float x : {0.f, -0.f, 1e-45f, -1e-45f, 1e-38f, -1e-38f, 17.f, -17.f, 80.f, -87.f, -88.f, -95.f, -103.f, -110.f,
                  1e10f, -1e10f, 3.4e38f, -3.4e38f}) {
    const double want = oracle_gate(TERN_GATE_SILU, x, 1);
    EXPECT_NEAR(one(TERN_GATE_SILU, x, 1), want, std::fabs(want) * 4e-7 + 3e-43) << x;
    EXPECT_EQ(one(TERN_GATE_RELU2, x, 1), x > 0 ? x * x : 0.f) << x;
  }
  EXPECT_EQ(one(TERN_GATE_SILU, kInfinity, 1), kInfinity);
  EXPECT_EQ(one(TERN_GATE_SILU, -kInfinity, 1), 0.f);
  for (int kind : {TERN_GATE_SILU, TERN_GATE_RELU2}) {
    EXPECT_TRUE(std::isnan(one(kind, kNan, 1)));
    EXPECT_TRUE(std::isnan(one(kind, 1, kNan)));
  }
}

INSTANTIATE_TEST_SUITE_P(Tiers, Gate, testing::Values(Isa::scalar, Isa::avx2, Isa::avx512),
                         [](const auto& info) { return std::string(isa_name(info.param)); });

}  // namespace
}  // namespace tern::cpu
