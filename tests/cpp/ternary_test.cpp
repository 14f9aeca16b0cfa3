// Every ternary kernel that this processor has gives exactly the sums of the definition, for any shape, and touches nothing else;
// those for VNNI, VBMI and AMX also where there is none, on exact stand-ins for their instructions.
#include "cpu/ternary.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <limits>

#include "cases/ternary_cases.h"
#include "cases/bench_shapes.h"
#include "compare.h"
#include "core/status.h"
#include "plan/ternary_plan.h"
#include "ternary_oracle.h"
#if defined(__x86_64__)
#include "ternary_stand_ins.h"
#endif

namespace tern::cpu {
namespace {

using oracle::random_trits;
using oracle::seed;
using oracle::ternary_product;

const char* const kStandIns[] = {"avx512_vnni_on_bw", "avx512_vnni3_on_bw", "avx512_vbmi3_on_bw", "amx_emulated", "amx3_emulated"};

struct Acts {
  Acts(int n, int dim) : n(n), dim(dim), stride((dim + 63) / 64 * 64), q(size_t(n) * stride), scale(n, 1), sum(n) {}
  void fill(std::mt19937_64& random) {
    for (int r = 0; r < n; r++) {
      for (int j = 0; j < dim; j++) q[size_t(r) * stride + j] = int8_t(random());
      scale[r] = float(random() % 1000 + 1) / 1000;
    }
    finish();
  }
  void fill(int8_t value) {
    for (int r = 0; r < n; r++) std::memset(&q[size_t(r) * stride], value, size_t(dim));
    finish();
  }
  void finish() {
    for (int r = 0; r < n; r++) {
      sum[r] = 0;
      for (int j = 0; j < dim; j++) sum[r] += q[size_t(r) * stride + j];
    }
  }
  QuantRows rows() { return {q.data(), scale.data(), sum.data(), stride}; }

  int n, dim, stride;
  std::vector<int8_t> q;
  std::vector<float> scale;
  std::vector<int32_t> sum;
};

// The kernels of the library by their names, and those of the test.
std::unique_ptr<TernaryWeight> create(const std::string& kernel, int n_rows, int n_cols, Pool* pool = nullptr) {
#if defined(__x86_64__)
  const TernaryKernel* const stand_ins[] = {&kTernaryVnniOnBw, &kTernaryVnni3OnBw, &kTernaryVbmi3OnBw, &kTernaryAmxEmulated, &kTernaryAmx3Emulated};
  for (size_t i = 0; i < std::size(stand_ins); i++)
    if (kernel == kStandIns[i]) return TernaryWeight::create(*stand_ins[i], n_rows, n_cols, pool);
#endif
  return TernaryWeight::create(kernel, n_rows, n_cols, pool);
}

std::vector<std::string> kernels() {
  std::vector<std::string> names = ternary_kernels();
#if defined(__x86_64__)
  names.insert(names.end(), std::begin(kStandIns), std::end(kStandIns));
#endif
  return names;
}

std::unique_ptr<TernaryWeight> pack(const std::string& kernel, const std::vector<int8_t>& w, int n_rows, int n_cols) {
  auto weight = create(kernel, n_rows, n_cols);
  for (int row = 0; row < n_rows; row++) weight->append_row(&w[size_t(row) * n_cols], 0.5f + 0.001f * float(row));
  EXPECT_TRUE(weight->complete());
  return weight;
}

constexpr int32_t kGuard = 0x5a5a5a5a;
constexpr int kGuards = 64;

void expect_exact(const std::string& kernel, const std::vector<int8_t>& w, int n_rows, int n_cols, Acts& acts) {
  SCOPED_TRACE(kernel + " " + std::to_string(n_rows) + "x" + std::to_string(n_cols) + ", " + std::to_string(acts.n) +
               " activation rows, TERN_SEED=" + std::to_string(seed()));
  const auto weight = pack(kernel, w, n_rows, n_cols);
  const auto expected = ternary_product(w, n_rows, n_cols, acts.q.data(), acts.stride, acts.n);
  Pool pool(2);
  Buffer scratch(weight->scratch_bytes(acts.n), "test");
  weight->prepare(pool, acts.rows(), acts.n, scratch.as<void>());
  const size_t n_out = size_t(n_rows) * acts.n;
  std::vector<int32_t> out(n_out + 2 * kGuards, kGuard);
  for (int task = weight->n_tasks(acts.n) - 1; task >= 0; task--)
    weight->run_task_int32(task, acts.rows(), acts.n, scratch.as<void>(), out.data() + kGuards);
#if defined(__x86_64__)
  ASSERT_FALSE(tile_file.configured) << "tiles were not released";
#endif
  for (size_t i = 0; i < n_out; i++)
    ASSERT_EQ(out[kGuards + i], expected[i]) << "activation row " << i / n_rows << ", row " << i % n_rows;
  for (int i = 0; i < kGuards; i++) {
    ASSERT_EQ(out[i], kGuard);
    ASSERT_EQ(out[kGuards + n_out + i], kGuard);
  }
}

void expect_exact(const std::string& kernel, int n_rows, int n_cols, int n_act_rows) {
  std::mt19937_64 random(seed() + uint64_t(n_rows) * 1000003 + uint64_t(n_cols) * 101 + n_act_rows);
  const auto w = random_trits(random, size_t(n_rows) * n_cols);
  Acts acts(n_act_rows, n_cols);
  acts.fill(random);
  expect_exact(kernel, w, n_rows, n_cols, acts);
}

class TernaryKernelTest : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    const bool stand_in = std::find(std::begin(kStandIns), std::end(kStandIns), GetParam()) != std::end(kStandIns);
    if (stand_in && isa_supported() < Isa::avx512) GTEST_SKIP() << "this processor has no AVX-512BW";
  }
};

