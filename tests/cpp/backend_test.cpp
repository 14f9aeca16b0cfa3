// The CPU backend's products of several weights at once, of whatever kinds.
#include "core/backend.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "cpu/weight_cpu.h"
#include "oracle/compare.h"
#include "oracle/dense_oracle.h"
#include "block_stand_in.h"

namespace tern::cpu {
namespace {

constexpr int kCols = 256;

std::unique_ptr<Weight> dense_weight(Pool& pool, int type, int n_rows, std::mt19937_64& random, const BlockKernel* blocks = nullptr) {
  auto w = std::make_unique<CpuWeight>(pool, type, TERN_STORE_DENSE, n_rows, kCols, 1.f, false, "", blocks);
  const std::vector<uint8_t> rows = oracle::random_rows(type, n_rows, kCols, random);
  w->append_rows(0, rows.data(), 0);
  w->append_rows(n_rows, rows.data(), static_cast<int64_t>(rows.size()));
  return w;
}

std::unique_ptr<Weight> ternary_weight(Pool& pool, const std::string& kernel, int n_rows, std::mt19937_64& random) {
  auto w = std::make_unique<CpuWeight>(pool, TERN_TYPE_F32, TERN_STORE_TERNARY, n_rows, kCols, 1.f, false, kernel.c_str());
  std::vector<float> rows(size_t(n_rows) * kCols);
  for (float& v : rows) v = float(int(random() % 3) - 1);
  w->append_rows(n_rows, rows.data(), static_cast<int64_t>(rows.size() * sizeof(float)));
  return w;
}

// Weights whose kernels prepare different things in one scratch, and such that prepare nothing, in any order: each product has the bits that it
// has alone.
TEST(CpuBackend, ProductsOfSeveralKindsAreThoseOfEach) {
  std::mt19937_64 random(oracle::seed());
  const std::vector<std::string> kernels = ternary_kernels();
  const BlockKernel* const blocks = isa_supported() == Isa::avx512 ? kBlockOnBw : nullptr;
  const int block_types[] = {TERN_TYPE_Q8_0, TERN_TYPE_Q6_K, TERN_TYPE_Q4_0};
  for (const int n_threads : {1, 3}) {
    Pool pool(1);
    const std::shared_ptr<Backend> backend = open_cpu_backend(n_threads);
    for (int round = 0; round < 60; round++) {
      const int n = 1 + round % 4, n_rows = std::vector<int>{1, 2, 5, 17}[random() % 4];
      std::vector<std::unique_ptr<Weight>> weights;
      for (int i = 0; i < n; i++) {
        const int n_out = 1 + int(random() % 700), kind = int(random() % 4);
        weights.push_back(kind == 0   ? dense_weight(pool, TERN_TYPE_F32, n_out, random)
                          : kind == 1 ? dense_weight(pool, block_types[random() % 3], n_out, random, blocks)
                                      : ternary_weight(pool, kernels[random() % kernels.size()], n_out, random));
      }
      std::normal_distribution<float> normal;
      std::vector<float> x(size_t(n_rows) * kCols);
      for (float& v : x) v = normal(random);
      int64_t scratch_bytes = 64;
      for (const auto& w : weights) scratch_bytes = std::max(scratch_bytes, backend->matmul_scratch_bytes(*w, n_rows));
      const Buffer scratch(scratch_bytes, "a test"), f32(int64_t(x.size()) * 4, "a test"), int8(int64_t(x.size()), "a test"),
          scale(n_rows * 4, "a test"), sum(n_rows * 4, "a test");
      const Activations a = backend->activations({x.data()}, n_rows, kCols, true, true, {f32.as<float>(), int8.as<int8_t>(), scale.as<float>(), sum.as<int32_t>()});
      std::vector<std::vector<float>> together, alone;
      std::vector<Projection> all;
      for (const auto& w : weights) {
        together.emplace_back(size_t(n_rows) * w->n_rows(), NAN);
        alone.emplace_back(size_t(n_rows) * w->n_rows(), NAN);
      }
      for (int i = 0; i < n; i++) all.push_back({weights[i].get(), together[i].data(), false});
      if (n == 2) backend->expect({weights[0].get(), weights[1].get()}, n_rows);
      if (n == 4) backend->expect({weights[0].get(), weights[1].get(), weights[2].get(), weights[3].get()}, n_rows);
      backend->matmul(all.data(), n, a, n_rows, {scratch.as<void>(), scratch_bytes});
      for (int i = 0; i < n; i++) {
        const Projection one = {weights[i].get(), alone[i].data(), false};
        backend->matmul(&one, 1, a, n_rows, {scratch.as<void>(), scratch_bytes});
        EXPECT_EQ(std::memcmp(together[i].data(), alone[i].data(), alone[i].size() * sizeof(float)), 0)
            << "TERN_SEED=" << oracle::seed() << ", round " << round << ", weight " << i << " of " << n;
        EXPECT_TRUE(std::all_of(alone[i].begin(), alone[i].end(), [](float v) { return std::isfinite(v); })) << "round " << round;
      }
    }
  }
}

// A scale that is NaN spoils its row and no other; rows are looked up from tiles.
TEST(CpuBackend, RowsInTilesAreTheirOwn) {
  if (isa_supported() < Isa::avx512) GTEST_SKIP() << isa_reason();
  std::mt19937_64 random(oracle::seed());
  Pool pool(2);
  constexpr int n_rows = 70;
  std::vector<uint8_t> rows = oracle::random_rows(TERN_TYPE_Q8_0, n_rows, kCols, random);
  rows[(33 * kCols / 32 + 5) * 34 + 1] = 0x7e;  // row 33, block 5
  CpuWeight w(pool, TERN_TYPE_Q8_0, TERN_STORE_DENSE, n_rows, kCols, 1, false, "", kBlockOnBw);
  w.append_rows(40, rows.data(), 40 * kCols / 32 * 34);
  EXPECT_FALSE(w.complete());
  w.append_rows(30, rows.data() + 40 * kCols / 32 * 34, 30 * kCols / 32 * 34);
  EXPECT_TRUE(w.complete());
  EXPECT_EQ(w.bytes(), 96 * kCols / 32 * 34);
  const std::vector<float> x(kCols, 1);
  Activations a;
  a.f32 = x.data();
  const Buffer scratch(w.scratch_bytes(1), "a test");
  std::vector<float> out(n_rows), row(kCols);
  w.prepare(a, 1, scratch.as<void>());
  for (int task = 0; task < w.n_tasks(1); task++) w.run_task(isa(), task, a, 1, scratch.as<void>(), out.data(), false);
  for (int32_t r = 0; r < n_rows; r++) {
    EXPECT_EQ(std::isnan(out[size_t(r)]), r == 33) << r;
    w.embed(isa(), &r, 1, row.data());
    for (int c = 0; c < kCols && r != 33; c++) ASSERT_EQ(double(row[size_t(c)]), oracle::element(TERN_TYPE_Q8_0, rows.data(), kCols, r, c));
  }
}

}  // namespace
}  // namespace tern::cpu
