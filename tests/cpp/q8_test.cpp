#include "cpu/q8.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "core/status.h"
#include "cpu/streams.h"
#include "oracle/compare.h"
#include "oracle/dense_oracle.h"
#include "q8_stand_in.h"

namespace tern::cpu {
namespace {

constexpr float kGuard = -12345.5f;

class Q8 : public testing::Test {
 protected:
  void SetUp() override {
    if (isa_supported() < Isa::avx512) GTEST_SKIP() << isa_reason();
    kernels_.push_back({"on_bw", &kQ8OnBw});
    if (Q8Weight::kernel_here()) kernels_.push_back({"vnni", Q8Weight::kernel_here()});
  }

  struct Named {
    const char* name;
    const Q8Kernel* kernel;
  };
  std::vector<Named> kernels_;
  Pool pool_{3};
  std::mt19937_64 random_{oracle::seed()};
  testing::ScopedTrace trace_{__FILE__, __LINE__, "TERN_SEED=" + std::to_string(oracle::seed())};
};

struct Shape {
  int n_rows, n_cols, n_acts;
};

// Rows around a tile and around the tiles that are read at once; columns of one block to a real model's; activations around a group.
const Shape kShapes[] = {{1, 32, 1},   {31, 64, 2},  {32, 96, 3}, {33, 32, 4},   {64, 160, 5},   {96, 1, 6},    {127, 7, 7},   {128, 96, 8},
                         {129, 64, 9}, {161, 3, 13}, {65, 5, 16}, {31, 2560, 1}, {260, 2560, 1}, {17, 2560, 9}, {1031, 8, 17}, {416, 224, 3}};

std::vector<float> random_floats(int64_t n, std::mt19937_64& random) {
  std::normal_distribution<float> normal;
  std::vector<float> x(static_cast<size_t>(n));
  for (float& v : x) v = normal(random) * (random() % 16 ? 1 : 50);  // blocks of unlike sizes
  return x;
}

std::string name_of(const char* kernel, const Shape& s) {
  return std::string(kernel) + ", [" + std::to_string(s.n_rows) + ", " + std::to_string(s.n_cols) + "], " + std::to_string(s.n_acts) + " rows";
}

// out [n_acts, n_rows] of all tasks, last task first; strides are wider than rows and the gaps must stay as they were.
std::vector<float> run(Pool& pool, const Q8Weight& w, int n_cols, const std::vector<float>& x, int n_acts, const float* initial = nullptr) {
  constexpr int kGap = 40;  // more than the rows of a tile
  const int x_stride = n_cols + 3, out_stride = w.n_rows() + kGap;
  std::vector<float> wide_x(size_t(n_acts) * x_stride, std::numeric_limits<float>::quiet_NaN()), wide(size_t(n_acts) * out_stride + kGap, kGuard);
  for (int r = 0; r < n_acts; r++) {
    std::copy_n(&x[size_t(r) * n_cols], n_cols, &wide_x[size_t(r) * x_stride]);
    if (initial) std::copy_n(initial + size_t(r) * w.n_rows(), w.n_rows(), &wide[kGap + size_t(r) * out_stride]);
  }
  const Buffer scratch(w.scratch_bytes(n_acts), "a test's scratch");
  std::memset(scratch.as<void>(), 0x7f, size_t(scratch.size()));
  w.prepare(pool, wide_x.data(), x_stride, n_acts, scratch.as<void>());
  for (int task = w.n_tasks(n_acts); task-- > 0;) w.run_task(task, n_acts, scratch.as<void>(), &wide[kGap], out_stride, initial != nullptr);
  std::vector<float> out(size_t(n_acts) * w.n_rows());
  for (int r = 0; r < n_acts; r++) {
    std::copy_n(&wide[kGap + size_t(r) * out_stride], w.n_rows(), &out[size_t(r) * w.n_rows()]);
  }
  for (int r = 0; r <= n_acts; r++)
    for (int i = 0; i < kGap; i++) EXPECT_EQ(wide[size_t(r) * out_stride + i], kGuard) << "before row " << r;
  return out;
}

Q8Weight weight_of(Pool& pool, const Q8Kernel& kernel, int n_rows, int n_cols, const std::vector<uint8_t>& rows) {
  Q8Weight w(kernel, n_rows, n_cols);
  w.append_rows(pool, n_rows, rows.data());
  return w;
}

// sum w x of activations as q8.h rounds them, and how far from it sums may be: one rounding a block and a few of its end.
struct Allowed {
  double sum = 0, error = 0;

