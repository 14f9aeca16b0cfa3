// Benchmarks count what an independent walk over the problem counts, time what writes its results, and refuse what is no case.
#include "bench/bench.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "bench/bench_cases.h"
#include "core/status.h"
#include "cpu/ternary.h"
#include "cpp/bench_walk.h"
#include "ternary/decode.h"

namespace tern {
namespace {

BenchCase bench_case(int op, int type, int n_rows, int n_out, int n_in, int n_heads = 0, int n_kv_heads = 0, int head_dim = 0) {
  return {sizeof(BenchCase), op, type, n_rows, n_out, n_in, n_heads, n_kv_heads, head_dim, 0, 0};
}

std::vector<BenchCase> small_cases() {
  std::vector<BenchCase> all;
  for (int type : {TERN_TYPE_F16, TERN_TYPE_F32}) {
    for (int rows : {1, 3})
      for (int keys : {1, 64, 65, 200}) all.push_back(bench_case(TERN_BENCH_ATTENTION_DECODE, type, rows, 0, keys, 10, 2, 40));
    for (int keys : {20, 21, 150}) all.push_back(bench_case(TERN_BENCH_ATTENTION_PREFILL, type, 20, 0, keys, 4, 4, 16));
    for (int rows : {1, 17, 70}) all.push_back(bench_case(TERN_BENCH_ROPE_APPEND, type, rows, 0, 0, 6, 3, 24));
  }
  for (int type : {TERN_TYPE_F32, TERN_TYPE_F16, TERN_TYPE_BF16, TERN_TYPE_Q8_0, TERN_TYPE_Q4_0, TERN_TYPE_Q6_K})
    for (int rows : {1, 5}) {
      all.push_back(bench_case(TERN_BENCH_DENSE, type, rows, 33, 512));
      all.push_back(bench_case(TERN_BENCH_EMBED, type, rows, 11, 256));
    }
  for (int rows : {1, 9}) {
    all.push_back(bench_case(TERN_BENCH_TERNARY, TERN_TYPE_TQ2_0, rows, 130, 512));
    all.push_back(bench_case(TERN_BENCH_TERNARY, TERN_TYPE_F32, rows, 5, 77));
    all.push_back(bench_case(TERN_BENCH_NORM_QUANTIZE, TERN_TYPE_F32, rows, 0, 128));
    all.push_back(bench_case(TERN_BENCH_GATE_NORM_QUANTIZE, TERN_TYPE_F32, rows, 0, 256));
    all.push_back(bench_case(TERN_BENCH_SAMPLE, TERN_TYPE_F32, rows, 0, 1000));
  }
  return all;
}

std::string describe(const BenchCase& c) {
  return "op " + std::to_string(c.op) + ", type " + std::to_string(c.type) + ", rows " + std::to_string(c.n_rows) + ", out " +
         std::to_string(c.n_out) + ", in " + std::to_string(c.n_in);
}

class BenchTest : public ::testing::Test {
 protected:
  void SetUp() override {
    bytes_ = tern_native_bytes();
    device_ = std::make_shared<Device>();
    device_->backend = open_cpu_backend(2);
    ASSERT_EQ(tern_device_open("cpu", 2, &handle_), TERN_OK);
  }
  void TearDown() override {
    tern_device_destroy(handle_);
    device_ = nullptr;
    EXPECT_EQ(tern_native_bytes(), bytes_);
  }
  // The status of making and running the case through the ABI.
  int32_t status(const BenchCase& c) {
    tern_bench* bench = nullptr;
    const int32_t s = tern_bench_create(handle_, &c, &bench);
    EXPECT_EQ(bench != nullptr, s == TERN_OK);
    tern_bench_destroy(bench);
    return s;
  }

