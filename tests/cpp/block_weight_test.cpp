#include "cpu/block_weight.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "block_stand_in.h"
#include "core/status.h"
#include "cpu/streams.h"
#include "oracle/compare.h"
#include "oracle/dense_oracle.h"

namespace tern::cpu {
namespace {

constexpr float kGuard = -12345.5f;
const int kTypes[] = {TERN_TYPE_Q8_0, TERN_TYPE_Q6_K, TERN_TYPE_Q4_0};

class Blocks : public testing::Test {
 protected:
  struct Kernel {
    const BlockKernel* kernel;
    std::string name;
  };

  void SetUp() override {
    if (isa_supported() < Isa::avx512) GTEST_SKIP() << isa_reason();
  }
  void TearDown() override { unsetenv("TERN_STREAMS"); }

  static const BlockKernel& on_bw(int type) { return *BlockWeight::kernel_of(kBlockOnBw, type); }

  // Of a type, the kernels that run here.
  static std::vector<Kernel> kernels(int type) {
    std::vector<Kernel> all = {{&on_bw(type), std::string(on_bw(type).name) + " on BW"}};
    if (const BlockKernel* const here = BlockWeight::kernel_of(BlockWeight::kernels_here(), type)) all.push_back({here, here->name});
    return all;
  }

  Pool pool_{3};
  std::mt19937_64 random_{oracle::seed()};
  testing::ScopedTrace trace_{__FILE__, __LINE__, "TERN_SEED=" + std::to_string(oracle::seed())};
};

struct Shape {
  int n_rows, n_cols, n_acts;
};

// Rows around a tile and around the tiles that are read at once; columns of one block to a real model's; activations around a group.
const Shape kShapes[] = {{1, 32, 1},   {31, 64, 2}, {32, 96, 3},  {33, 32, 4},   {64, 160, 5},   {96, 32, 6},   {127, 224, 7},   {128, 96, 8},
                         {129, 64, 9}, {161, 96, 13}, {65, 160, 16}, {31, 2560, 1}, {260, 2560, 1}, {17, 2560, 9}, {1031, 256, 17}, {416, 768, 3}};

// In whole blocks of the type: those of Q6_K are larger.
Shape whole(Shape s, int type) {
  const int block = oracle::dense_layout(type).block;
  return {s.n_rows, (s.n_cols + block - 1) / block * block, s.n_acts};
}

std::vector<float> random_floats(int64_t n, std::mt19937_64& random) {
  std::normal_distribution<float> normal;
  std::vector<float> x(static_cast<size_t>(n));
  for (float& v : x) v = normal(random) * (random() % 16 ? 1 : 50);  // blocks of unlike sizes
  return x;
}

std::string name_of(const std::string& kernel, const Shape& s) {
  return kernel + ", [" + std::to_string(s.n_rows) + ", " + std::to_string(s.n_cols) + "], " + std::to_string(s.n_acts) + " rows";
}

// out [n_acts, n_rows] of all tasks, last task first; strides are wider than rows and the gaps must stay as they were.
std::vector<float> run(Pool& pool, const BlockWeight& w, int n_cols, const std::vector<float>& x, int n_acts, const float* initial = nullptr) {
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

BlockWeight weight_of(Pool& pool, const BlockKernel& kernel, int n_rows, int n_cols, const std::vector<uint8_t>& rows) {
  BlockWeight w(kernel, n_rows, n_cols);
  w.append_rows(pool, n_rows, rows.data());
  return w;
}

// sum w x of activations as block_weight.h rounds them, and how far from it sums may be: one rounding a turn, a few of its end, and for Q6_K two within a turn
// and one of an element in the oracle.
struct Allowed {
  double sum = 0, error = 0;

  Allowed(int type, const uint8_t* rows, int n_cols, int row, const float* x) {
    const std::vector<double> acts = oracle::dense_block_activations(x, n_cols);
    double magnitudes = 0;
    for (int c = 0; c < n_cols; c++) {
      const double term = oracle::element(type, rows, n_cols, row, c) * acts[size_t(c)];
      sum += term;
      magnitudes += std::fabs(term);
    }
    error = (n_cols / 32 + 4 + (type == TERN_TYPE_Q6_K ? 3 : 0)) * 0x1p-24 * magnitudes;
  }
};

bool near(int type, const std::vector<float>& out, const std::vector<uint8_t>& rows, const Shape& s, const std::vector<float>& x) {
  for (int a = 0; a < s.n_acts; a++)
    for (int r = 0; r < s.n_rows; r++) {
      const Allowed allowed(type, rows.data(), s.n_cols, r, &x[size_t(a) * s.n_cols]);
      if (!(std::fabs(double(out[size_t(a) * s.n_rows + r]) - allowed.sum) <= allowed.error)) return false;
    }
  return true;
}

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

TEST_F(Blocks, MatchOracle) {
  for (const int type : kTypes)
    for (const Shape& shape : kShapes) {
      const Shape s = whole(shape, type);
      const std::vector<uint8_t> rows = oracle::random_rows(type, s.n_rows, s.n_cols, random_);
      const std::vector<float> x = random_floats(int64_t(s.n_acts) * s.n_cols, random_);
      std::vector<float> first;
      for (const Kernel& k : kernels(type))
        for (const char* streams : {"1", "4"}) {
          setenv("TERN_STREAMS", streams, 1);
          const std::vector<float> out = run(pool_, weight_of(pool_, *k.kernel, s.n_rows, s.n_cols, rows), s.n_cols, x, s.n_acts);
          EXPECT_TRUE(near(type, out, rows, s, x)) << name_of(k.name, s) << ", " << streams << " streams";
          if (first.empty()) first = out;
          EXPECT_TRUE(same_bits(first, out)) << name_of(k.name, s) << ", " << streams << " streams, beside the first";
          // The bound is no wider than it has to be: an activation more or less is beyond it.
          std::vector<float> other = x;
          int largest = 0;
          for (int c = 1; c < s.n_cols; c++)
            if (std::fabs(oracle::element(type, rows.data(), s.n_cols, 0, c)) > std::fabs(oracle::element(type, rows.data(), s.n_cols, 0, largest))) largest = c;
          other[size_t(largest)] += other[size_t(largest)] > 0 ? 1 : -1;
          EXPECT_FALSE(near(type, out, rows, s, other)) << name_of(k.name, s);
        }
    }
}

// Whole numbers times scales of 1: every digit, start and code, at its ends, exactly.
TEST_F(Blocks, WholeNumbersAreExact) {
  constexpr int n_rows = 40, n_cols = 256, n_acts = 6;
  for (const int type : kTypes)
    for (int round = 0; round < 40; round++) {
      std::vector<uint8_t> rows = oracle::random_rows(type, n_rows, n_cols, random_);
      std::vector<float> x(n_acts * n_cols);
      const int64_t most = round < 4 ? 32639 : int64_t(1) << (random_() % 15);
      const oracle::DenseLayout layout = oracle::dense_layout(type);
      const bool q6 = type == TERN_TYPE_Q6_K;
      for (size_t at = 0; at < rows.size(); at += size_t(layout.bytes)) {
        uint8_t* const block = &rows[at];
        if (round < 4)  // the least code or the greatest, whatever the type
          for (int i = 0; i < layout.bytes; i++) block[i] = type == TERN_TYPE_Q8_0 ? (round % 2 ? 0x80 : 0x7f) : (round % 2 ? 0 : 0xff);
        if (q6) std::memset(block + 192, 1, 16);
        block[q6 ? 208 : 0] = 0, block[q6 ? 209 : 1] = 0x3c;  // 1
      }
      for (float& v : x) v = float(round < 2 ? most : round < 4 ? -most : int64_t(random_() % uint64_t(2 * most + 1)) - most);
      for (const Kernel& k : kernels(type)) {
        const std::vector<float> out = run(pool_, weight_of(pool_, *k.kernel, n_rows, n_cols, rows), n_cols, x, n_acts);
        for (int a = 0; a < n_acts; a++)
          for (int r = 0; r < n_rows; r++) {
            double sum = 0, upper = 0, part = 0;
            for (int c = 0; c < n_cols; c++) {
              part += oracle::element(type, rows.data(), n_cols, r, c) * double(x[a * n_cols + c]);
              if (c % 32 != 31) continue;
              sum += part, upper += std::fabs(part), part = 0;
            }
            // Up to the rounding of the floats at the end of a scale's columns, none of sums below 2^24.
            const double slack = upper < 0x1p24 ? 0 : upper * 0x1p-24 * (n_cols / 32 + 2);
            ASSERT_LE(std::fabs(out[size_t(a * n_rows + r)] - sum), slack) << k.name << ", round " << round;
          }
      }
    }
}

// The same values in Q4_0 and in Q8_0 give the same bits.
TEST_F(Blocks, EqualValuesGiveEqualBits) {
  constexpr int n_rows = 70, n_cols = 160, n_acts = 3;
  const std::vector<uint8_t> q4 = oracle::random_rows(TERN_TYPE_Q4_0, n_rows, n_cols, random_);
  std::vector<uint8_t> q8;
  for (size_t at = 0; at < q4.size(); at += 18) {
    q8.insert(q8.end(), {q4[at], q4[at + 1]});
    for (int i = 0; i < 32; i++) q8.push_back(uint8_t((i < 16 ? q4[at + 2 + i] & 15 : q4[at + 2 + i - 16] >> 4) - 8));
  }
  const std::vector<float> x = random_floats(n_acts * n_cols, random_);
  const std::vector<float> out = run(pool_, weight_of(pool_, on_bw(TERN_TYPE_Q8_0), n_rows, n_cols, q8), n_cols, x, n_acts);
  for (const Kernel& k : kernels(TERN_TYPE_Q4_0))
    EXPECT_TRUE(same_bits(out, run(pool_, weight_of(pool_, *k.kernel, n_rows, n_cols, q4), n_cols, x, n_acts))) << k.name;
}

TEST_F(Blocks, BitsDoNotDependOnBatch) {
  for (const int type : kTypes)
    for (const Shape& shape : {Shape{37, 2560, 9}, Shape{300, 352, 33}}) {
      const Shape s = whole(shape, type);
      const std::vector<uint8_t> rows = oracle::random_rows(type, s.n_rows, s.n_cols, random_);
      const std::vector<float> x = random_floats(int64_t(s.n_acts) * s.n_cols, random_);
      for (const Kernel& k : kernels(type)) {
        const BlockWeight w = weight_of(pool_, *k.kernel, s.n_rows, s.n_cols, rows);
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

TEST_F(Blocks, Accumulate) {
  const Shape s = {45, 256, 6};
  for (const int type : kTypes) {
    const std::vector<uint8_t> rows = oracle::random_rows(type, s.n_rows, s.n_cols, random_);
    const std::vector<float> x = random_floats(int64_t(s.n_acts) * s.n_cols, random_), initial = random_floats(int64_t(s.n_acts) * s.n_rows, random_);
    for (const Kernel& k : kernels(type)) {
      const BlockWeight w = weight_of(pool_, *k.kernel, s.n_rows, s.n_cols, rows);
      std::vector<float> sum = run(pool_, w, s.n_cols, x, s.n_acts);
      for (size_t i = 0; i < sum.size(); i++) sum[i] = initial[i] + sum[i];
      EXPECT_EQ(run(pool_, w, s.n_cols, x, s.n_acts, initial.data()), sum) << k.name;
    }
  }
}

// Rows that come in pieces, which begin and end within tiles, are those that come at once; and can be looked up, exactly.
TEST_F(Blocks, RowsComeInAnyPiecesAndAreLookedUp) {
  constexpr int n_rows = 203;
  for (const int type : kTypes) {
    const int n_cols = type == TERN_TYPE_Q6_K ? 512 : 96;
    const std::vector<uint8_t> rows = oracle::random_rows(type, n_rows, n_cols, random_);
    for (const int piece : {1, 5, 31, 32, 33, 100, 203}) {
      BlockWeight w(on_bw(type), n_rows, n_cols);
      for (int row = 0; row < n_rows; row += piece)
        w.append_rows(pool_, std::min(piece, n_rows - row), rows.data() + row * oracle::dense_row_bytes(type, n_cols));
      EXPECT_THROW(w.append_rows(pool_, 1, rows.data()), Error);
      const std::vector<int32_t> ids = {202, 0, 31, 32, 32, 127, 128};
      std::vector<float> out(ids.size() * n_cols + 2, kGuard);
      w.embed(ids.data(), int(ids.size()), &out[1]);
      for (size_t i = 0; i < ids.size(); i++)
        for (int c = 0; c < n_cols; c++)
          ASSERT_EQ(double(out[1 + i * n_cols + c]), oracle::element(type, rows.data(), n_cols, ids[i], c)) << on_bw(type).name << ", id " << ids[i];
      EXPECT_EQ(out.front(), kGuard);
      EXPECT_EQ(out.back(), kGuard);
    }
  }
}

// 32 activations that are not all finite are seen in every sum of their row, and in no other row's; next to nothing is nothing.
TEST_F(Blocks, ActivationsAtTheEndsOfFloats) {
  constexpr int n_rows = 33, n_cols = 256, n_acts = 5;
  constexpr float kInfinity = std::numeric_limits<float>::infinity(), kLargest = std::numeric_limits<float>::max();
  for (const int type : kTypes) {
    const std::vector<uint8_t> rows = oracle::random_rows(type, n_rows, n_cols, random_);
    for (const Kernel& k : kernels(type)) {
      const BlockWeight w = weight_of(pool_, *k.kernel, n_rows, n_cols, rows);
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
      for (const float size : {0x1p-70f, 0x1.fdfp-70f, 0x1.fdfdfep0f, 0x1.fdfep0f, kLargest / 65536, 1e30f}) {  // around where the unit doubles
        const Shape s = {n_rows, n_cols, 1};
        std::vector<float> x = random_floats(n_cols, random_);
        for (float& v : x) v = std::max(-1.0f, std::min(1.0f, v)) * size;
        EXPECT_TRUE(near(type, run(pool_, w, n_cols, x, 1), rows, s, x)) << k.name << ", " << size;
      }
    }
  }
}

TEST_F(Blocks, TasksCoverRowsInSensiblePieces) {
  for (const int type : kTypes) {
    const BlockKernel& kernel = on_bw(type);
    EXPECT_EQ(BlockWeight(kernel, 64, 256).n_tasks(1), 1);  // nothing worth waking a thread for
    EXPECT_EQ(BlockWeight(kernel, 64, 256).n_tasks(0), 0);
    setenv("TERN_STREAMS", "4", 1);
    const BlockWeight w(kernel, 9000, 2560);
    const int n_tasks = w.n_tasks(1);
    EXPECT_GE(n_tasks, int(w.bytes() / (512 << 10)));
    EXPECT_LE(n_tasks, int(w.bytes() / (128 << 10)));
    EXPECT_GT(w.n_tasks(128), 16);
    // Tasks follow each other without gaps, each from a multiple of the tiles that are read at once.
    const int64_t group = kStreams * kBlockRows * oracle::dense_row_bytes(type, 2560);
    for (int task = 0; task < n_tasks; task++) {
      EXPECT_EQ((w.task_begin(task) - w.task_begin(0)) % group, 0);
      EXPECT_LT(w.task_begin(task), w.task_begin(task + 1));
    }
    EXPECT_EQ(w.task_begin(n_tasks) - w.task_begin(0), w.bytes());
  }
}

TEST_F(Blocks, RefuseWhatIsNoTiles) {
  for (const int type : kTypes) {
    const int block = oracle::dense_layout(type).block;
    EXPECT_THROW(BlockWeight(on_bw(type), 0, block), Error);
    EXPECT_THROW(BlockWeight(on_bw(type), 1, block + 1), Error);
    EXPECT_THROW(BlockWeight(on_bw(type), 1, 0), Error);
  }
  EXPECT_EQ(BlockWeight::kernel_of(kBlockOnBw, TERN_TYPE_F16), nullptr);
  EXPECT_EQ(BlockWeight::kernel_of(nullptr, TERN_TYPE_Q8_0), nullptr);
}

}  // namespace
}  // namespace tern::cpu