  Allowed(const uint8_t* rows, int n_cols, int row, const float* x) {
    const std::vector<double> acts = oracle::dense_q8_activations(x, n_cols);
    double magnitudes = 0;
    for (int c = 0; c < n_cols; c++) {
      const double term = oracle::element(TERN_TYPE_Q8_0, rows, n_cols, row, c) * acts[size_t(c)];
      sum += term;
      magnitudes += std::fabs(term);
    }
    error = (n_cols / 32 + 4) * 0x1p-24 * magnitudes;
  }
};

bool near(const std::vector<float>& out, const std::vector<uint8_t>& rows, const Shape& s, const std::vector<float>& x) {
  for (int a = 0; a < s.n_acts; a++)
    for (int r = 0; r < s.n_rows; r++) {
      const Allowed allowed(rows.data(), s.n_cols, r, &x[size_t(a) * s.n_cols]);
      if (!(std::fabs(double(out[size_t(a) * s.n_rows + r]) - allowed.sum) <= allowed.error)) return false;
    }
  return true;
}

// Columns of kShapes below 32 are blocks.
Shape whole(Shape s) { return {s.n_rows, s.n_cols < 32 ? 32 * s.n_cols : s.n_cols, s.n_acts}; }

TEST_F(Q8, MatchesOracle) {
  for (const Shape& shape : kShapes) {
    const Shape s = whole(shape);
    const std::vector<uint8_t> rows = oracle::random_rows(TERN_TYPE_Q8_0, s.n_rows, s.n_cols, random_);
    const std::vector<float> x = random_floats(int64_t(s.n_acts) * s.n_cols, random_);
    std::vector<float> first;
    for (const Named& k : kernels_) {
      const std::vector<float> out = run(pool_, weight_of(pool_, *k.kernel, s.n_rows, s.n_cols, rows), s.n_cols, x, s.n_acts);
      EXPECT_TRUE(near(out, rows, s, x)) << name_of(k.name, s);
      if (first.empty()) first = out;
      EXPECT_EQ(std::memcmp(first.data(), out.data(), out.size() * sizeof(float)), 0) << name_of(k.name, s) << " beside " << kernels_[0].name;
      // The bound is no wider than it has to be: an activation more or less is beyond it.
      std::vector<float> other = x;
      other[0] += other[0] > 0 ? 1 : -1;
      EXPECT_FALSE(near(out, rows, s, other)) << name_of(k.name, s);
    }
  }
}

// Whole numbers times scales of 1: every digit, start and code, at its ends, exactly.
TEST_F(Q8, WholeNumbersAreExact) {
  constexpr int n_rows = 40, n_cols = 64, n_acts = 6;
  for (int round = 0; round < 40; round++) {
    std::vector<uint8_t> rows = oracle::random_rows(TERN_TYPE_Q8_0, n_rows, n_cols, random_);
    std::vector<float> x(n_acts * n_cols);
    const int64_t most = round < 4 ? 32639 : int64_t(1) << (random_() % 15);
    for (size_t at = 0; at < rows.size(); at += 34) {
      rows[at] = 0, rows[at + 1] = 0x3c;  // 1
      for (int i = 0; i < 32; i++) rows[at + 2 + i] = round < 4 ? uint8_t(round % 2 ? -128 : 127) : uint8_t(random_());
    }
    for (float& v : x) v = float(round < 2 ? most : round < 4 ? -most : int64_t(random_() % uint64_t(2 * most + 1)) - most);
    for (const Named& k : kernels_) {
      const std::vector<float> out = run(pool_, weight_of(pool_, *k.kernel, n_rows, n_cols, rows), n_cols, x, n_acts);
      for (int a = 0; a < n_acts; a++)
        for (int r = 0; r < n_rows; r++) {
          double blocks[2] = {0, 0}, upper = 0;
          for (int c = 0; c < n_cols; c++) blocks[c / 32] += oracle::element(TERN_TYPE_Q8_0, rows.data(), n_cols, r, c) * double(x[a * n_cols + c]);
          for (double block : blocks) upper += std::fabs(block);
          // Up to the rounding of the floats at the end of blocks, none of sums below 2^24.
          const double slack = upper < 0x1p24 ? 0 : upper * 0x1p-23;
          ASSERT_LE(std::fabs(out[a * n_rows + r] - (blocks[0] + blocks[1])), slack) << k.name << ", round " << round;
        }
    }
  }
}

TEST_F(Q8, BitsDoNotDependOnBatch) {
  for (const Shape& s : {Shape{37, 2560, 9}, Shape{300, 352, 9}}) {
    const std::vector<uint8_t> rows = oracle::random_rows(TERN_TYPE_Q8_0, s.n_rows, s.n_cols, random_);
    const std::vector<float> x = random_floats(int64_t(s.n_acts) * s.n_cols, random_);
    for (const Named& k : kernels_) {
      const Q8Weight w = weight_of(pool_, *k.kernel, s.n_rows, s.n_cols, rows);
      std::vector<float> one_by_one;
      for (int r = 0; r < s.n_acts; r++) {
        const std::vector<float> row = run(pool_, w, s.n_cols, {x.begin() + r * s.n_cols, x.begin() + (r + 1) * s.n_cols}, 1);
        one_by_one.insert(one_by_one.end(), row.begin(), row.end());
      }
      for (int n_acts = 2; n_acts <= s.n_acts; n_acts++) {
        const std::vector<float> out = run(pool_, w, s.n_cols, x, n_acts);
        EXPECT_EQ(std::memcmp(out.data(), one_by_one.data(), out.size() * sizeof(float)), 0) << name_of(k.name, {s.n_rows, s.n_cols, n_acts});
      }
    }
  }
}

TEST_F(Q8, Accumulates) {
  const Shape s = {45, 96, 6};
  const std::vector<uint8_t> rows = oracle::random_rows(TERN_TYPE_Q8_0, s.n_rows, s.n_cols, random_);
  const std::vector<float> x = random_floats(int64_t(s.n_acts) * s.n_cols, random_), initial = random_floats(int64_t(s.n_acts) * s.n_rows, random_);
  for (const Named& k : kernels_) {
    const Q8Weight w = weight_of(pool_, *k.kernel, s.n_rows, s.n_cols, rows);
    std::vector<float> sum = run(pool_, w, s.n_cols, x, s.n_acts);
    for (size_t i = 0; i < sum.size(); i++) sum[i] = initial[i] + sum[i];
    EXPECT_EQ(run(pool_, w, s.n_cols, x, s.n_acts, initial.data()), sum) << k.name;
  }
}

// Rows that come in pieces, which begin and end within tiles, are those that come at once; and can be looked up, exactly.
TEST_F(Q8, RowsComeInAnyPiecesAndAreLookedUp) {
  constexpr int n_rows = 203, n_cols = 96;
  const std::vector<uint8_t> rows = oracle::random_rows(TERN_TYPE_Q8_0, n_rows, n_cols, random_);
  for (const int piece : {1, 5, 31, 32, 33, 100, 203}) {
    Q8Weight w(kQ8OnBw, n_rows, n_cols);
    for (int row = 0; row < n_rows; row += piece)
      w.append_rows(pool_, std::min(piece, n_rows - row), rows.data() + size_t(row) * n_cols / 32 * 34);
    EXPECT_THROW(w.append_rows(pool_, 1, rows.data()), Error);
    const std::vector<int32_t> ids = {202, 0, 31, 32, 32, 127, 128};
    std::vector<float> out(ids.size() * n_cols + 2, kGuard);
    w.embed(ids.data(), int(ids.size()), &out[1]);
    for (size_t i = 0; i < ids.size(); i++)
      for (int c = 0; c < n_cols; c++)
        ASSERT_EQ(double(out[1 + i * n_cols + c]), oracle::element(TERN_TYPE_Q8_0, rows.data(), n_cols, ids[i], c)) << "id " << ids[i];
    EXPECT_EQ(out.front(), kGuard);
    EXPECT_EQ(out.back(), kGuard);
  }
}

// A block of activations that is not finite is seen in every sum of its row, and in no other row's; one of next to nothing is nothing.
TEST_F(Q8, ActivationsAtTheEndsOfFloats) {
  constexpr int n_rows = 33, n_cols = 96, n_acts = 5;
  const std::vector<uint8_t> rows = oracle::random_rows(TERN_TYPE_Q8_0, n_rows, n_cols, random_);
  constexpr float kInfinity = std::numeric_limits<float>::infinity(), kLargest = std::numeric_limits<float>::max();
  for (const Named& k : kernels_) {
    const Q8Weight w = weight_of(pool_, *k.kernel, n_rows, n_cols, rows);
    for (const float bad : {std::numeric_limits<float>::quiet_NaN(), -std::numeric_limits<float>::quiet_NaN(), kInfinity, -kInfinity}) {
      std::vector<float> x = random_floats(n_acts * n_cols, random_);
      x[2 * n_cols + 50] = x[2 * n_cols + 60] = bad;
      x[2 * n_cols + 90] = bad;
      const std::vector<float> out = run(pool_, w, n_cols, x, n_acts);
      for (int a = 0; a < n_acts; a++)
        for (int r = 0; r < n_rows; r++) EXPECT_EQ(std::isnan(out[size_t(a) * n_rows + r]), a == 2) << k.name << ", " << bad << ", row " << a;
    }
    for (const float tiny : {0.0f, -0.0f, 1e-45f, 1e-38f, 0x0.ffp-70f}) {
      const std::vector<float> out = run(pool_, w, n_cols, std::vector<float>(n_cols, tiny), 1);
      for (float v : out) EXPECT_EQ(v, 0) << k.name << ", " << tiny;
    }
    for (const float size : {0x1p-70f, 0x1.fdfp-70f, 0x1.fdfdfep0f, 0x1.fdfep0f, kLargest / 4096, 1e30f}) {  // around where the unit doubles
      const Shape s = {n_rows, n_cols, 1};
      std::vector<float> x = random_floats(n_cols, random_);
      for (float& v : x) v = std::max(-1.0f, std::min(1.0f, v)) * size;
      EXPECT_TRUE(near(run(pool_, w, n_cols, x, 1), rows, s, x)) << k.name << ", " << size;
    }
  }
}

TEST_F(Q8, TasksCoverRowsInSensiblePieces) {
  EXPECT_EQ(Q8Weight(kQ8OnBw, 64, 160).n_tasks(1), 1);  // nothing worth waking a thread for
  EXPECT_EQ(Q8Weight(kQ8OnBw, 64, 160).n_tasks(0), 0);
  const Q8Weight w(kQ8OnBw, 5000, 2560);
  const int n_tasks = w.n_tasks(1);
  EXPECT_GE(n_tasks, int(w.bytes() / (512 << 10)));
  EXPECT_LE(n_tasks, int(w.bytes() / (128 << 10)));
  EXPECT_GT(w.n_tasks(128), 16);
  // Tasks follow each other without gaps, each from a multiple of the tiles that are read at once.
  const int64_t group = int64_t(kStreams) * 2560 / kQ8Cols * kQ8BlockBytes;
  for (int task = 0; task < n_tasks; task++) {
    EXPECT_EQ((w.task_begin(task) - w.task_begin(0)) % group, 0);
    EXPECT_LT(w.task_begin(task), w.task_begin(task + 1));
  }
  EXPECT_EQ(w.task_begin(n_tasks) - w.task_begin(0), w.bytes());
}

TEST_F(Q8, RefusesWhatIsNoTiles) {
  EXPECT_THROW(Q8Weight(kQ8OnBw, 0, 32), Error);
  EXPECT_THROW(Q8Weight(kQ8OnBw, 1, 33), Error);
  EXPECT_THROW(Q8Weight(kQ8OnBw, 1, 0), Error);
}

}  // namespace
}  // namespace tern::cpu
