// The checks of `tern validate` on the cuda backend, emulated or on a GPU: some of every group pass, repeats have the same bits, memory and
// copies are verified, and a bit that is flipped between write and comparison is found.
#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <map>

#include "checks.h"
#include "core/plugin.h"

extern "C" const tern::Checks* tern_check_open(int32_t check_version, int32_t plugin_version, int32_t abi_version);

namespace tern {
namespace {

class CheckDevice : public ::testing::Test {
 protected:
  void SetUp() override {
    const char* const library = std::getenv("TERN_CUDA_LIBRARY");
    emulated_ = library && std::strstr(library, "simt");
    try {
      cuda = open_cuda_backend(0);
    } catch (const Error& e) {
      if (e.status() == TERN_ERR_UNAVAILABLE && !emulated_) GTEST_SKIP() << e.what();
      throw;
    }
    checks = tern_check_open(kCheckPluginVersion, kPluginVersion, TERN_ABI_VERSION);
    ASSERT_NE(checks, nullptr);
  }
  std::shared_ptr<Backend> cuda;
  const Checks* checks = nullptr;
  bool emulated_ = false;
};

TEST_F(CheckDevice, CasesOfEveryGroupPass) {
  std::map<std::string, int> n_here, n_tried;
  for (int i = 0; i < checks->n_cases(); i++) {
    const std::string group = checks->group(i);
    const int tried = n_tried[group]++;
    if (emulated_ && tried % 60 != 7) continue;  // an emulator takes its time
    const CheckResult r = checks->run_case(*cuda, i);
    EXPECT_NE(r.verdict, TERN_CHECK_FAILED) << group << ", " << checks->name(i) << ": " << r.text;
    n_here[group] += r.verdict == TERN_CHECK_PASSED;
  }
  for (const auto& [group, n] : n_tried) {
    if (n > 7) {
      EXPECT_GT(n_here[group], 0) << group;
    }
  }
}

TEST_F(CheckDevice, EveryTernaryKernelOfTheBackendHasCases) {
  std::map<std::string, int> passed;
  for (int i = 0; i < checks->n_cases(); i++)
    if (std::string(checks->group(i)) == "ternary kernels") {
      const std::string kernel = std::string(checks->name(i)).substr(0, std::string(checks->name(i)).find(' '));
      if (!passed.count(kernel)) passed[kernel] = checks->run_case(*cuda, i).verdict == TERN_CHECK_PASSED;
    }
  for (const char* kernel : {"dp4a", "lookup", "mma", "gemm"}) EXPECT_EQ(passed[kernel], 1) << kernel;
  EXPECT_EQ(passed["scalar"], 0) << "a kernel of the cpu";
}

TEST_F(CheckDevice, RepeatsHaveTheSameBits) {
  for (int what : {TERN_REPEAT_DENSE, TERN_REPEAT_TERNARY, TERN_REPEAT_PREFILL, TERN_REPEAT_DECODE}) {
    const CheckResult r = checks->repeat(*cuda, what, 1, 3);
    EXPECT_EQ(r.verdict, TERN_CHECK_PASSED) << what << ": " << r.text;
    EXPECT_GT(r.n_values, 0);
  }
}

TEST_F(CheckDevice, MemoryHoldsPatternsAndCopiesArrive) {
  for (PatternKind kind : {PatternKind::address, PatternKind::inverse, PatternKind::random}) {
    const CheckResult r = checks->memory(*cuda, (1 << 17) + 8, {kind, 77});
    EXPECT_EQ(r.verdict, TERN_CHECK_PASSED) << r.text;
  }
  const CheckResult r = checks->copies(*cuda, 1 << 16, 9);
  EXPECT_EQ(r.verdict, TERN_CHECK_PASSED) << r.text;
}

// The words are those that the host would write, and a flipped bit is found where it is.
TEST_F(CheckDevice, AFlippedBitInMemoryIsFound) {
  constexpr int64_t kWords = 5000, kWhere = 4321;
  const Pattern pattern = {PatternKind::random, 5};
  const Buffer data = cuda->allocate(kWords * 8, "a test");
  cuda->pattern_write(data.as<void>(), kWords, pattern);
  std::vector<uint64_t> words(kWords);
  cuda->download(words.data(), data.as<void>(), kWords * 8);
  for (int64_t i = 0; i < kWords; i++) ASSERT_EQ(words[size_t(i)], pattern_word(pattern, i)) << i;
  EXPECT_EQ(cuda->pattern_verify(data.as<void>(), kWords, pattern).n_wrong, 0);
  const uint64_t flipped = words[kWhere] ^ (uint64_t{1} << 63);
  cuda->upload(data.as<uint64_t>() + kWhere, &flipped, 8);
  const PatternFaults faults = cuda->pattern_verify(data.as<void>(), kWords, pattern);
  EXPECT_EQ(faults.n_wrong, 1);
  EXPECT_EQ(faults.index, kWhere);
  EXPECT_EQ(faults.found, flipped);
}

TEST_F(CheckDevice, LatenciesAreMeasured) {
  for (int what : {TERN_SPEED_LAUNCH, TERN_SPEED_STEP}) EXPECT_GT(checks->speed(*cuda, what).seconds, 0) << what;
}

}  // namespace
}  // namespace tern