TEST_P(TernaryKernelTest, AnyNumberOfColumns) {
  for (int n_cols : {1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 19, 20, 21, 31, 39, 40, 41, 47, 48, 49, 63, 64, 65, 127, 191, 239, 240, 241, 255, 256, 257, 288,
                     479, 640, 997, 2560, 6911, 6912})
    for (int n_act_rows : {1, 2, 5}) expect_exact(GetParam(), 37, n_cols, n_act_rows);
}

TEST_P(TernaryKernelTest, TimedShapes) {
  for (const tern_bench_case& c : cases::bench_shapes(TERN_BENCH_TERNARY, false, 9)) expect_exact(GetParam(), c.n_out, c.n_in, c.n_rows);
}

TEST_P(TernaryKernelTest, AnyNumberOfRows) {
  for (int n_rows : {1, 2, 15, 16, 17, 31, 32, 33, 61, 63, 64, 65, 97, 127, 128, 129, 255, 256, 257, 641, 2053})
    for (int n_act_rows : {1, 9}) expect_exact(GetParam(), n_rows, 131, n_act_rows);
}

TEST_P(TernaryKernelTest, AnyNumberOfActivationRows) {
  for (int n_act_rows : {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 33, 65}) {
    expect_exact(GetParam(), 131, 257, n_act_rows);
    if (n_act_rows < 10 || n_act_rows > 15) expect_exact(GetParam(), 256, 768, n_act_rows);
  }
}

// The cases of all backends; and numbers of activation rows about the largest that a kernel takes at once.
TEST_P(TernaryKernelTest, SharedCases) {
  for (const cases::TernaryCase& c : cases::ternary_cases())
    for (int n_rows : c.n_rows) {
      SCOPED_TRACE(c.name);
      std::mt19937_64 random(seed() + c.seed);
      std::vector<int8_t> w = random_trits(random, size_t(n_rows) * c.n_cols);
      for (size_t i = 0; i < w.size(); i++)
        if (c.fill == cases::TernaryFill::all_minus || c.fill == cases::TernaryFill::all_plus)
          w[i] = c.fill == cases::TernaryFill::all_plus ? 1 : -1;
        else if (c.fill == cases::TernaryFill::alternating)
          w[i] = i % 2 ? 1 : -1;
      Acts acts(c.n_act_rows, c.n_cols);
      if (c.fill == cases::TernaryFill::random) acts.fill(random);
      else acts.fill(int8_t(c.fill == cases::TernaryFill::zero_activations ? 0 : -128));
      expect_exact(GetParam(), w, n_rows, c.n_cols, acts);
    }
}

TEST_P(TernaryKernelTest, ManyActivationRows) {
  for (int n_act_rows : {95, 127, 128, 129, 143, 144, 145, 256, 273}) expect_exact(GetParam(), 35, 643, n_act_rows);
}

