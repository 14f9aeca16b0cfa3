#include "cpu/dense.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "cases/bench_shapes.h"
#include "core/pool.h"
#include "cpu/bandwidth.h"
#include "cpu/dense_tile.h"
#include "oracle/compare.h"
#include "oracle/dense_oracle.h"
#include "plan/dense_plan.h"
#include "ternary/decode.h"

namespace tern::cpu {
namespace {

constexpr int kTypes[] = {TERN_TYPE_F32,  TERN_TYPE_F16,  TERN_TYPE_BF16, TERN_TYPE_Q8_0,
                          TERN_TYPE_Q4_0, TERN_TYPE_Q2_0, TERN_TYPE_Q6_K};
constexpr float kGuard = -12345.5f;

std::vector<Isa> isas() {
  std::vector<Isa> all;
  for (Isa isa : {Isa::scalar, Isa::avx2, Isa::avx512})
    if (isa <= isa_supported()) all.push_back(isa);
  return all;
}

DenseWeight weight_of(int type, int n_rows, int n_cols, const std::vector<uint8_t>& bytes) {
  DenseWeight w = {Buffer(static_cast<int64_t>(bytes.size()), "a test weight"), type, n_rows, n_cols};
  std::memcpy(w.data.as<uint8_t>(), bytes.data(), bytes.size());
  return w;
}

DenseWeight random_weight(int type, int n_rows, int n_cols, std::mt19937_64& random) {
  return weight_of(type, n_rows, n_cols, oracle::random_rows(type, n_rows, n_cols, random));
}

std::vector<float> random_floats(int64_t n, std::mt19937_64& random) {
  std::normal_distribution<float> normal;
  std::vector<float> x(static_cast<size_t>(n));
  for (float& v : x) v = normal(random);
  return x;
}

// out [n_acts, n_rows] of all tasks, last task first; strides are wider than rows and the gaps must stay as they were.
std::vector<float> run(Isa isa, const DenseWeight& w, const std::vector<float>& x, int n_acts, const float* initial = nullptr) {
  const int x_stride = w.n_cols + 3, out_stride = w.n_rows + 5;
  std::vector<float> wide_x(static_cast<size_t>(n_acts) * x_stride, std::numeric_limits<float>::quiet_NaN());
  std::vector<float> wide(static_cast<size_t>(n_acts) * out_stride + 5, kGuard);
  for (int r = 0; r < n_acts; r++) {
    std::copy_n(&x[size_t(r) * w.n_cols], w.n_cols, &wide_x[size_t(r) * x_stride]);
    if (initial) std::copy_n(initial + size_t(r) * w.n_rows, w.n_rows, &wide[5 + size_t(r) * out_stride]);
  }
  for (int task = dense_n_tasks(w, n_acts); task-- > 0;)
    dense_run_task(isa, w, task, wide_x.data(), x_stride, n_acts, &wide[5], out_stride, initial != nullptr);
  std::vector<float> out(static_cast<size_t>(n_acts) * w.n_rows);
  for (int r = 0; r < n_acts; r++) {
    std::copy_n(&wide[5 + size_t(r) * out_stride], w.n_rows, &out[size_t(r) * w.n_rows]);
    for (int i = 0; i < 5; i++) EXPECT_EQ(wide[size_t(r) * out_stride + i], kGuard) << "row " << r;
  }
  return out;
}

void expect_same_bits(const float* a, const float* b, size_t n, const std::string& what) {
  for (size_t i = 0; i < n; i++)
    ASSERT_EQ(std::memcmp(a + i, b + i, sizeof(float)), 0) << what << ": element " << i << ": " << a[i] << " and " << b[i];
}

struct Shape {
  int n_rows, n_cols, n_acts;
};

const Shape kShapes[] = {{1, 1, 1},     {1, 31, 1},    {3, 32, 2},     {4, 33, 3},    {5, 15, 5},    {7, 16, 6},   {8, 17, 7},
                         {9, 64, 4},    {64, 172, 1},  {61, 172, 13},  {13, 63, 12},  {16, 65, 11},  {2, 127, 1},  {31, 2560, 1},
                         {17, 2560, 9}, {512, 64, 1},  {257, 96, 19},  {1031, 256, 1}, {1200, 224, 2}};

// The shape, as wide as whole blocks make it.
Shape whole(int type, Shape s) {
  const int block = oracle::dense_layout(type).block;
  return {s.n_rows, (s.n_cols + block - 1) / block * block, s.n_acts};
}

std::string name_of(Isa isa, int type, const Shape& s) {
  return std::string(isa_name(isa)) + ", type " + std::to_string(type) + ", [" + std::to_string(s.n_rows) + ", " +
         std::to_string(s.n_cols) + "], " + std::to_string(s.n_acts) + " rows";
}

void expect_oracle(int type, const Shape& s, std::mt19937_64& random) {
  const DenseWeight w = random_weight(type, s.n_rows, s.n_cols, random);
  const std::vector<float> x = random_floats(int64_t(s.n_acts) * s.n_cols, random);
  const auto ref64 = oracle::matmul<double>(type, w.data.as<uint8_t>(), s.n_rows, s.n_cols, x.data(), s.n_acts);
  const auto ref32 = oracle::matmul<float>(type, w.data.as<uint8_t>(), s.n_rows, s.n_cols, x.data(), s.n_acts);
  for (Isa isa : isas()) {
    const std::vector<float> out = run(isa, w, x, s.n_acts);
    EXPECT_EQ(oracle::mismatch(out.data(), ref64.data(), ref32.data(), s.n_acts, s.n_rows), "") << name_of(isa, type, s);
  }
}

TEST(Dense, matches_oracle) {
  SCOPED_TRACE(oracle::seed());
  std::mt19937_64 random(oracle::seed());
  for (int type : kTypes)
    for (const Shape& shape : kShapes) expect_oracle(type, whole(type, shape), random);
}

TEST(Dense, timed_shapes_match_oracle) {
  SCOPED_TRACE(oracle::seed());
  std::mt19937_64 random(oracle::seed());
  for (const tern_bench_case& c : cases::bench_shapes(TERN_BENCH_DENSE, false, 9)) expect_oracle(c.type, {c.n_out, c.n_in, c.n_rows}, random);
}

// A row's bits do not depend on the rows beside it: GEMV and every cut of GEMM agree.
TEST(Dense, bits_do_not_depend_on_batch) {
  SCOPED_TRACE(oracle::seed());
  std::mt19937_64 random(oracle::seed());
  for (int type : kTypes)
    for (const Shape& shape : {Shape{37, 2560, 17}, Shape{1030, 160, 17}, Shape{700, 352, 17}}) {
      const Shape s = whole(type, shape);
      const DenseWeight w = random_weight(type, s.n_rows, s.n_cols, random);
      const std::vector<float> x = random_floats(int64_t(s.n_acts) * s.n_cols, random);
      for (Isa isa : isas()) {
        std::vector<float> one_by_one;
        for (int r = 0; r < s.n_acts; r++) {
          const std::vector<float> row = run(isa, w, {x.begin() + r * s.n_cols, x.begin() + (r + 1) * s.n_cols}, 1);
          one_by_one.insert(one_by_one.end(), row.begin(), row.end());
        }
        for (int n_acts = 2; n_acts <= s.n_acts; n_acts++) {
          const std::vector<float> out = run(isa, w, x, n_acts);
          expect_same_bits(out.data(), one_by_one.data(), out.size(), name_of(isa, type, {s.n_rows, s.n_cols, n_acts}));
        }
      }
    }
}

// A task begins with the row that it is said to, and the tasks with all rows.
TEST(Dense, a_task_reads_from_where_it_is_said_to_begin) {
  std::mt19937_64 random(oracle::seed());
  const int n_rows = 3001, n_cols = 512;
  const DenseWeight w = random_weight(TERN_TYPE_Q8_0, n_rows, n_cols, random);
  const std::vector<float> x = random_floats(n_cols, random);
  const int n_tasks = dense_n_tasks(w, 1);
  ASSERT_GT(n_tasks, 2);
  for (int task = 0; task < n_tasks; task++) {
    std::vector<float> out(n_rows, -1e30f);
    dense_run_task(isas()[0], w, task, x.data(), n_cols, 1, out.data(), n_rows, false);
    const auto written = [](float f) { return f != -1e30f; };
    const int64_t first = std::find_if(out.begin(), out.end(), written) - out.begin();
    const int64_t n = std::count_if(out.begin(), out.end(), written);
    EXPECT_EQ(dense_task_begin(w, task), w.data.as<uint8_t>() + first * row_bytes(w.type, n_cols));
    EXPECT_EQ(dense_task_begin(w, task + 1), w.data.as<uint8_t>() + (first + n) * row_bytes(w.type, n_cols));
  }
}

TEST(Dense, avx2_and_avx512_agree) {
  if (isa_supported() < Isa::avx512) GTEST_SKIP() << isa_reason();
  std::mt19937_64 random(oracle::seed());
  for (int type : kTypes)
    for (const Shape& shape : {Shape{41, 32, 7}, Shape{41, 160, 7}, Shape{41, 172, 7}, Shape{41, 2560, 7}}) {
      const int n_cols = whole(type, shape).n_cols;
      const DenseWeight w = random_weight(type, 41, n_cols, random);
      const std::vector<float> x = random_floats(int64_t(7) * n_cols, random);
      const auto a = run(Isa::avx2, w, x, 7), b = run(Isa::avx512, w, x, 7);
      expect_same_bits(a.data(), b.data(), a.size(), "type " + std::to_string(type));
    }
}

// Weights are widened exactly: a type's result is that of its values as F32.
TEST(Dense, types_of_equal_values_agree) {
  std::mt19937_64 random(oracle::seed());
  for (int type : kTypes)
    for (Isa isa : isas()) {
      const int n_rows = 29, n_cols = 768;
      const DenseWeight w = random_weight(type, n_rows, n_cols, random);
      std::vector<float> wide(size_t(n_rows) * n_cols);
      for (int r = 0; r < n_rows; r++)
        for (int c = 0; c < n_cols; c++)
          wide[size_t(r) * n_cols + c] = static_cast<float>(oracle::element(type, w.data.as<uint8_t>(), n_cols, r, c));
      std::vector<uint8_t> bytes(wide.size() * 4);
      std::memcpy(bytes.data(), wide.data(), bytes.size());
      const DenseWeight f32 = weight_of(TERN_TYPE_F32, n_rows, n_cols, bytes);
      const std::vector<float> x = random_floats(3 * n_cols, random);
      const auto a = run(isa, w, x, 3), b = run(isa, f32, x, 3);
      expect_same_bits(a.data(), b.data(), a.size(), name_of(isa, type, {n_rows, n_cols, 3}));
    }
}

// What is read from memory goes through tiles of other rows than what a cache holds, with the same bits.
TEST(Dense, streams_like_from_a_cache) {
  std::mt19937_64 random(oracle::seed() + 5);
  for (const int type : kTypes)
    for (const int n_rows : {1, 2, 3, 8, 13}) {
      constexpr int n_cols = 768;
      const DenseWeight w = random_weight(type, n_rows, n_cols, random);
      const std::vector<float> x = random_floats(n_cols, random);
      for (const Isa isa : isas()) {
        std::vector<float> out[3];
        for (const int stream_rows : {0, 1, 2}) {
          std::vector<float>& to = out[stream_rows];
          to.assign(n_rows + 1, kGuard);
          dense_rows(isa, {type, w.data.as<uint8_t>(), w.data.size() / n_rows, n_rows, n_cols, x.data(), n_cols, 1, to.data(), n_rows, false, stream_rows});
          EXPECT_EQ(to.back(), kGuard);
          for (int i = 0; i < n_rows; i++) EXPECT_TRUE(std::isfinite(to[i]) && to[i] != kGuard) << "row " << i;
        }
        for (const int stream_rows : {1, 2})
          EXPECT_EQ(std::memcmp(out[0].data(), out[stream_rows].data(), out[0].size() * sizeof(float)), 0)
              << "TERN_SEED=" << oracle::seed() << " type " << type << ", " << n_rows << " rows, tier " << isa_name(isa);
      }
    }
}

TEST(Dense, what_a_cache_may_hold_is_no_stream) {
  const auto stream_rows = [](int type, int n_rows, int n_cols) {
    const DenseWeight w = {Buffer(row_bytes(type, n_cols) * n_rows, "a test weight"), type, n_rows, n_cols};
    return dense_stream_rows(isas().back(), w);
  };
  EXPECT_EQ(stream_rows(TERN_TYPE_Q8_0, 1000, 2560), 0);
  for (const int n_rows : {1, 3, 40})  // down to less than a row for each part that is timed
    EXPECT_TRUE(stream_rows(TERN_TYPE_F32, n_rows, (20 << 20) / 4 / n_rows / 32 * 32) - 1u <= 1u) << n_rows;
  EXPECT_TRUE(stream_rows(TERN_TYPE_Q8_0, 7000, 2560) - 1u <= 1u);
}

TEST(Dense, accumulates) {
  std::mt19937_64 random(oracle::seed());
  for (int type : kTypes)
    for (Isa isa : isas())
      for (const Shape& shape : {Shape{6, 64, 1}, Shape{23, 96, 7}}) {
        const Shape s = whole(type, shape);
        const DenseWeight w = random_weight(type, s.n_rows, s.n_cols, random);
        const std::vector<float> x = random_floats(int64_t(s.n_acts) * s.n_cols, random);
        const std::vector<float> initial = random_floats(int64_t(s.n_acts) * s.n_rows, random);
        std::vector<float> sum = run(isa, w, x, s.n_acts);
        for (size_t i = 0; i < sum.size(); i++) sum[i] = initial[i] + sum[i];
        const std::vector<float> out = run(isa, w, x, s.n_acts, initial.data());
        expect_same_bits(out.data(), sum.data(), sum.size(), name_of(isa, type, s));
      }
}

TEST(Dense, tasks_cover_rows_in_sensible_pieces) {
  const auto bare = [](int type, int n_rows, int n_cols) { return DenseWeight{Buffer(), type, n_rows, n_cols}; };
  EXPECT_EQ(dense_n_tasks(bare(TERN_TYPE_F32, 512, 64), 1), 1);  // nothing worth waking a thread for
  EXPECT_EQ(dense_n_tasks(bare(TERN_TYPE_F32, 64, 172), 1), 1);
  EXPECT_EQ(dense_n_tasks(bare(TERN_TYPE_F32, 1, 1 << 20), 1), 1);
  EXPECT_EQ(dense_n_tasks(bare(TERN_TYPE_F32, 512, 64), 0), 0);
  const int head = dense_n_tasks(bare(TERN_TYPE_Q8_0, 128256, 2560), 1);
  EXPECT_GE(head, 128256LL * 2720 / (256 << 10));
  EXPECT_LE(head, 128256LL * 2720 / (128 << 10));
  EXPECT_GT(dense_n_tasks(bare(TERN_TYPE_F16, 4096, 256), 128), 16);
}

TEST(Dense, reads_the_memory_it_times) {
  Pool pool(2);
  for (Isa isa : isas()) {
    const double rate = read_bandwidth(pool, isa, 5 << 20, 3);  // which checks every pass's sum; no speed is asked for here
    EXPECT_TRUE(std::isfinite(rate) && rate > 0) << rate;
  }
}

}  // namespace
}  // namespace tern::cpu
