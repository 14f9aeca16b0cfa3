// Benchmarks of the CUDA backend, emulated or on a GPU (TERN_CUDA_LIBRARY): the counts are those of a walk, calls run, what is missing is said.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <cstring>

#include "bench/bench.h"
#include "cpp/bench_walk.h"

namespace tern {
namespace {

class BenchDevice : public ::testing::Test {
 protected:
  void SetUp() override {
    const char* const library = std::getenv("TERN_CUDA_LIBRARY");
    const bool emulated = library && std::strstr(library, "simt");  // which is always there
    if (tern_device_open("cuda", 0, &device_) == TERN_ERR_UNAVAILABLE && !emulated) GTEST_SKIP() << tern_last_error();
    ASSERT_NE(device_, nullptr) << tern_last_error();
  }
  void TearDown() override {
    tern_device_destroy(device_);
    EXPECT_EQ(tern_native_bytes(), bytes_);
  }

  int64_t bytes_ = tern_native_bytes();
  tern_device* device_ = nullptr;
};

constexpr int kKeptAlign = 64;  // columns that a dense row is padded to: these are multiples of it

TEST_F(BenchDevice, OpsCountWhatAWalkDoes) {
  std::vector<BenchCase> cases;
  const auto add = [&](int op, int type, int n_rows, int n_out, int n_in, int n_heads = 0, int n_kv_heads = 0, int head_dim = 0) {
    cases.push_back({sizeof(BenchCase), op, type, n_rows, n_out, n_in, n_heads, n_kv_heads, head_dim, 0, 0});
  };
  for (const int type : {TERN_TYPE_F16, TERN_TYPE_BF16, TERN_TYPE_I8}) {
    add(TERN_BENCH_ATTENTION_DECODE, type, 3, 0, 200, 8, 2, 64);
    add(TERN_BENCH_ATTENTION_PREFILL, type, 20, 0, 70, 4, 4, 64);
    add(TERN_BENCH_ROPE_APPEND, type, 3, 0, 0, 8, 2, 64);
  }
  for (const int type : {TERN_TYPE_F16, TERN_TYPE_BF16, TERN_TYPE_F32, TERN_TYPE_Q8_0}) {
    add(TERN_BENCH_DENSE, type, 3, 33, 4 * kKeptAlign);
    add(TERN_BENCH_EMBED, type, 3, 11, 4 * kKeptAlign);
  }
  add(TERN_BENCH_DENSE, TERN_TYPE_F16, 70, 33, kKeptAlign);
  add(TERN_BENCH_TERNARY, TERN_TYPE_TQ2_0, 1, 32, 256);
  add(TERN_BENCH_TERNARY, TERN_TYPE_TQ2_0, 9, 32, 256);
  add(TERN_BENCH_NORM_QUANTIZE, TERN_TYPE_F32, 3, 0, 256);
  add(TERN_BENCH_GATE_NORM_QUANTIZE, TERN_TYPE_F32, 3, 0, 256);
  add(TERN_BENCH_SAMPLE, TERN_TYPE_F32, 3, 0, 1000);
  for (const BenchCase& c : cases) {
    SCOPED_TRACE("op " + std::to_string(c.op) + ", type " + std::to_string(c.type) + ", rows " + std::to_string(c.n_rows));
    tern_bench* bench = nullptr;
    ASSERT_EQ(tern_bench_create(device_, &c, &bench), TERN_OK) << tern_last_error();
    tern_bench_counts counts = {};
    counts.struct_size = sizeof counts;
    ASSERT_EQ(tern_bench_count(bench, &counts), TERN_OK);
    const walk::Count expected = walk::count(c, BenchBatch(c), 2);
    EXPECT_EQ(counts.ops, expected.ops);
    EXPECT_EQ(counts.bytes_written, expected.written);
    const int64_t ternary_bytes = c.op == TERN_BENCH_TERNARY ? int64_t(c.n_out) * c.n_in / 4 + c.n_out * 4 : 0;  // two bits, a float a row
    EXPECT_EQ(counts.bytes_read, expected.read + ternary_bytes);
    double seconds = 0;
    EXPECT_EQ(tern_bench_run(bench, 2, &seconds), TERN_OK) << tern_last_error();
    EXPECT_GT(seconds, 0);
    tern_bench_destroy(bench);
  }
}

TEST_F(BenchDevice, ColdCallsTakeTurns) {
  const BenchCase c = {sizeof(BenchCase), TERN_BENCH_NORM_QUANTIZE, TERN_TYPE_F32, 64, 0, 4096, 0, 0, 0, 1, 0};
  tern_bench* bench = nullptr;
  ASSERT_EQ(tern_bench_create(device_, &c, &bench), TERN_OK) << tern_last_error();
  tern_bench_counts counts = {};
  counts.struct_size = sizeof counts;
  ASSERT_EQ(tern_bench_count(bench, &counts), TERN_OK);
  int64_t cache = 0;
  ASSERT_EQ(tern_bench_cache_bytes(device_, &cache), TERN_OK);
  EXPECT_GE(counts.data_bytes, 2 * cache);
  EXPECT_GT(counts.n_sets, 1);
  tern_bench_destroy(bench);
}

TEST_F(BenchDevice, OpsThatAreMissingAreUnsupported) {
  const BenchCase c = {sizeof(BenchCase), TERN_BENCH_ATTENTION_DECODE, TERN_TYPE_F32, 1, 0, 9, 1, 1, 8, 0, 0};
  tern_bench* bench = nullptr;
  EXPECT_EQ(tern_bench_create(device_, &c, &bench), TERN_ERR_UNSUPPORTED);
  EXPECT_EQ(bench, nullptr);
}

TEST_F(BenchDevice, ThereIsNoChoiceOfKernels) {
  EXPECT_EQ(tern_bench_kernel_name(device_, TERN_BENCH_TERNARY, 1), nullptr);
  BenchCase c = {sizeof(BenchCase), TERN_BENCH_TERNARY, TERN_TYPE_TQ2_0, 1, 128, 256, 0, 0, 0, 0, 0};
  EXPECT_EQ(tern_bench_check(device_, &c), TERN_OK) << tern_last_error();
  c.kernel = 1;
  EXPECT_EQ(tern_bench_check(device_, &c), TERN_ERR_INVALID_ARGUMENT);
}

TEST_F(BenchDevice, CeilingsAreNumbers) {
  double rate = 0;
  for (const int peak : {TERN_PEAK_F32, TERN_PEAK_HALF, TERN_PEAK_INT8}) {
    ASSERT_EQ(tern_bench_peak(device_, peak, &rate), TERN_OK) << tern_last_error();
    EXPECT_TRUE(std::isfinite(rate) && rate > 0) << rate;
  }
  ASSERT_EQ(tern_bench_copy_bandwidth(device_, 1 << 20, 2, &rate), TERN_OK);
  EXPECT_TRUE(std::isfinite(rate) && rate > 0) << rate;
}

}  // namespace
}  // namespace tern
