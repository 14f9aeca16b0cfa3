#include "core/slab.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <random>
#include <thread>
#include <vector>

#include "core/memory.h"
#include "core/pool.h"
#include "oracle/compare.h"

namespace tern {
namespace {

struct Taken {
  uint8_t* data;
  int64_t n;
  uint8_t mark;
};

bool is_all(const uint8_t* data, int64_t n, uint8_t value) { return std::all_of(data, data + n, [value](uint8_t b) { return b == value; }); }

// Many takings and givings in any order: what is taken is zeroed and nobody else's.
void take_and_give(uint64_t seed, int n_turns) {
  std::mt19937_64 random(seed);
  std::vector<Taken> all;
  for (int turn = 0; turn < n_turns; turn++) {
    if (all.size() < 12 && random() % 5 != 0) {
      const int64_t n = 1 + int64_t(random() % (random() % 4 ? 300000 : 9 << 20));
      uint8_t* const data = slab_take(n);
      ASSERT_NE(data, nullptr);
      ASSERT_EQ(reinterpret_cast<uintptr_t>(data) % 64, 0u);
      ASSERT_TRUE(is_all(data, n, 0)) << "TERN_SEED=" << oracle::seed();
      const uint8_t mark = uint8_t(1 + random() % 255);
      std::memset(data, mark, size_t(n));
      all.push_back({data, n, mark});
    } else if (!all.empty()) {
      const size_t i = random() % 3 ? all.size() - 1 : random() % all.size();
      ASSERT_TRUE(is_all(all[i].data, all[i].n, all[i].mark)) << "TERN_SEED=" << oracle::seed();
      slab_give(all[i].data, all[i].n);
      all.erase(all.begin() + std::ptrdiff_t(i));
    }
  }
  for (const Taken& t : all) {
    ASSERT_TRUE(is_all(t.data, t.n, t.mark)) << "TERN_SEED=" << oracle::seed();
    slab_give(t.data, t.n);
  }
}

TEST(Slab, WhatIsTakenIsZeroedAndNobodyElses) { take_and_give(oracle::seed(), 300); }

TEST(Slab, ThreadsShareSlabs) {
  std::vector<std::thread> threads;
  for (uint64_t t = 0; t < 4; t++) threads.emplace_back([t] { take_and_give(oracle::seed() + t, 80); });
  for (std::thread& t : threads) t.join();
}

TEST(Slab, TheLastGivenBackIsTakenAgain) {
  uint8_t* const first = slab_take(1000);
  uint8_t* const second = slab_take(5 << 20);
  EXPECT_EQ(second, first + 1024);
  std::memset(second, 7, 5 << 20);
  slab_give(second, 5 << 20);
  uint8_t* const again = slab_take(6 << 20);
  EXPECT_EQ(again, second);
  EXPECT_TRUE(is_all(again, 6 << 20, 0));
  slab_give(first, 1000);
  slab_give(again, 6 << 20);
}

TEST(Slab, OneThatIsFullIsFollowedByAnother) {
  std::vector<uint8_t*> all;
  for (int i = 0; i < 10; i++) {
    all.push_back(slab_take(kSlabMost));
    ASSERT_NE(all.back(), nullptr);
    all.back()[0] = all.back()[kSlabMost - 1] = uint8_t(i + 1);
  }
  for (int i = 0; i < 10; i++) {
    EXPECT_EQ(all[size_t(i)][0], i + 1);
    EXPECT_EQ(all[size_t(i)][kSlabMost - 1], i + 1);
    slab_give(all[size_t(i)], kSlabMost);
  }
}

// Neighbours' bytes stay when pages that they share are made real.
TEST(Slab, BuffersOfWeightsLieInSlabs) {
  Pool pool(2);
  const int64_t before = native_bytes();
  std::vector<Buffer> all;
  int64_t total = 0;
  for (const int64_t n : {128 << 10, (128 << 10) + 1, 3 << 20, (2 << 20) - 64, 5000001, 64 << 20, (64 << 20) + 1}) {
    all.emplace_back(n, "a test", &pool);
    ASSERT_TRUE(is_all(all.back().as<uint8_t>(), n, 0));
    std::memset(all.back().as<uint8_t>(), int(all.size()), size_t(n));
    total += n;
    EXPECT_EQ(native_bytes() - before, total);
  }
  EXPECT_EQ(all[1].as<uint8_t>(), all[0].as<uint8_t>() + (128 << 10));
  for (size_t i = 0; i < all.size(); i++) EXPECT_TRUE(is_all(all[i].as<uint8_t>(), all[i].size(), uint8_t(i + 1)));
  Buffer moved = std::move(all[2]);
  EXPECT_TRUE(is_all(moved.as<uint8_t>(), moved.size(), 3));
  all.clear();
  moved = Buffer();
  EXPECT_EQ(native_bytes(), before);
}

}  // namespace
}  // namespace tern
