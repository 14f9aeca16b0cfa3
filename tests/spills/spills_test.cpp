// g++ 12 keeps the vectors of the CPU kernels' hot loops in registers (loops.h says what is seen and what is not).
#include <gtest/gtest.h>

#include <fstream>
#include <map>

#include "loops.h"

namespace {

struct Allowed {
  const char* file;
  const char* function;  // part of the name
  int n;                 // round trips and reloads in a loop, at most
};

// What g++ 12 is known to do, and why it may. dense_tile's parameters: lanes, type (2 Q4_0, 14 Q6_K, 42 Q2_0), tail, rows, activations.
constexpr Allowed kAllowed[] = {
    // 12 sums, 4 keys or values and a query: 17 for 16 registers. Only models with three queries a kv head get here.
    {"attention_avx2", "score_strip<3, 2, unsigned short,", 1},
    {"attention_avx2", "weigh_strip<3, 2, false, unsigned short,", 1},
    // One of 16 sums, in loops of 135 instructions and more.
    {"ternary_lookup_avx512", "block_sums<4, 4>", 2},
    // Several activations times codes that take constants to unpack: the tile's registers are all taken, and the constants and
    // scales are read from the stack in their place. In loops of 40 (Q4_0), 70 to 170 (Q2_0) and 330 to 880 (Q6_K) instructions.
    {"dense_avx2", "Lanes256, 2, false, 1, 3>", 2},
    {"dense_avx2", "Lanes256, 2, false, 2, 3>", 2},
    {"dense_avx2", "Lanes256, 42, false,", 10},
    {"dense_avx2", "Lanes256, 14, false,", 64},
    {"dense_avx512", "Lanes512, 42, false, 4,", 4},
    {"dense_avx512", "Lanes512, 14, false, 4, 6>", 113},
    {"dense_avx512", "Lanes512, 14, false, 4,", 46},
};

int allowed(const std::string& file, const std::string& function) {
  int n = 0;
  for (const Allowed& a : kAllowed)
    if (file == a.file && function.find(a.function) != function.npos) n = std::max(n, a.n);
  return n;
}

class Spills : public testing::Test {
 protected:
  void SetUp() override {
    if (*TERN_SPILLS_SKIPPED) GTEST_SKIP() << TERN_SPILLS_SKIPPED;
  }
};

TEST_F(Spills, AreFoundWherePlanted) {
  std::map<std::string, spills::Loop> loops;
  for (const spills::Loop& loop : spills::hot_loops(TERN_OBJDUMP, TERN_SPILLS_PLANTED)) loops[loop.function] = loop;
  ASSERT_EQ(loops.size(), 4u);
  EXPECT_GE(loops.at("planted_round_trips").n_round_trips, 8);  // 40 sums, 32 registers
  EXPECT_GE(loops.at("planted_reloads").n_reloads, 8);
  EXPECT_EQ(loops.at("planted_reloads").n_round_trips, 0);
  for (const char* name : {"planted_none", "planted_array"})
    EXPECT_EQ(loops.at(name).n_round_trips + loops.at(name).n_reloads, 0) << name;
}

TEST_F(Spills, AreNotInTheKernels) {
  std::ifstream list(TERN_SPILLS_OBJECTS);
  int n_files = 0;
  for (std::string object; std::getline(list, object);) {
    std::string file = object.substr(object.rfind('/') + 1);
    file = file.substr(0, file.find('.'));
    if (object.find("/cpu/") == object.npos || !std::regex_search(file, std::regex("_(avx2|avx512|amx)$"))) continue;
    n_files++;
    const std::vector<spills::Loop> loops = spills::hot_loops(TERN_OBJDUMP, object);
    if (std::regex_search(file, std::regex("^(ternary|dense|attention)_"))) {
      EXPECT_FALSE(loops.empty()) << file << " has no hot loop that this test could see";
    }
    for (const spills::Loop& loop : loops)
      EXPECT_LE(loop.n_round_trips + loop.n_reloads, allowed(file, loop.function))
          << file << ", " << loop.function << ", the loop at 0x" << std::hex << loop.head << std::dec << ": " << loop.n_round_trips
          << " round trips, " << loop.n_reloads << " reloads in " << loop.n_instructions << " instructions, " << loop.n_hot << " of them hot";
  }
  EXPECT_GE(n_files, 10);
}

}  // namespace
