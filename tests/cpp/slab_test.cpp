#include "core/slab.h"

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <random>
#include <thread>
#include <utility>
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
      slab_give(all[i].data, all[i].n, true);
      all.erase(all.begin() + std::ptrdiff_t(i));
    }
  }
  for (const Taken& t : all) {
    ASSERT_TRUE(is_all(t.data, t.n, t.mark)) << "TERN_SEED=" << oracle::seed();
    slab_give(t.data, t.n, true);
  }
}

TEST(Slab, WhatIsTakenIsZeroedAndNobodyElses) { take_and_give(oracle::seed(), 300); }

TEST(Slab, ThreadsShareSlabs) {
  std::vector<std::thread> threads;
  for (uint64_t t = 0; t < 4; t++) threads.emplace_back([t] { take_and_give(oracle::seed() + t, 80); });
  for (std::thread& t : threads) t.join();
}

TEST(Slab, WhatIsGivenBackIsTakenAgain) {
  uint8_t* const first = slab_take(1000);
  uint8_t* const second = slab_take(5 << 20);
  uint8_t* const third = slab_take(3);
  EXPECT_GE(second, first + 1000 + 64);
  EXPECT_GE(third, second + (5 << 20) + 64);
  for (int turn = 0; turn < 2; turn++) {
    std::memset(second, 7, 5 << 20);
    slab_give(second, 5 << 20, true);
    EXPECT_EQ(slab_take(5 << 20), second);
    EXPECT_TRUE(is_all(second, 5 << 20, 0));
  }
  slab_give(third, 3, true);
  slab_give(second, 5 << 20, true);
  EXPECT_EQ(slab_take(9 << 20), second);
  slab_give(first, 1000, true);
  slab_give(second, 9 << 20, true);
}

TEST(Slab, NothingAndTooMuchAreRefused) {
  EXPECT_EQ(slab_take(0), nullptr);
  EXPECT_EQ(slab_take(-1), nullptr);
  EXPECT_EQ(slab_take(kSlabMost + 1), nullptr);
}

// Bytes of memory behind addresses.
int64_t resident(const uint8_t* data, int64_t n_bytes) {
  uint8_t* const page = const_cast<uint8_t*>(data) - reinterpret_cast<uintptr_t>(data) % 4096;
  std::vector<unsigned char> there(size_t((data + n_bytes - page + 4095) / 4096));
  if (mincore(page, size_t(data + n_bytes - page), there.data()) != 0) return -1;
  return 4096 * std::count_if(there.begin(), there.end(), [](unsigned char c) { return c & 1; });
}

// Two models share slabs; when one goes, so does its memory, but for the parts of huge pages at its ends.
TEST(Slab, MemoryComesBackWhenTheOthersStay) {
  Pool pool(2);
  std::vector<Buffer> mine, others;
  for (int i = 0; i < 12; i++) {
    mine.emplace_back(1 << 20, "a test", &pool);
    mine.emplace_back(4400000, "a test", &pool);
    if (i % 4 == 3) others.emplace_back(200000, "a test", &pool);
  }
  std::vector<std::pair<const uint8_t*, int64_t>> was;
  int64_t before = 0, after = 0;
  for (const Buffer& b : mine) {
    was.emplace_back(b.as<uint8_t>(), b.size());
    before += resident(b.as<uint8_t>(), b.size());
  }
  EXPECT_GE(before, 12 * (1 << 20) + 12 * 4400000);
  mine.clear();  // in the order of taking
  for (const auto& w : was) after += resident(w.first, w.second);
  EXPECT_LE(after, before / 5) << before;
  for (const Buffer& b : others) EXPECT_TRUE(is_all(b.as<uint8_t>(), b.size(), 0));
}

// What the system does not take back, as locked pages, is zeroed.
TEST(Slab, LockedMemoryIsZeroForWhoComesNext) {
  constexpr int64_t n = 8 << 20;
  uint8_t *const stays = slab_take(200000), *const goes = slab_take(n);
  ASSERT_TRUE(stays && goes);
  std::memset(goes, 0xff, n);
  uint8_t* const page = goes + (n / 2 - int64_t(reinterpret_cast<uintptr_t>(goes + n / 2) % 4096));
  if (mlock(page, 4096) != 0) {
    slab_give(goes, n, true);
    slab_give(stays, 200000, true);
    GTEST_SKIP() << "the system locks no page";
  }
  slab_give(goes, n, true);
  EXPECT_EQ(slab_take(n), goes);
  EXPECT_TRUE(is_all(goes, n, 0));
  munlock(page, 4096);
  slab_give(goes, n, true);
  slab_give(stays, 200000, true);
}

TEST(Slab, WhatWasNeverWrittenIsGivenBackUnwritten) {
  constexpr int64_t n = 8 << 20;
  uint8_t *const stays = slab_take(200000), *const goes = slab_take(n);
  ASSERT_TRUE(stays && goes);
  stays[199999] = 1;
  slab_give(goes, n, false);
  EXPECT_EQ(resident(goes + (4 << 20), 2 << 20), 0);
  EXPECT_EQ(slab_take(n), goes);
  EXPECT_TRUE(is_all(goes, n, 0));
  EXPECT_EQ(stays[199999], 1);
  slab_give(goes, n, true);
  slab_give(stays, 200000, true);
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
    slab_give(all[size_t(i)], kSlabMost, true);
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
  for (size_t i = 0; i < all.size(); i++) EXPECT_TRUE(is_all(all[i].as<uint8_t>(), all[i].size(), uint8_t(i + 1)));
  Buffer moved = std::move(all[2]);
  EXPECT_TRUE(is_all(moved.as<uint8_t>(), moved.size(), 3));
  all.clear();
  moved = Buffer();
  EXPECT_EQ(native_bytes(), before);
}

}  // namespace
}  // namespace tern