// Appended by many threads in pieces that begin and end within tiles: the same sums as row by row.
TEST_P(TernaryKernelTest, AppendedByAllThreads) {
  std::mt19937_64 random(seed());
  Pool pool(3);
  for (int n_rows : {1, 33, 300, 641})
    for (int piece : {1, 7, 200, 641}) {
      const int n_cols = 131;
      const auto w = random_trits(random, size_t(n_rows) * n_cols);
      Acts acts(1, n_cols);
      acts.fill(random);
      const auto expected = ternary_product(w, n_rows, n_cols, acts.q.data(), acts.stride, 1);
      const auto weight = create(GetParam(), n_rows, n_cols, &pool);
      for (int first = 0; first < n_rows; first += piece) {
        const int n = std::min(piece, n_rows - first);
        ASSERT_EQ(weight->append_rows(pool, n, [&](int i, uint8_t* codes, float* scale) {
          for (int j = 0; j < n_cols; j++) codes[j] = uint8_t(w[size_t(first + i) * n_cols + j] + 1);
          *scale = float(first + i);
          return true;
        }), -1);
      }
      ASSERT_TRUE(weight->complete());
      Buffer scratch(weight->scratch_bytes(1), "test");
      weight->prepare(pool, acts.rows(), 1, scratch.as<void>());
      acts.scale[0] = 1;
      std::vector<float> out(size_t(n_rows), -1);
      for (int task = 0; task < weight->n_tasks(1); task++)
        weight->run_task(task, acts.rows(), 1, scratch.as<void>(), out.data(), n_rows, false);
      for (int r = 0; r < n_rows; r++)
        ASSERT_EQ(out[r], float(expected[r]) * float(r)) << "row " << r << " of " << n_rows << " in pieces of " << piece << ", TERN_SEED=" << seed();
    }
}

TEST_P(TernaryKernelTest, TheFirstRowThatIsNotTernaryIsNamed) {
  Pool pool(3);
  const auto weight = create(GetParam(), 1000, 64, &pool);
  const auto row = [](int bad) {
    return [bad](int i, uint8_t* codes, float* scale) {
      std::memset(codes, 1, 64);
      *scale = 1;
      return i < bad || i % 3 != bad % 3;
    };
  };
  ASSERT_EQ(weight->append_rows(pool, 500, row(1000)), -1);
  ASSERT_EQ(weight->append_rows(pool, 400, row(77)), 577);
  EXPECT_THROW(weight->append_rows(pool, 101, row(1000)), Error);
}

TEST_P(TernaryKernelTest, ManyTasks) {
  expect_exact(GetParam(), 4500, 640, 1);
  expect_exact(GetParam(), 4500, 640, 3);
  expect_exact(GetParam(), 4500, 640, 33);
}

// What a task of one activation row reads is its own: changed packed bytes change that task's sums and no other's.
TEST_P(TernaryKernelTest, ATaskReadsFromWhereItIsSaidToBegin) {
  const int n_rows = 4500, n_cols = 640;
  std::mt19937_64 random(seed());
  Pool pool(1);
  Acts acts(1, n_cols);
  acts.fill(random);
  const auto weight = create(GetParam(), n_rows, n_cols, &pool);
  const auto w = random_trits(random, size_t(n_rows) * n_cols);
  for (int r = 0; r < n_rows; r++) weight->append_row(&w[size_t(r) * n_cols], 1);
  const Buffer scratch(weight->scratch_bytes(1), "test");
  weight->prepare(pool, acts.rows(), 1, scratch.as<void>());
  const auto sums = [&](int task) {
    std::vector<int32_t> out(n_rows, 12345);
    weight->run_task_int32(task, acts.rows(), 1, scratch.as<void>(), out.data());
    return out;
  };
  const int n_tasks = weight->n_tasks(1);
  ASSERT_GT(n_tasks, 2);
  for (int task = 0; task < n_tasks; task++) {
    const int ahead = (task + n_tasks - 1) % n_tasks, behind = (task + 1) % n_tasks;
    const std::vector<int32_t> before = sums(task), before_ahead = sums(ahead), before_behind = sums(behind);
    uint8_t* const begin = const_cast<uint8_t*>(weight->task_begin(task));
    uint8_t* const end = const_cast<uint8_t*>(weight->task_begin(task + 1));
    ASSERT_LT(begin, end);
    const std::vector<uint8_t> packed(begin, end);
    std::memset(begin, 0, size_t(end - begin));
    EXPECT_NE(sums(task), before) << task;
    EXPECT_EQ(sums(ahead), before_ahead) << task;
    EXPECT_EQ(sums(behind), before_behind) << task;
    std::copy(packed.begin(), packed.end(), begin);
    EXPECT_EQ(sums(task), before) << task;
  }
}

