// The checks of `tern validate` on the cpu backend: they pass on it, and on a device that errs the right one fails and says where.
#include <gtest/gtest.h>

#include <cstring>
#include <set>

#include "checks.h"
#include "core/plugin.h"

extern "C" const tern::Checks* tern_check_open(int32_t check_version, int32_t plugin_version, int32_t abi_version);

namespace tern {
namespace {

const Checks& checks() {
  static const Checks* const all = tern_check_open(kCheckPluginVersion, kPluginVersion, TERN_ABI_VERSION);
  return *all;
}

// A device that computes as the cpu does, but now and then flips one bit.
class FaultyBackend final : public Backend {
 public:
  explicit FaultyBackend(Backend& sound) : sound_(sound) {}

  int wrong_download = -1;  // the number of the download one bit of which is flipped
  int64_t wrong_bit = 0;
  int wrong_upload = -1;
  int wrong_pattern = -1;   // the number of the write of a pattern after which a bit of it is flipped
  int n_downloads = 0, n_uploads = 0, n_patterns = 0;

  std::string describe() override { return sound_.describe(); }
  int n_threads() const override { return sound_.n_threads(); }
  void set_threads(int n) override { sound_.set_threads(n); }
  Buffer allocate(int64_t n, const char* purpose) override { return sound_.allocate(n, purpose); }
  bool host_memory() const override { return sound_.host_memory(); }
  void upload(void* to, const void* host, int64_t n) override {
    sound_.upload(to, host, n);
    if (n && n_uploads++ == wrong_upload) flip(to, n);
  }
  void download(void* host, const void* from, int64_t n) override {
    sound_.download(host, from, n);
    if (n && n_downloads++ == wrong_download) flip(host, n);
  }
  std::unique_ptr<Weight> create_weight(int type, int store, int rows, int cols, float scale, bool vector) override {
    return sound_.create_weight(type, store, rows, cols, scale, vector);
  }
  std::unique_ptr<StepRunner> create_runner(const HeadShape& s, const StepLimits& l) override { return sound_.create_runner(s, l); }
  int64_t runner_bytes(const HeadShape& s, const StepLimits& l) override { return sound_.runner_bytes(s, l); }
  int64_t kv_layer_bytes(const HeadShape& s, int n) override { return sound_.kv_layer_bytes(s, n); }
  int64_t q_rotated_bytes(const HeadShape& s, int rows, int rotations) override { return sound_.q_rotated_bytes(s, rows, rotations); }
  int64_t matmul_scratch_bytes(const Weight& w, int rows) override { return sound_.matmul_scratch_bytes(w, rows); }
  int64_t attention_scratch_bytes(const HeadShape& s, const StepLimits& l) override { return sound_.attention_scratch_bytes(s, l); }
  int64_t sample_scratch_bytes(int vocab, int outputs) override { return sound_.sample_scratch_bytes(vocab, outputs); }
  void rope(const float* x, const float* t, int style, int rows, int heads, int dim, int rope_dim, float* out) override {
    sound_.rope(x, t, style, rows, heads, dim, rope_dim, out);
  }
  void kv_write(const KvLayerSpan& kv, const HeadShape& s, const float* k, const float* v, const int32_t* slot, int n) override {
    sound_.kv_write(kv, s, k, v, slot, n);
  }
  void q_write(const HeadShape& s, const float* q, int64_t n, void* out) override { sound_.q_write(s, q, n, out); }
  void fill_slots(const KvLayerSpan& kv, const HeadShape& s, int slot, int len, float value) override {
    sound_.fill_slots(kv, s, slot, len, value);
  }
  void ternary_int32(const char* kernel, const int8_t* w, int out_dim, int in, const int8_t* q, int rows, int32_t* out) override {
    sound_.ternary_int32(kernel, w, out_dim, in, q, rows, out);
  }
  double read_bandwidth(int64_t n, int passes) override { return sound_.read_bandwidth(n, passes); }
  Meter& meter() override { return sound_.meter(); }
  void pattern_write(void* data, int64_t n, const Pattern& p) override {
    sound_.pattern_write(data, n, p);
    if (n_patterns++ == wrong_pattern) flip(data, n * 8);
  }
  PatternFaults pattern_verify(const void* data, int64_t n, const Pattern& p) override { return sound_.pattern_verify(data, n, p); }
  void embed(const Weight& w, const int32_t* ids, int n, float* out) override { sound_.embed(w, ids, n, out); }
  Activations activations(const ActivationsSource& s, int rows, int dim, bool f32, bool int8, const ActivationsBuffer& b) override {
    return sound_.activations(s, rows, dim, f32, int8, b);
  }
  void matmul(const Projection* p, int n, const Activations& a, int rows, Span scratch) override { sound_.matmul(p, n, a, rows, scratch); }
  void rope_table(const int64_t* pos, int rows, const double* f, int dim, float* out) override { sound_.rope_table(pos, rows, f, dim, out); }
  void rope_append(const KvLayerSpan& kv, const HeadShape& s, const RopeAppend& a) override { sound_.rope_append(kv, s, a); }
  void attention(const KvLayerSpan& kv, const HeadShape& s, const Step& step, const void* q, float* out, Span scratch) override {
    sound_.attention(kv, s, step, q, out, scratch);
  }
  void gather(const float* x, const int32_t* rows, int n, int dim, float* out) override { sound_.gather(x, rows, n, dim, out); }
  void sample(const float* logits, int vocab, const tern_batch& b, Span scratch) override { sound_.sample(logits, vocab, b, scratch); }

