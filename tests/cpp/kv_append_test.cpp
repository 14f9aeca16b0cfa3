// Rows that several threads write to the cache at once. What is written is in attention_test.cpp.
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <random>
#include <vector>

#include "compare.h"
#include "core/pool.h"
#include "cpu/attention.h"
#include "tern.h"

namespace tern::cpu {
namespace {

TEST(KvAppend, ManyRowsOnSeveralThreadsAreWrittenAsOneByOne) {
  constexpr int kPages = 5, kHeadDim = 128, kSlots = kPages * TERN_PAGE_LEN;
  for (const int heads : {1, 3})
    for (const int n_rows : {1, 33, 300}) {
      std::mt19937_64 random(oracle::seed() + n_rows);
      std::normal_distribution<float> normal;
      const int dim = heads * kHeadDim;
      std::vector<float> k(size_t(n_rows) * dim), v(k.size());
      for (float& x : k) x = normal(random);
      for (float& x : v) x = normal(random);
      std::vector<int32_t> slots(kSlots);
      std::iota(slots.begin(), slots.end(), 0);
      std::shuffle(slots.begin(), slots.end(), random);
      Pool one(1), three(3);
      std::vector<uint16_t> together[2], alone[2];
      for (auto* half : {&together[0], &together[1], &alone[0], &alone[1]}) half->assign(size_t(kSlots) * dim, 0x7e00);
      kv_append(three, isa(), {together[0].data(), together[1].data(), TERN_TYPE_F16, heads, kHeadDim}, k.data(), dim, v.data(), dim,
                slots.data(), n_rows);
      for (int i = 0; i < n_rows; i++)
        kv_append(one, isa(), {alone[0].data(), alone[1].data(), TERN_TYPE_F16, heads, kHeadDim}, &k[size_t(i) * dim], dim, &v[size_t(i) * dim], dim,
                  &slots[size_t(i)], 1);
      EXPECT_EQ(together[0], alone[0]) << heads << " heads, " << n_rows << " rows";
      EXPECT_EQ(together[1], alone[1]) << heads << " heads, " << n_rows << " rows";
    }
}

}  // namespace
}  // namespace tern::cpu
