// norm.h against the oracle, in every tier.
#include "cpu/norm.h"

#include <gtest/gtest.h>

#include <cstring>

#include "compare.h"
#include "norm_oracle.h"

namespace tern::cpu {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

std::vector<Isa> tiers() {
  std::vector<Isa> all;
  for (Isa isa : {Isa::scalar, Isa::avx2, Isa::avx512})
    if (isa <= isa_supported()) all.push_back(isa);
  return all;
}

std::vector<float> normal(uint64_t salt, size_t n, float sigma) {
  std::mt19937_64 random(oracle::seed() * 1000003 + salt);
  std::normal_distribution<float> distribution(0, 1);
  std::vector<float> x(n);
  for (float& e : x) e = distribution(random) * sigma;
  return x;
}

// Everything that rmsnorm_quantize writes, guarded on both sides.
struct Quant {
  static constexpr int kGuard = 64;
  int stride;
  std::vector<int8_t> q;
  std::vector<float> scale;
  std::vector<int32_t> sum;
  std::vector<float> f32;

  Quant(Pool& pool, Isa isa, const float* x, const float* weight, float eps, int n_rows, int dim, bool with_f32 = true)
      : stride((dim + 63) / 64 * 64), q(size_t(n_rows) * stride + 2 * kGuard, 77), scale(n_rows + 1, kNan), sum(n_rows + 1, -7),
        f32(size_t(n_rows) * dim + 1, kNan) {
    rmsnorm_quantize(pool, isa, x, weight, eps, n_rows, dim, {q.data() + kGuard, scale.data(), sum.data(), stride},
                     with_f32 ? f32.data() : nullptr);
    for (int i = 0; i < kGuard; i++) EXPECT_TRUE(q[i] == 77 && q[q.size() - 1 - i] == 77) << "written outside q";
    EXPECT_TRUE(std::isnan(scale[n_rows]) && sum[n_rows] == -7 && std::isnan(f32.back())) << "written outside";
  }
  const int8_t* row(int i) const { return q.data() + kGuard + size_t(i) * stride; }
};

void expect_quantized(const Quant& out, const float* y, int n_rows, int dim, const std::string& what) {
  for (int i = 0; i < n_rows; i++) {
    const oracle::Quantized want = oracle::quantize(y + size_t(i) * dim, dim);
    for (int j = 0; j < dim; j++) ASSERT_EQ(int(out.row(i)[j]), want.q[j]) << what << " row " << i << " element " << j;
    for (int j = dim; j < out.stride; j++) ASSERT_EQ(int(out.row(i)[j]), 0) << what << " padding " << j;
    ASSERT_EQ(out.scale[i], want.scale) << what;
    ASSERT_EQ(out.sum[i], want.sum) << what;
  }
}

TEST(RmsNorm, AgainstOracleInEveryTier) {
  Pool one(1), two(2);
  for (int dim : {1, 2, 7, 8, 15, 16, 17, 63, 64, 65, 127, 256, 1000, 2560, 6912})
    for (float sigma : {1.f, 1e-3f, 300.f}) {
      const int n_rows = dim > 500 ? 17 : 3;
      const std::vector<float> x = normal(dim, size_t(n_rows) * dim, sigma), weight = normal(dim + 1, dim, 1);
      std::vector<float> first;
      for (Isa isa : tiers())
        for (Pool* pool : {&one, &two}) {
          std::vector<float> out(x.size() + 1, kNan);
          rmsnorm(*pool, isa, x.data(), weight.data(), 1e-5f, n_rows, dim, out.data());
          ASSERT_TRUE(std::isnan(out.back()));
          for (int i = 0; i < n_rows; i++) {
            const float* row = &x[size_t(i) * dim];
            const std::vector<double> ref64 = oracle::rmsnorm<double>(row, weight.data(), 1e-5f, dim);
            const std::vector<float> ref32 = oracle::rmsnorm<float>(row, weight.data(), 1e-5f, dim);
            ASSERT_EQ(oracle::mismatch(&out[size_t(i) * dim], ref64.data(), ref32.data(), 1, dim, 0.5), "")
                << "TERN_SEED=" << oracle::seed() << " dim " << dim << " tier " << isa_name(isa);
          }
          if (first.empty()) first = out;
          ASSERT_EQ(std::memcmp(first.data(), out.data(), x.size() * 4), 0) << "tiers differ, dim " << dim;
          const Quant quant(*pool, isa, x.data(), weight.data(), 1e-5f, n_rows, dim);
          ASSERT_EQ(std::memcmp(quant.f32.data(), out.data(), x.size() * 4), 0) << "fused and plain differ";
          expect_quantized(quant, out.data(), n_rows, dim, "dim " + std::to_string(dim));
          const Quant plain(*pool, isa, x.data(), nullptr, 0, n_rows, dim, false);
          expect_quantized(plain, x.data(), n_rows, dim, "without norm");
        }
    }
}

TEST(RmsNorm, ZerosDenormalsAndHugeValues) {
  Pool pool(1);
  const float huge = 3.4e38f, tiny = 1e-44f;
  for (Isa isa : tiers())
    for (int dim : {1, 20, 64})
      for (float value : {0.f, -0.f, tiny, -tiny, 1e-38f, 1e20f, huge, -huge}) {
        std::vector<float> x(dim, value), weight(dim, 2.f), out(dim, kNan);
        for (float eps : {1e-5f, 1e-30f}) {
          rmsnorm(pool, isa, x.data(), weight.data(), eps, 1, dim, out.data());
          const auto want = oracle::rmsnorm<double>(x.data(), weight.data(), eps, dim);
          for (int j = 0; j < dim; j++)
            ASSERT_NEAR(out[j], want[j], std::fabs(want[j]) * 1.2e-7 + 1e-45) << value << " eps " << eps << " " << isa_name(isa);
        }
      }
}

TEST(Quantize, TiesGoToEven) {
  Pool pool(1);
  // The largest is 127, so that the scale is 1 and values stand as they are.
  const std::vector<float> x = {127.f, 0.5f, 1.5f, 2.5f, -0.5f, -1.5f, -2.5f, 126.5f, 125.5f,
                                -126.5f, 0.49999997f, 0.50000006f, -127.f};
  const std::vector<int> want = {127, 0, 2, 2, 0, -2, -2, 126, 126, -126, 0, 1, -127};
  for (Isa isa : tiers()) {
    const Quant out(pool, isa, x.data(), nullptr, 0, 1, int(x.size()));
    for (size_t j = 0; j < x.size(); j++) EXPECT_EQ(int(out.row(0)[j]), want[j]) << x[j];
    EXPECT_EQ(out.scale[0], 1.f);
  }
}

TEST(Quantize, SmallRowsMeetTheGuard) {
  Pool pool(1);
  for (Isa isa : tiers())
    for (float value : {0.f, 1e-40f, 1e-6f, 9.9e-6f, 1e-5f, 1.1e-5f}) {
      const std::vector<float> x(33, value);
      expect_quantized(Quant(pool, isa, x.data(), nullptr, 0, 1, 33), x.data(), 1, 33, "value " + std::to_string(value));
    }
}

// A NaN or infinity must not pass for a number: it shows in the row's scale, and only there.
TEST(Quantize, NonFiniteRowsShowInTheScale) {
  Pool pool(1);
  for (Isa isa : tiers())
    for (float bad : {kNan, -kNan, std::numeric_limits<float>::infinity()}) {
      std::vector<float> x = normal(5, 3 * 40, 1), weight(40, 1.f);
      const Quant clean(pool, isa, x.data(), weight.data(), 1e-5f, 3, 40);
      x[40 + 13] = bad;
      const Quant out(pool, isa, x.data(), weight.data(), 1e-5f, 3, 40), plain(pool, isa, x.data(), nullptr, 0, 3, 40);
      EXPECT_FALSE(std::isfinite(out.scale[1]));
      EXPECT_FALSE(std::isfinite(plain.scale[1]));
      for (int i : {0, 2}) {
        EXPECT_EQ(out.scale[i], clean.scale[i]);
        EXPECT_EQ(std::memcmp(out.row(i), clean.row(i), out.stride), 0);
      }
    }
}

}  // namespace
}  // namespace tern::cpu