  std::shared_ptr<Device> device_;
  tern_device* handle_ = nullptr;
  int64_t bytes_ = 0;
};

TEST_F(BenchTest, counts_are_those_of_a_walk) {
  for (const BenchCase& c : small_cases()) {
    SCOPED_TRACE(describe(c));
    const Bench bench(device_, c);
    const walk::Count expected = walk::count(c, bench.batch(), 4);
    EXPECT_EQ(bench.counts().ops, expected.ops);
    EXPECT_EQ(bench.counts().bytes_written, expected.written);
    const int64_t weight_bytes = bench.counts().bytes_read - expected.read;
    if (c.op == TERN_BENCH_TERNARY) {  // 1.6 bits or 2, in tiles of up to 128 rows and 128 columns, and a float a row: which, the plan measures
      const int64_t n_rows = (c.n_out + 127) / 128 * 128, n_cols = (c.n_in + 127) / 128 * 128;
      EXPECT_GE(weight_bytes, int64_t(c.n_out) * c.n_in / 5 + c.n_out * 4);
      EXPECT_LE(weight_bytes, n_rows * n_cols / 4 + c.n_out * 4);
    } else if (c.op == TERN_BENCH_DENSE && int8_group(c.type) && weight_bytes) {  // in tiles of 32 rows
      EXPECT_EQ(weight_bytes, int64_t((c.n_out + 31) / 32 * 32 - c.n_out) * row_bytes(c.type, c.n_in));
    } else {
      EXPECT_EQ(weight_bytes, 0);
    }
  }
}

// A byte of the results that does not keep one of three values which it had before was written.
TEST_F(BenchTest, bytes_written_are_those_that_change) {
  for (const BenchCase& c : small_cases()) {
    if (c.op == TERN_BENCH_SAMPLE) continue;  // results come back with the step
    SCOPED_TRACE(describe(c));
    Bench bench(device_, c);
    const std::vector<BenchResult> results = bench.results();
    std::vector<std::vector<bool>> written;
    for (const BenchResult& r : results) written.emplace_back(static_cast<size_t>(r.size));
    for (const int before : {0xff, 0, 0x55}) {
      for (const BenchResult& r : results) std::memset(r.data, before, static_cast<size_t>(r.size));
      EXPECT_GT(bench.run(1), 0);
      for (size_t i = 0; i < results.size(); i++)
        for (size_t b = 0; b < written[i].size(); b++)
          if (static_cast<uint8_t*>(results[i].data)[b] != before) written[i][b] = true;
    }
    int64_t n_written = 0;
    for (const std::vector<bool>& w : written) n_written += std::count(w.begin(), w.end(), true);
    EXPECT_EQ(n_written, bench.counts().bytes_written);
  }
}

TEST_F(BenchTest, an_unwritten_result_is_found) {
  std::vector<float> x(5, 1);
  const BenchResult floats = {x.data(), 20, BenchResult::floats}, bytes = {x.data(), 20, BenchResult::bytes};
  EXPECT_NO_THROW(check_written(*device_->backend, floats));
  x[4] = std::nanf("");
  EXPECT_THROW(check_written(*device_->backend, floats), Error);
  EXPECT_NO_THROW(check_written(*device_->backend, bytes));
  poison(*device_->backend, bytes);
  EXPECT_THROW(check_written(*device_->backend, bytes), Error);
  std::vector<uint16_t> h(3, 0x3c00);
  const BenchResult halves = {h.data(), 6, BenchResult::halves};
  EXPECT_NO_THROW(check_written(*device_->backend, halves));
  h[1] = 0x7fff;
  EXPECT_THROW(check_written(*device_->backend, halves), Error);
}

TEST_F(BenchTest, cold_calls_take_turns) {
  BenchCase c = bench_case(TERN_BENCH_NORM_QUANTIZE, TERN_TYPE_F32, 512, 0, 2048);
  c.cold = 1;
  Bench bench(device_, c);
  EXPECT_GE(bench.counts().data_bytes, 2 * device_->backend->meter().cache_bytes());
  EXPECT_GT(bench.counts().n_sets, 1);
  EXPECT_GT(bench.run(bench.counts().n_sets + 1), 0);
}

TEST_F(BenchTest, what_is_no_case_is_refused) {
  const BenchCase good = bench_case(TERN_BENCH_DENSE, TERN_TYPE_F16, 2, 3, 64), heads = bench_case(TERN_BENCH_ATTENTION_PREFILL, TERN_TYPE_F16, 2, 0, 3, 4, 2, 8);
  ASSERT_EQ(status(good), TERN_OK);
  ASSERT_EQ(status(heads), TERN_OK);
  const auto refused = [&](BenchCase c, int32_t BenchCase::* field, std::initializer_list<int32_t> values) {
    for (const int32_t value : values) {
      c.*field = value;
      EXPECT_EQ(status(c), TERN_ERR_INVALID_ARGUMENT) << describe(c) << ": " << value;
    }
  };
  refused(good, &BenchCase::op, {-1, TERN_BENCH_COUNT});
  refused(good, &BenchCase::type, {-1, 999});
  refused(good, &BenchCase::n_rows, {0, -1, 1 << 17, INT32_MAX});
  refused(good, &BenchCase::n_out, {0, -1, INT32_MAX});
  refused(good, &BenchCase::n_in, {0, -1, INT32_MAX});
  refused(good, &BenchCase::n_heads, {1});
  refused(good, &BenchCase::n_kv_heads, {1});
  refused(good, &BenchCase::head_dim, {8});
  refused(good, &BenchCase::cold, {-1, 2});
  refused(heads, &BenchCase::n_in, {1, 0});  // fewer keys than rows
  refused(heads, &BenchCase::n_kv_heads, {0, 3, 8});
  refused(heads, &BenchCase::head_dim, {0, 4, 12, 264});
  refused(heads, &BenchCase::type, {TERN_TYPE_Q8_0});
  refused(bench_case(TERN_BENCH_DENSE, TERN_TYPE_Q8_0, 1, 1, 64), &BenchCase::n_in, {33});
  refused(bench_case(TERN_BENCH_SAMPLE, TERN_TYPE_F32, 1, 0, 9), &BenchCase::type, {TERN_TYPE_F16});
  refused(bench_case(TERN_BENCH_EMBED, TERN_TYPE_F32, 1, 2, 9), &BenchCase::n_rows, {3});
  BenchCase c = good;
  c.struct_size = 4;
  EXPECT_EQ(status(c), TERN_ERR_INVALID_ARGUMENT);
}

TEST_F(BenchTest, kernels_are_chosen_by_number) {
  std::vector<std::string> names;
  for (int i = 1; tern_bench_kernel_name(handle_, TERN_BENCH_TERNARY, i); i++) names.push_back(tern_bench_kernel_name(handle_, TERN_BENCH_TERNARY, i));
  EXPECT_EQ(names, cpu::ternary_kernels());
  EXPECT_EQ(tern_bench_kernel_name(handle_, TERN_BENCH_TERNARY, 0), nullptr);
  EXPECT_EQ(tern_bench_kernel_name(handle_, TERN_BENCH_TERNARY, -1), nullptr);
  EXPECT_EQ(tern_bench_kernel_name(handle_, TERN_BENCH_DENSE, 1), nullptr);
  EXPECT_EQ(tern_bench_kernel_name(handle_, TERN_BENCH_COUNT, 1), nullptr);
  BenchCase c = bench_case(TERN_BENCH_TERNARY, TERN_TYPE_TQ2_0, 3, 130, 512);
  std::vector<uint8_t> first;
  for (size_t i = 0; i < names.size(); i++) {
    c.kernel = static_cast<int32_t>(i + 1);
    EXPECT_EQ(tern_bench_check(handle_, &c), TERN_OK);
    Bench bench(device_, c);
    EXPECT_EQ(bench.kernel(), names[i]);
    EXPECT_GT(bench.run(2), 0);
    const BenchResult result = bench.results()[0];
    std::vector<uint8_t> bytes(static_cast<uint8_t*>(result.data), static_cast<uint8_t*>(result.data) + result.size);
    if (i == 0) first = bytes;
    EXPECT_EQ(bytes, first) << names[i];  // ternary sums are exact: the same bits, whichever kernel
  }
  for (const int number : {-1, static_cast<int>(names.size()) + 1}) {
    c.kernel = number;
    EXPECT_EQ(tern_bench_check(handle_, &c), TERN_ERR_INVALID_ARGUMENT);
    EXPECT_EQ(status(c), TERN_ERR_INVALID_ARGUMENT);
  }
  BenchCase dense = bench_case(TERN_BENCH_DENSE, TERN_TYPE_F16, 2, 3, 64);
  EXPECT_EQ(tern_bench_check(handle_, &dense), TERN_OK);
  dense.kernel = 1;
  EXPECT_EQ(tern_bench_check(handle_, &dense), TERN_ERR_INVALID_ARGUMENT);
}

// Each within what a case may say, and more than any machine has; those that are made on the host first among them.
TEST_F(BenchTest, what_does_not_fit_is_refused_before_memory_is_touched) {
  constexpr int kRows = 1 << 16, kDim = 1 << 22;
  for (const BenchCase& c :
       {bench_case(TERN_BENCH_NORM_QUANTIZE, TERN_TYPE_F32, kRows, 0, kDim), bench_case(TERN_BENCH_GATE_NORM_QUANTIZE, TERN_TYPE_F32, kRows, 0, kDim),
        bench_case(TERN_BENCH_SAMPLE, TERN_TYPE_F32, kRows, 0, kDim), bench_case(TERN_BENCH_DENSE, TERN_TYPE_Q8_0, kRows, 1, kDim),
        bench_case(TERN_BENCH_DENSE, TERN_TYPE_Q8_0, 1, 1 << 24, kDim), bench_case(TERN_BENCH_EMBED, TERN_TYPE_Q8_0, 1, 1 << 24, kDim)}) {
    EXPECT_EQ(status(c), TERN_ERR_OUT_OF_MEMORY) << describe(c) << ": " << tern_last_error();
    EXPECT_EQ(tern_bench_check(handle_, &c), TERN_OK);
  }
  EXPECT_THROW(random_floats(int64_t(1) << 48, 1), Error);
  EXPECT_THROW(random_floats(int64_t(1) << 62, 1), Error);  // whose bytes are more than 64 bits count
}

TEST_F(BenchTest, what_the_device_lacks_is_unsupported) {
  for (const BenchCase& c : {bench_case(TERN_BENCH_ATTENTION_DECODE, TERN_TYPE_BF16, 1, 0, 9, 1, 1, 8), bench_case(TERN_BENCH_ROPE_APPEND, TERN_TYPE_I8, 1, 0, 0, 1, 1, 8),
                             bench_case(TERN_BENCH_DENSE, TERN_TYPE_TQ1_0, 1, 1, 256), bench_case(TERN_BENCH_TERNARY, TERN_TYPE_TQ1_0, 1, 1, 256)}) {
    EXPECT_EQ(status(c), TERN_ERR_UNSUPPORTED) << describe(c);
    EXPECT_NE(std::strlen(tern_last_error()), 0u);
  }
  double rate = 0;
  EXPECT_EQ(tern_bench_peak(handle_, TERN_PEAK_HALF, &rate), TERN_ERR_UNSUPPORTED);
}

TEST_F(BenchTest, calls_are_counted) {
  const BenchCase c = bench_case(TERN_BENCH_EMBED, TERN_TYPE_F32, 1, 2, 8);
  tern_bench* bench = nullptr;
  ASSERT_EQ(tern_bench_create(handle_, &c, &bench), TERN_OK);
  double seconds = -1;
  for (const int n : {0, -1, TERN_BENCH_MAX_CALLS + 1}) EXPECT_EQ(tern_bench_run(bench, n, &seconds), TERN_ERR_INVALID_ARGUMENT);
  EXPECT_EQ(tern_bench_run(bench, 1, nullptr), TERN_ERR_INVALID_ARGUMENT);
  EXPECT_EQ(seconds, -1);
  EXPECT_EQ(tern_bench_run(bench, TERN_BENCH_MAX_CALLS, &seconds), TERN_OK);
  EXPECT_GT(seconds, 0);
  tern_bench_counts counts = {};
  EXPECT_EQ(tern_bench_count(bench, &counts), TERN_ERR_INVALID_ARGUMENT);
  tern_bench_destroy(bench);
}

TEST_F(BenchTest, every_default_case_is_one) {
  for (const bool gpu : {false, true})
    for (BenchCase c : bench_cases(gpu)) {
      EXPECT_GE(c.n_rows, 1);
      EXPECT_EQ(c.cold, 0);
      c.n_rows = std::min(c.n_rows, 2);
      c.n_out = std::min(c.n_out, 16);
      if (c.n_heads) c.n_in = std::min(c.n_in, 70);
      if (gpu && (c.type == TERN_TYPE_BF16 || c.type == TERN_TYPE_I8) && c.n_heads) c.type = TERN_TYPE_F16;
      EXPECT_EQ(status(c), TERN_OK) << describe(c) << ": " << tern_last_error();
    }
  ASSERT_EQ(tern_bench_n_defaults(handle_), static_cast<int>(bench_cases(false).size()));
  BenchCase c = {};
  EXPECT_EQ(tern_bench_default(handle_, 0, &c), TERN_ERR_INVALID_ARGUMENT);
  c.struct_size = sizeof c;
  EXPECT_EQ(tern_bench_default(handle_, tern_bench_n_defaults(handle_), &c), TERN_ERR_INVALID_ARGUMENT);
  EXPECT_EQ(tern_bench_default(handle_, 0, &c), TERN_OK);
  EXPECT_EQ(std::memcmp(&c, &bench_cases(false)[0], sizeof c), 0);
}

TEST_F(BenchTest, ceilings_are_numbers) {
  double rate = 0;
  for (const int peak : {TERN_PEAK_F32, TERN_PEAK_INT8}) {
    ASSERT_EQ(tern_bench_peak(handle_, peak, &rate), TERN_OK);
    EXPECT_TRUE(std::isfinite(rate) && rate > 0) << rate;
  }
  EXPECT_EQ(tern_bench_peak(handle_, TERN_PEAK_COUNT, &rate), TERN_ERR_INVALID_ARGUMENT);
  ASSERT_EQ(tern_bench_copy_bandwidth(handle_, (3 << 20) + 1, 3, &rate), TERN_OK);
  EXPECT_TRUE(std::isfinite(rate) && rate > 0) << rate;
  EXPECT_EQ(tern_bench_copy_bandwidth(handle_, 0, 3, &rate), TERN_ERR_INVALID_ARGUMENT);
  EXPECT_EQ(tern_bench_copy_bandwidth(handle_, 1, 0, &rate), TERN_ERR_INVALID_ARGUMENT);
  int64_t n = 0;
  EXPECT_EQ(tern_bench_cache_bytes(handle_, &n), TERN_OK);
  EXPECT_GT(n, 0);
}

}  // namespace
}  // namespace tern