TEST_P(TernaryKernelTest, LargestMagnitudes) {
  const int n_rows = 34;
  for (int n_cols : {159, 160, 161, 255, 256, 257, 2560, 27648})
    for (int sign : {-1, 0, 1})
      for (int value : {-128, 127})
        for (int n_act_rows : {1, 5}) {
          const std::vector<int8_t> w(size_t(n_rows) * n_cols, int8_t(sign));
          Acts acts(n_act_rows, n_cols);
          acts.fill(int8_t(value));
          expect_exact(GetParam(), w, n_rows, n_cols, acts);
        }
}

// Every group of five trits that meet as one byte of base3 and permuted3, at every place of its dword, with activations that tell digits apart.
TEST_P(TernaryKernelTest, AllGroupsOfFive) {
  const int n_cols = 20, n_rows = 243 * 4;
  std::vector<int8_t> w(size_t(n_rows) * n_cols, 1);
  for (int row = 0; row < n_rows; row++) {
    int v = row / 4;
    for (int k = 0; k < 5; k++, v /= 3) w[size_t(row) * n_cols + 4 * k + row % 4] = int8_t(v % 3 - 1);
  }
  for (int n_act_rows : {1, 2, 8}) {
    Acts acts(n_act_rows, n_cols);
    for (int r = 0; r < n_act_rows; r++)
      for (int j = 0; j < n_cols; j++)
        acts.q[size_t(r) * acts.stride + j] = int8_t((r % 2 ? -1 : 1) * (j < 4 ? 1 : j < 8 ? 3 : j < 12 ? 9 : j < 16 ? 27 : 81) + j % 4);
    acts.finish();
    expect_exact(GetParam(), w, n_rows, n_cols, acts);
  }
}

// Beyond 2^19 columns the unshifted planes of avx512_vnni would overflow int32 if they were not added up in between, beyond 327680 those
// of avx512_vbmi3, beyond 32760 the difference of avx512_vnni3; codes for several rows, 64 fold, beyond 87380 (avx512_vnni3) and 131060.
TEST_P(TernaryKernelTest, LongestRow) {
  const std::vector<int8_t> w(kMaxTernaryCols, 1);
  Acts acts(1, kMaxTernaryCols);
  acts.fill(int8_t(-128));
  expect_exact(GetParam(), w, 1, kMaxTernaryCols, acts);
  for (int n_cols : {20 * 1024 + 1, 32761, 20 * 4370, 20 * 6554}) {
    for (int value : {-128, 127})
      for (int n_act_rows : {1, 3}) {
        Acts acts(n_act_rows, n_cols);
        acts.fill(int8_t(value));
        expect_exact(GetParam(), w, 1, n_cols, acts);
      }
  }
}

// The same where several tiles are read at once, each with sums of its own.
TEST_P(TernaryKernelTest, LongRowsOfSeveralTiles) {
  constexpr int n_rows = 70, n_cols = (1 << 19) + 77;  // beyond where sums have to be folded, in all kernels of vpdpbusd
  std::mt19937_64 random(seed());
  auto w = random_trits(random, size_t(n_rows) * n_cols);
  Acts acts(1, n_cols);
  acts.fill(random);
  for (const char* streams : {"4", "1"}) {
    setenv("TERN_STREAMS", streams, 1);
    expect_exact(GetParam(), w, n_rows, n_cols, acts);
  }
  std::fill(w.begin(), w.end(), int8_t(1));
  acts.fill(int8_t(-128));
  for (const char* streams : {"4", "1"}) {
    setenv("TERN_STREAMS", streams, 1);
    expect_exact(GetParam(), w, n_rows, n_cols, acts);
  }
  unsetenv("TERN_STREAMS");
}

