#include "cpu/weight_cpu.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <random>
#include <utility>
#include <vector>

#include "core/pool.h"
#include "cpu/task_share.h"
#include "oracle/compare.h"
#include "oracle/ternary_oracle.h"
#include "ternary/decode.h"

namespace tern::cpu {
namespace {

// The sums of one activation row by a weight.
std::vector<int32_t> sums(const TernaryWeight& w, std::vector<int8_t> q) {
  int32_t sum = 0;
  for (int8_t x : q) sum += x;
  float scale = 1;
  const QuantRows a{q.data(), &scale, &sum, static_cast<int>(q.size())};
  Pool pool(1);
  const Buffer scratch(w.scratch_bytes(1), "a test");
  w.prepare(pool, a, 1, scratch.as<void>());
  std::vector<int32_t> out(static_cast<size_t>(w.n_rows()));
  for (int task = 0; task < w.n_tasks(1); task++) w.run_task_int32(task, a, 1, scratch.as<void>(), out.data());
  return out;
}

// Rows packed by four arrive in pieces that begin and end anywhere in their quarters.
TEST(CpuWeight, RowsPackedByFourComeInAnyPieces) {
  constexpr int n_rows = 172, n_cols = 192, n_packed = n_rows / 4;
  std::mt19937_64 random(oracle::seed());
  const auto trits = oracle::random_trits(random, size_t(n_rows) * n_cols);
  std::vector<uint8_t> packed(size_t(n_packed) * n_cols);
  std::vector<float> floats(trits.begin(), trits.end());
  for (int r = 0; r < n_rows; r++)
    for (int c = 0; c < n_cols; c++) packed[size_t(r % n_packed) * n_cols + c] |= uint8_t((trits[size_t(r) * n_cols + c] + 1) << r / n_packed * 2);
  std::vector<int8_t> q(n_cols);
  for (int8_t& x : q) x = int8_t(random());
  Pool pool(2);
  CpuWeight expected(pool, TERN_TYPE_F32, TERN_STORE_TERNARY, n_rows, n_cols, 1, false, "scalar");
  expected.append_rows(n_rows, floats.data(), int64_t(floats.size()) * 4);
  for (const int piece : {1, 5, 43, 44, 100, 172}) {
    CpuWeight w(pool, TERN_TYPE_HF_PACKED, TERN_STORE_TERNARY, n_rows, n_cols, 1, false, "scalar");
    for (int row = 0; row < n_rows; row += piece) {
      const int n = std::min(piece, n_rows - row);
      std::vector<uint8_t> bytes(size_t(n) * n_cols);
      for (int i = 0; i < n; i++) std::memcpy(&bytes[size_t(i) * n_cols], &packed[size_t((row + i) % n_packed) * n_cols], n_cols);
      w.append_rows(n, bytes.data(), int64_t(bytes.size()));
    }
    ASSERT_TRUE(w.complete());
    EXPECT_EQ(sums(w.ternary_weight(), q), sums(expected.ternary_weight(), q)) << "pieces of " << piece << ", TERN_SEED=" << oracle::seed();
  }
}

// How a weight that no cache holds is streamed is known when it is whole.
TEST(CpuWeight, LargeDenseRowsAreTimedWhenTheyAreWhole) {
  constexpr int n_rows = 9000, n_cols = 2560;
  Pool pool(2);
  CpuWeight w(pool, TERN_TYPE_Q6_K, TERN_STORE_DENSE, n_rows, n_cols, 1, false, "", nullptr);
  const std::vector<uint8_t> rows(size_t(row_bytes(TERN_TYPE_Q6_K, n_cols)) * n_rows / 2);
  w.append_rows(n_rows / 2, rows.data(), int64_t(rows.size()));
  EXPECT_EQ(w.dense().stream_rows, 0);
  w.append_rows(n_rows / 2, rows.data(), int64_t(rows.size()));
  EXPECT_GE(w.dense().stream_rows, 1);
  EXPECT_LE(w.dense().stream_rows, 2);
}

// The tasks of all weights, one list: a share begins where that list says.
TEST(TaskShare, IsThatOfTheListOfAllTasks) {
  const std::vector<std::vector<int>> lists = {{}, {0}, {1}, {7}, {0, 3}, {5, 0, 2}, {13, 3, 3}, {1, 1, 1, 1}, {36, 36}};
  for (const std::vector<int>& n_tasks : lists)
    for (int n_threads : {1, 2, 3, 5, 64}) {
      std::vector<std::pair<int, int>> all;  // weight, its task
      for (size_t i = 0; i < n_tasks.size(); i++)
        for (int task = 0; task < n_tasks[i]; task++) all.emplace_back(int(i), task);
      const int total = int(all.size());
      for (int thread = 0; thread < n_threads; thread++) {
        const TaskShare share = task_share(n_tasks.data(), int(n_tasks.size()), n_threads, thread);
        const int first = Pool::first_task(total, n_threads, thread), end = Pool::first_task(total, n_threads, thread + 1);
        if (first == total) {
          EXPECT_EQ(share.weight, int(n_tasks.size()));
          continue;
        }
        EXPECT_EQ(std::make_pair(share.weight, share.first), all[size_t(first)]);
        const int n_own = int(std::count_if(all.begin() + first, all.begin() + end, [&](const auto& t) { return t.first == share.weight; }));
        EXPECT_EQ(share.end - share.first, n_own);
      }
    }
}

}  // namespace
}  // namespace tern::cpu
