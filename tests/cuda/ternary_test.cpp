// Every ternary kernel over the table of cases: the int32 sums exact against a 64-bit sum, the floats equal to the formula bit for bit.
#include <cstring>
#include <random>

#include "cases/ternary_cases.h"
#include "cuda/gpu_test.h"
#include "ternary.h"

namespace tern::cuda {
namespace {

using cases::TernaryCase;
using cases::TernaryFill;

struct Problem {
  int stride;
  std::vector<int8_t> q;  // [n_act_rows, stride]
  std::vector<float> scale;
  std::vector<int32_t> sum;
  struct Weight {
    std::vector<int8_t> w;
    std::vector<uint8_t> tiles;
    std::vector<float> row_scale;
    std::vector<float> before;         // what out holds first
    std::vector<int32_t> expected_int;  // [n_act_rows, n_rows]
    std::vector<float> expected;
  };
  std::vector<Weight> weights;
};

Problem make(const TernaryCase& c) {
  std::mt19937_64 rng(test_seed(c.seed));
  Problem p;
  p.stride = (c.n_cols + 127) / 128 * 128;
  p.q.assign(size_t(c.n_act_rows) * p.stride, 0);
  std::uniform_real_distribution<float> uniform(0.001f, 2);
  for (int r = 0; r < c.n_act_rows; r++) {
    int32_t sum = 0;
    for (int j = 0; j < c.n_cols; j++) {
      const int random = static_cast<int>(rng() % 256) - 128;
      const int value = c.fill == TernaryFill::random             ? random
                        : c.fill == TernaryFill::zero_activations ? 0
                        : c.fill == TernaryFill::alternating      ? (j % 2 ? 127 : -128)
                                                                  : -128;
      p.q[size_t(r) * p.stride + j] = static_cast<int8_t>(value);
      sum += value;
    }
    p.sum.push_back(sum);
    p.scale.push_back(uniform(rng));
  }
  for (int rows : c.n_rows) {
    Problem::Weight w;
    w.w.resize(size_t(rows) * c.n_cols);
    for (size_t i = 0; i < w.w.size(); i++)
      w.w[i] = static_cast<int8_t>(c.fill == TernaryFill::all_minus     ? -1
                                   : c.fill == TernaryFill::all_plus    ? 1
                                   : c.fill == TernaryFill::alternating ? (i % c.n_cols % 2 ? 1 : -1)
                                                                        : static_cast<int>(rng() % 3) - 1);
    w.tiles.resize(size_t(ternary_packed_bytes(rows, c.n_cols)));
    const int64_t tile_row = ternary_packed_bytes(16, c.n_cols);
    for (int r = 0; r < rows; r += 16)
      ternary_pack(w.w.data() + int64_t(r) * c.n_cols, std::min(16, rows - r), c.n_cols, w.tiles.data() + tile_row * (r / 16));
    for (int r = 0; r < rows; r++) w.row_scale.push_back(uniform(rng));
    for (int a = 0; a < c.n_act_rows; a++)
      for (int r = 0; r < rows; r++) {
        int64_t sum = 0;
        for (int j = 0; j < c.n_cols; j++) sum += int64_t(w.w[size_t(r) * c.n_cols + j]) * p.q[size_t(a) * p.stride + j];
        w.expected_int.push_back(static_cast<int32_t>(sum));
        const float value = static_cast<float>(sum) * (p.scale[a] * w.row_scale[r]);
        w.before.push_back(c.accumulate ? uniform(rng) : NAN);
        w.expected.push_back(c.accumulate ? w.before.back() + value : value);
      }
    p.weights.push_back(std::move(w));
  }
  return p;
}

void run(TernaryKernel kernel, const TernaryCase& c, const Problem& p) {
  const DeviceArray<int8_t> q(p.q);
  const DeviceArray<float> scale(p.scale);
  const DeviceArray<int32_t> sum(p.sum);
  const TernaryActs acts = {q.data(), scale.data(), sum.data(), p.stride, c.n_act_rows};
  std::vector<DeviceArray<uint8_t>> tiles;
  std::vector<DeviceArray<float>> row_scale, out;
  std::vector<DeviceArray<int32_t>> out_int;
  std::vector<TernaryProduct> floats, ints;
  for (const Problem::Weight& w : p.weights) {
    tiles.emplace_back(w.tiles);
    row_scale.emplace_back(w.row_scale);
    out.emplace_back(w.before);
    out_int.emplace_back(w.expected_int.size());
    const TernaryMatrix m = {tiles.back().data(), row_scale.back().data(), static_cast<int>(w.row_scale.size()), c.n_cols};
    floats.push_back({m, out.back().data(), nullptr, c.accumulate});
    ints.push_back({m, nullptr, out_int.back().data(), false});
  }
  const int n = static_cast<int>(floats.size());
  launch_ternary(kernel, floats.data(), n, acts, device_info(), stream());
  launch_ternary(kernel, ints.data(), n, acts, device_info(), stream());
  synchronize();
  bool passed = true;
  for (int i = 0; i < n; i++) {
    const std::vector<float> got = out[i].download();
    const std::vector<int32_t> got_int = out_int[i].download();
    const Problem::Weight& w = p.weights[i];
    const bool equal_int = got_int == w.expected_int;
    const bool equal = !std::memcmp(got.data(), w.expected.data(), got.size() * sizeof(float));
    EXPECT_TRUE(equal_int && equal) << ternary_kernel_name(kernel) << ", " << c.name << ", product " << i << ", TERN_SEED="
                                    << test_seed(c.seed);
    passed = passed && equal_int && equal;
  }
  Recorder::record(std::string("ternary_") + ternary_kernel_name(kernel), c.name, passed ? 0 : 1, 0, passed);
}

class Ternary : public ::testing::TestWithParam<TernaryKernel> {};

TEST_P(Ternary, EqualsTheExactSum) {
  if (!ternary_kernel_available(GetParam(), device_info()))
    GTEST_SKIP() << ternary_kernel_name(GetParam()) << " is not for this device";
  for (const TernaryCase& c : some_of(cases::ternary_cases())) run(GetParam(), c, make(c));
}

#ifdef TERN_SIMT
TEST_P(Ternary, EqualsItInOtherOrdersOfThreads) {
  if (!ternary_kernel_available(GetParam(), device_info()))
    GTEST_SKIP() << ternary_kernel_name(GetParam()) << " is not for this device";
  int i = 0;
  for (const TernaryCase& c : cases::ternary_cases()) {
    if (i++ % 7) continue;
    for (unsigned seed : {1u, 2u, 3u}) {
      simt::set_seed(seed);
      run(GetParam(), c, make(c));
    }
  }
  simt::set_seed(0);
}
#endif

INSTANTIATE_TEST_SUITE_P(Kernels, Ternary,
                         ::testing::Values(TernaryKernel::dp4a, TernaryKernel::lookup, TernaryKernel::mma, TernaryKernel::gemm,
                                           TernaryKernel::gemm_sm90),
                         [](const auto& info) { return std::string(ternary_kernel_name(info.param)); });

TEST(TernaryNames, GoThereAndBack) {
  for (int i = 0; i < 5; i++) {
    TernaryKernel kernel;
    ASSERT_TRUE(ternary_kernel_from_name(ternary_kernel_name(static_cast<TernaryKernel>(i)), &kernel));
    EXPECT_EQ(kernel, static_cast<TernaryKernel>(i));
  }
  TernaryKernel kernel;
  EXPECT_FALSE(ternary_kernel_from_name("abacus", &kernel));
}

}  // namespace
}  // namespace tern::cuda