TEST_P(TernaryKernelTest, FloatsAreOneExpressionOfTheSum) {
  const int n_rows = 131, n_cols = 259, stride = n_rows + 7;
  std::mt19937_64 random(seed());
  const auto w = random_trits(random, size_t(n_rows) * n_cols);
  const auto weight = pack(GetParam(), w, n_rows, n_cols);
  EXPECT_EQ(GetParam().rfind(weight->kernel(), 0), 0u) << weight->kernel();
  for (int n : {1, 3, 9}) {
    Acts acts(n, n_cols);
    acts.fill(random);
    const auto sums = ternary_product(w, n_rows, n_cols, acts.q.data(), acts.stride, n);
    Pool pool(1);
    Buffer scratch(weight->scratch_bytes(n), "test");
    weight->prepare(pool, acts.rows(), n, scratch.as<void>());
    for (bool accumulate : {false, true}) {
      const float before = accumulate ? 0.75f : std::numeric_limits<float>::quiet_NaN();
      std::vector<float> out(size_t(n) * stride, before);
      for (int task = 0; task < weight->n_tasks(n); task++)
        weight->run_task(task, acts.rows(), n, scratch.as<void>(), out.data(), stride, accumulate);
      for (int r = 0; r < n; r++)
        for (int row = 0; row < stride; row++) {
          const float got = out[size_t(r) * stride + row];
          if (row >= n_rows) {
            ASSERT_EQ(std::memcmp(&got, &before, 4), 0) << "the gap between rows was written";
            continue;
          }
          const float value = float(sums[size_t(r) * n_rows + row]) * (acts.scale[r] * (0.5f + 0.001f * float(row)));
          ASSERT_EQ(got, accumulate ? before + value : value) << "TERN_SEED=" << seed();
        }
    }
  }
}

TEST_P(TernaryKernelTest, RefusesWhatIsNotTernary) {
  auto weight = create(GetParam(), 2, 3);
  const int8_t good[] = {-1, 0, 1}, two[] = {0, 2, 0}, minus_two[] = {0, 0, -2};
  for (float scale : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()})
    EXPECT_THROW(weight->append_row(good, scale), Error);
  EXPECT_THROW(weight->append_row(two, 1), Error);
  EXPECT_THROW(weight->append_row(minus_two, 1), Error);
  weight->append_row(good, 1);
  EXPECT_FALSE(weight->complete());
  weight->append_row(good, 1);
  EXPECT_TRUE(weight->complete());
  EXPECT_THROW(weight->append_row(good, 1), Error);
}

TEST_P(TernaryKernelTest, TinyWeightsAreOneTask) {
  for (auto shape : {std::pair<int, int>{256, 256}, {768, 256}, {256, 768}})
    EXPECT_EQ(create(GetParam(), shape.first, shape.second)->n_tasks(1), 1);
}

INSTANTIATE_TEST_SUITE_P(, TernaryKernelTest, testing::ValuesIn(kernels()), [](const auto& info) { return info.param; });

TEST(TernaryTest, UnknownKernelNamesTheOnesThereAre) {
  try {
    TernaryWeight::create("abacus", 1, 1);
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.status(), TERN_ERR_INVALID_ARGUMENT);
    EXPECT_NE(std::string(error.what()).find("abacus"), std::string::npos);
    EXPECT_NE(std::string(error.what()).find("scalar"), std::string::npos);
  }
}

TEST(TernaryTest, ShapesOutOfRangeAreErrors) {
  EXPECT_THROW(TernaryWeight::create("scalar", 0, 1), Error);
  EXPECT_THROW(TernaryWeight::create("scalar", 1, 0), Error);
  EXPECT_THROW(TernaryWeight::create("scalar", 1, kMaxTernaryCols + 1), Error);
}

TEST(TernaryPlanTest, PicksAKernelAndSaysWhy) {
  Pool pool(2);
  unsetenv("TERN_TERNARY");
  const std::string kernel = ternary_plan(256, 768, pool);
  EXPECT_EQ(kernel, ternary_plan(256, 768, pool));
  EXPECT_NO_THROW(TernaryWeight::create("", 2560, 2560));
  const std::string json = ternary_plan_json();
  EXPECT_NE(json.find("\"n_rows\": 256, \"n_cols\": 768, \"threads\": 2, \"kernel\": \"" + kernel + "\""), std::string::npos) << json;
}

TEST(TernaryPlanTest, EnvironmentDecides) {
  Pool pool(1);
  setenv("TERN_TERNARY", "scalar", 1);
  EXPECT_EQ(ternary_plan(300, 300, pool), "scalar");
  EXPECT_NE(ternary_plan_json().find("TERN_TERNARY"), std::string::npos);
  setenv("TERN_TERNARY", "abacus", 1);
  EXPECT_THROW(ternary_plan(300, 300, pool), Error);
  unsetenv("TERN_TERNARY");
}

}  // namespace
}  // namespace tern::cpu
