// rope.h against long double, at positions up to 2^40, in every tier.
#include "cpu/rope.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "compare.h"
#include "rope_oracle.h"
#include "tern.h"

namespace tern::cpu {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr int64_t kFar = int64_t{1} << 40;

std::vector<Isa> tiers() {
  std::vector<Isa> all;
  for (Isa isa : {Isa::scalar, Isa::avx2, Isa::avx512})
    if (isa <= isa_supported()) all.push_back(isa);
  return all;
}

std::vector<float> normal(uint64_t salt, size_t n) {
  std::mt19937_64 random(oracle::seed() * 1000003 + salt);
  std::normal_distribution<float> distribution(0, 1);
  std::vector<float> x(n);
  for (float& e : x) e = distribution(random);
  return x;
}

TEST(RopeTable, AsExactFarAsNear) {
  Pool one(1), two(2);
  std::mt19937_64 random(oracle::seed());
  std::vector<int64_t> pos = {0, 1, 2, 4095, 4096, 4194304, 4194305, int64_t{1} << 32, kFar - 1};
  for (int i = 0; i < 60; i++) pos.push_back(int64_t(random() % kFar) >> random() % 40);
  const std::vector<float> factor = {1.f, 2.f, 8.f, 0.5f, 1.f, 1.f, 3.f, 1.f};
  for (double base : {10000.0, 500000.0})
    for (bool with_factor : {false, true}) {
      const int dim = with_factor ? 16 : 128;
      std::vector<double> inv_freq(dim / 2);
      rope_inv_freq(base, with_factor ? factor.data() : nullptr, dim, inv_freq.data());
      for (int j = 0; j < dim / 2; j++) {
        const long double want = std::pow((long double)(base), -2.0L * j / dim) / (with_factor ? factor[j] : 1.f);
        ASSERT_NEAR(inv_freq[j] / double(want), 1.0, 1e-15);
      }
      std::vector<float> table(pos.size() * dim + 1, kNan), again(table);
      rope_table(one, pos.data(), int(pos.size()), inv_freq.data(), dim, table.data());
      rope_table(two, pos.data(), int(pos.size()), inv_freq.data(), dim, again.data());
      ASSERT_EQ(std::memcmp(table.data(), again.data(), (table.size() - 1) * 4), 0);
      ASSERT_TRUE(std::isnan(table.back()));
      for (size_t i = 0; i < pos.size(); i++)
        for (int j = 0; j < dim / 2; j++) {
          const auto want = oracle::cos_sin(pos[i], inv_freq[j]);
          ASSERT_NEAR(table[i * dim + j], double(want.first), 6.1e-8) << "pos " << pos[i] << " frequency " << j;
          ASSERT_NEAR(table[i * dim + dim / 2 + j], double(want.second), 6.1e-8) << "pos " << pos[i] << " frequency " << j;
        }
    }
}

struct Shape {
  int style, n_heads, head_dim, rope_dim;
};

TEST(Rope, EveryShapeAndStyleInEveryTier) {
  Pool pool(2);
  for (int style : {TERN_ROPE_ADJACENT, TERN_ROPE_HALVES})
    for (const Shape& s : {Shape{style, 1, 8, 8}, {style, 3, 8, 2}, {style, 2, 24, 10}, {style, 4, 64, 64}, {style, 4, 64, 32},
                           {style, 5, 80, 80}, {style, 2, 128, 128},
                           {style, 2, 128, 34}, {style, 1, 256, 256}, {style, 20, 128, 128}})
      for (int n_rows : {1, 3, 40}) {
        const int dim = s.n_heads * s.head_dim, x_stride = dim + 3, out_stride = dim + 5, half = s.rope_dim / 2;
        std::vector<double> inv_freq(half);
        rope_inv_freq(10000, nullptr, s.rope_dim, inv_freq.data());
        std::vector<int64_t> pos(n_rows);
        for (int i = 0; i < n_rows; i++) pos[i] = i * 12345 + 7;
        std::vector<float> table(size_t(n_rows) * s.rope_dim);
        rope_table(pool, pos.data(), n_rows, inv_freq.data(), s.rope_dim, table.data());
        const std::vector<float> x = normal(s.head_dim, size_t(n_rows) * x_stride);
        for (Isa isa : tiers()) {
          std::vector<float> out(size_t(n_rows) * out_stride, kNan), in_place = x;
          rope(pool, isa, x.data(), x_stride, table.data(), style, n_rows, s.n_heads, s.head_dim, s.rope_dim,
               out.data(), out_stride);
          rope(pool, isa, in_place.data(), x_stride, table.data(), style, n_rows, s.n_heads, s.head_dim, s.rope_dim,
               in_place.data(), x_stride);
          for (int i = 0; i < n_rows; i++) {
            for (int j = dim; j < out_stride; j++) ASSERT_TRUE(std::isnan(out[size_t(i) * out_stride + j]));
            ASSERT_EQ(std::memcmp(&out[size_t(i) * out_stride], &in_place[size_t(i) * x_stride], dim * 4), 0) << "in place differs";
            for (int e = 0; e < dim; e++) {
              const float* head = &x[size_t(i) * x_stride + e / s.head_dim * s.head_dim];
              const int d = e % s.head_dim;
              double want = head[d];
              if (d < s.rope_dim) {
                const bool second = style == TERN_ROPE_HALVES ? d >= half : d % 2;
                const int j = style == TERN_ROPE_HALVES ? d % half : d / 2;
                const int partner = style == TERN_ROPE_HALVES ? (second ? d - half : d + half) : d ^ 1;
                const auto [c, sn] = oracle::cos_sin(pos[i], inv_freq[j]);
                want = double(head[d] * c + (second ? 1 : -1) * head[partner] * sn);
                ASSERT_NEAR(out[size_t(i) * out_stride + e], want, (std::fabs(head[d]) + std::fabs(head[partner])) * 2e-7)
                    << "TERN_SEED=" << oracle::seed() << " style " << style << " head_dim " << s.head_dim << " element " << e;
              } else {
                ASSERT_EQ(out[size_t(i) * out_stride + e], head[d]);
              }
            }
          }
        }
      }
}

// A score depends on the distance of query and key only: moved by four million and by 2^39, it stays within float rounding.
TEST(Rope, ScoresDependOnDistanceOnly) {
  Pool pool(1);
  constexpr int kDim = 128;
  std::vector<double> inv_freq(kDim / 2);
  rope_inv_freq(10000, nullptr, kDim, inv_freq.data());
  const std::vector<float> q = normal(1, kDim), k = normal(2, kDim);
  double size = 0;
  for (int d = 0; d < kDim; d++) size += std::fabs(double(q[d]) * k[d]);
  for (Isa isa : tiers())
    for (int64_t distance : {0, 1, 77, 2047}) {
      double first = 0;
      for (int64_t shift : {int64_t{0}, int64_t{4194304}, int64_t{1} << 39}) {
        const int64_t pos[] = {shift + distance, shift};
        std::vector<float> table(2 * kDim), rows(2 * kDim);
        rope_table(pool, pos, 2, inv_freq.data(), kDim, table.data());
        std::copy(q.begin(), q.end(), rows.begin());
        std::copy(k.begin(), k.end(), rows.begin() + kDim);
        rope(pool, isa, rows.data(), kDim, table.data(), TERN_ROPE_HALVES, 2, 1, kDim, kDim, rows.data(), kDim);
        double score = 0;
        for (int d = 0; d < kDim; d++) score += double(rows[d]) * rows[kDim + d];
        if (!shift) first = score;
        EXPECT_NEAR(score, first, size * 2e-7) << "distance " << distance << " moved by " << shift;
      }
    }
}

}  // namespace
}  // namespace tern::cpu