 private:
  void flip(void* data, int64_t n_bytes) const {
    const int64_t bit = wrong_bit % (8 * n_bytes);
    static_cast<uint8_t*>(data)[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
  }

  Backend& sound_;
};

class Check : public ::testing::Test {
 protected:
  const std::shared_ptr<Backend> cpu = open_cpu_backend(2);
  FaultyBackend faulty{*cpu};
};

// Of each group's cases one in so many: all of them take a minute.
TEST_F(Check, EveryGroupPassesOnTheCpu) {
  std::set<std::string> groups;
  int n_here = 0;
  for (int i = 0; i < checks().n_cases(); i++) {
    const bool first = groups.insert(checks().group(i)).second;
    if (!first && i % 11 != 0) continue;
    const CheckResult r = checks().run_case(*cpu, i);
    EXPECT_NE(r.verdict, TERN_CHECK_FAILED) << checks().group(i) << ", " << checks().name(i) << ": " << r.text;
    if (r.verdict == TERN_CHECK_PASSED) {
      n_here++;
      EXPECT_GT(r.n_values, 0) << checks().group(i) << ", " << checks().name(i);
      EXPECT_LE(r.error, r.bound);
    }
  }
  EXPECT_EQ(groups.size(), 11u);
  EXPECT_GT(n_here, 80);
}

// A kernel that is not in the table would never be checked.
TEST_F(Check, EveryTernaryKernelThatTheBackendDescribesHasCases) {
  const std::string json = cpu->describe();
  const size_t begin = json.find("\"ternary_kernels\": ["), end = json.find(']', begin);
  ASSERT_NE(begin, std::string::npos);
  std::set<std::string> here;
  for (int i = 0; i < checks().n_cases(); i++) {
    const std::string name = checks().name(i);
    if (std::string(checks().group(i)) == "ternary kernels" && checks().run_case(*cpu, i).verdict == TERN_CHECK_PASSED)
      here.insert(name.substr(0, name.find(' ')));
  }
  std::string rest = json.substr(begin + 19, end - begin - 19);
  for (const std::string& name : here) {
    const size_t at = rest.find("\"" + name + "\"");
    ASSERT_NE(at, std::string::npos) << name;
    rest.erase(at, name.size() + 2);
  }
  EXPECT_EQ(rest.find('"'), std::string::npos) << "without cases: " << rest;
}

// One bit in a result, high enough to matter, fails whichever case it hits.
TEST_F(Check, AWrongBitInAResultFailsItsCase) {
  std::set<std::string> groups;
  for (int i = 0; i < checks().n_cases(); i++) {
    const std::string group = checks().group(i);
    if (group == "ternary kernels" || !groups.insert(group).second) continue;  // whose results do not come by a download
    faulty.n_downloads = 0;
    faulty.wrong_download = 0;
    faulty.wrong_bit = 30;  // the highest of the first float's exponent, of a token's id
    const CheckResult r = checks().run_case(faulty, i);
    EXPECT_EQ(r.verdict, TERN_CHECK_FAILED) << group << ", " << checks().name(i);
    EXPECT_NE(r.text, "") << group;
    EXPECT_GE(r.n_wrong, 1) << group;
  }
  EXPECT_EQ(groups.size(), 10u);
}

TEST_F(Check, RepeatsHaveTheSameBits) {
  for (int what = 0; what < TERN_REPEAT_COUNT; what++) {
    const CheckResult r = checks().repeat(*cpu, what, 3, 5);
    EXPECT_EQ(r.verdict, TERN_CHECK_PASSED) << what << ": " << r.text;
    EXPECT_GT(r.n_values, 0);
  }
}

TEST_F(Check, TheLowestBitOfOneRepeatIsFound) {
  for (int what : {TERN_REPEAT_DENSE, TERN_REPEAT_TERNARY, TERN_REPEAT_PREFILL, TERN_REPEAT_DECODE}) {
    faulty.n_downloads = 0;
    faulty.wrong_download = 4;
    faulty.wrong_bit = 32 * 7;
    const CheckResult r = checks().repeat(faulty, what, 6, 5);
    EXPECT_EQ(r.verdict, TERN_CHECK_FAILED) << what;
    EXPECT_EQ(r.n_wrong, 1) << what;
    EXPECT_NE(r.text.find("repeat 4: element 7 "), std::string::npos) << r.text;
  }
}

// A first result that is wrong differs from all others.
TEST_F(Check, AWrongFirstResultIsFound) {
  faulty.wrong_download = 0;
  EXPECT_EQ(checks().repeat(faulty, TERN_REPEAT_DENSE, 2, 5).n_wrong, 2);
}

TEST_F(Check, MemoryHoldsItsPatterns) {
  for (PatternKind kind : {PatternKind::address, PatternKind::inverse, PatternKind::random})
    for (int64_t n_bytes : {int64_t(8), int64_t(1) << 20, (int64_t(1) << 21) + 8}) {
      const CheckResult r = checks().memory(*cpu, n_bytes, {kind, 77});
      EXPECT_EQ(r.verdict, TERN_CHECK_PASSED) << r.text;
      EXPECT_EQ(r.n_values, n_bytes / 8);
    }
}

TEST_F(Check, EveryBitOfMemoryIsLookedAt) {
  for (int64_t bit : {0, 63, 64, 12345, 8 * (3 << 20) - 1}) {
    faulty.n_patterns = 0;
    faulty.wrong_pattern = 0;
    faulty.wrong_bit = bit;
    const CheckResult r = checks().memory(faulty, 3 << 20, {PatternKind::address, 0});
    EXPECT_EQ(r.verdict, TERN_CHECK_FAILED) << bit;
    EXPECT_EQ(r.n_wrong, 1) << bit;
    EXPECT_NE(r.text.find("word " + std::to_string(bit / 64) + " "), std::string::npos) << r.text;
  }
}

// Words of the patterns differ from place to place, and the inverse has every bit that the other lacks.
TEST(Pattern, DependsOnThePlace) {
  std::set<uint64_t> words;
  for (int64_t i = 0; i < 1000; i++) {
    EXPECT_EQ(pattern_word({PatternKind::address, 3}, i) ^ pattern_word({PatternKind::inverse, 3}, i), ~uint64_t{0});
    words.insert(pattern_word({PatternKind::address, 3}, i));
    words.insert(pattern_word({PatternKind::random, 3}, i));
  }
  EXPECT_EQ(words.size(), 2000u);
}

TEST_F(Check, CopiesInEitherDirectionAreVerified) {
  EXPECT_EQ(checks().copies(*cpu, 1 << 20, 9).verdict, TERN_CHECK_PASSED);
  faulty.wrong_upload = 0;
  const CheckResult there = checks().copies(faulty, 1 << 20, 9);
  EXPECT_EQ(there.verdict, TERN_CHECK_FAILED);
  EXPECT_NE(there.text.find("to the device"), std::string::npos) << there.text;
  faulty.wrong_upload = -1;
  faulty.n_downloads = 0;
  faulty.wrong_download = 0;
  const CheckResult back = checks().copies(faulty, 1 << 20, 9);
  EXPECT_EQ(back.verdict, TERN_CHECK_FAILED);
  EXPECT_NE(back.text.find("from the device"), std::string::npos) << back.text;
}

TEST_F(Check, SpeedsAreMeasured) {
  for (int what : {TERN_SPEED_TERNARY_DECODE, TERN_SPEED_PREFILL, TERN_SPEED_LAUNCH, TERN_SPEED_STEP, TERN_SPEED_PEAK_INT8}) {
    const CheckResult r = checks().speed(*cpu, what);
    EXPECT_GT(r.seconds, 0) << what;
    EXPECT_EQ(r.n_ops + r.n_bytes > 0, what != TERN_SPEED_LAUNCH && what != TERN_SPEED_STEP) << what;
  }
  EXPECT_EQ(checks().speed(*cpu, TERN_SPEED_PEAK_HALF).verdict, TERN_CHECK_NOT_HERE) << "the cpu has no tensor cores";
}

TEST(CheckLibrary, OfAnotherVersionIsRefused) {
  EXPECT_EQ(tern_check_open(kCheckPluginVersion + 1, kPluginVersion, TERN_ABI_VERSION), nullptr);
  EXPECT_EQ(tern_check_open(kCheckPluginVersion, kPluginVersion + 1, TERN_ABI_VERSION), nullptr);
}

}  // namespace
}  // namespace tern
