// Attention on the device, prefill and decode, over the tables of cases: within the computed bound of the fp64 oracle, and equal bits
// wherever a row's stream is the same.
#include <cstring>

#include "cuda/attention_fixture.h"

namespace tern::cuda {
namespace {

using cases::AttentionCase;
using cases::AttentionData;

TEST(AttentionDecode, AgreesWithTheOracle) {
  for (const AttentionCase& c : some_of(cases::decode_cases())) {
    const AttentionData d = cases::build(c);
    AttentionOnDevice on_device(d);
    const std::vector<float> out = on_device.run();
    expect_attention("attention_decode", d, out);
    if (c.seed % 8 == 0) {
      const std::vector<float> again = on_device.run();
      EXPECT_EQ(std::memcmp(out.data(), again.data(), out.size() * sizeof(float)), 0) << c.name;
    }
  }
}

class AttentionPrefill : public ::testing::TestWithParam<bool> {
 protected:
  bool portable() const { return GetParam(); }
  void SetUp() override {
    if (!portable() && !has_own_prefill()) GTEST_SKIP() << "this device has no prefill kernel of its own";
  }
};

TEST_P(AttentionPrefill, AgreesWithTheOracle) {
  for (const AttentionCase& c : some_of(cases::prefill_cases())) {
    if (!portable() && (c.kv_type == TERN_TYPE_I8 || c.head_dim > 128)) continue;
    const AttentionData d = cases::build(c);
    AttentionOnDevice on_device(d);
    const std::vector<float> out = on_device.run(portable());
    expect_attention(portable() ? "attention_prefill" : "attention_prefill_sm90", d, out);
    if (c.seed % 8 == 0) {
      const std::vector<float> again = on_device.run(portable());
      EXPECT_EQ(std::memcmp(out.data(), again.data(), out.size() * sizeof(float)), 0) << c.name;
    }
  }
}

TEST(AttentionDecode, ManyKeysAndDoubledSplits) {
  for (int type : {TERN_TYPE_F16, TERN_TYPE_BF16, TERN_TYPE_I8})
    for (int max_splits : {0, 9, 3}) {
      AttentionCase c = {"many keys", 4, 1, 64, type, {{1, 2100, 0, 0, cases::Mask::causal, -1}}};
      c.name += max_splits ? ", room for " + std::to_string(max_splits) + " splits" : "";
      c.seed = 77;
      // Cut anywhere: but few enough segments that three splits hold one each.
      if (max_splits) c.seqs = {{1, 2100, 4, 0, cases::Mask::causal, 0}};
      const AttentionData d = cases::build(c);
      AttentionOnDevice on_device(d, max_splits);
      EXPECT_GE(on_device.counts().split_keys, max_splits ? 2 * kSplitKeys : kSplitKeys);
      expect_attention("attention_decode", d, on_device.run());
    }
}

// The rows of one sequence, taken out of a batch's output.
std::vector<float> rows_of(const AttentionData& d, int seq, const std::vector<float>& out) {
  const size_t dim = size_t(d.shape.n_heads) * d.shape.head_dim;
  return {out.begin() + d.seq_row_begin[seq] * dim, out.begin() + d.seq_row_begin[seq + 1] * dim};
}

// A batch of part of a batch's rows: those of one sequence from row `first` on, n of them, over the same arena.
AttentionData part(const AttentionData& all, int seq, int first, int n) {
  AttentionData d = all;
  const int begin = all.seq_row_begin[seq] + first;
  const size_t dim = size_t(all.shape.n_heads) * all.shape.head_dim;
  d.shape.seqs = {all.shape.seqs[seq]};
  d.n_rows = n;
  d.seq_row_begin = {0, n};
  const int s0 = all.seq_segment_begin[seq], s1 = all.seq_segment_begin[seq + 1];
  d.n_segments = s1 - s0;
  d.seq_segment_begin = {0, s1 - s0};
  const auto cut = [](auto& v, int from, int to) { v = {v.begin() + from, v.begin() + to}; };
  cut(d.segment_slot, s0, s1), cut(d.segment_len, s0, s1), cut(d.segment_index, s0, s1), cut(d.segment_rotation, s0, s1);
  cut(d.sink_end, begin, begin + n), cut(d.lo, begin, begin + n), cut(d.hi, begin, begin + n);
  d.q.clear();
  for (int r = 0; r < all.shape.n_rotations; r++) {
    const auto from = all.q.begin() + (size_t(r) * all.n_rows + begin) * dim;
    d.q.insert(d.q.end(), from, from + n * dim);
  }
  return d;
}

TEST_P(AttentionPrefill, ARowsBitsDoNotDependOnItsCompany) {
  for (int type : {TERN_TYPE_F16, TERN_TYPE_BF16, TERN_TYPE_I8})
    for (const cases::HeadsCase& h : {cases::HeadsCase{8, 2, 64}, {5, 1, 128}, {2, 1, 256}}) {
      AttentionCase c = {cases::name_of(h, type, "company"), h.n_heads, h.n_kv_heads, h.head_dim, type,
                         {{1, 300, 4, 150, cases::Mask::causal, 1}, {40, 90, 4, 60, cases::Mask::causal, 1}, {1, 129}, {7, 0}}};
      c.seed = 5;
      const AttentionData d = cases::build(c);
      const std::vector<float> together = AttentionOnDevice(d).run(portable());
      for (int s = 0; s < 4; s++) {
        const int n = d.seq_row_begin[s + 1] - d.seq_row_begin[s];
        const AttentionData alone = part(d, s, 0, n);
        EXPECT_EQ(rows_of(d, s, together), AttentionOnDevice(alone).run(portable())) << c.name << ", sequence " << s;
      }
      // Prefill in chunks of several rows: every cut of the rows gives the same bits.
      const std::vector<float> whole = rows_of(d, 1, together);
      const size_t dim = size_t(h.n_heads) * h.head_dim;
      for (int chunk : {2, 13, 25})
        for (int first = 0; first + chunk <= 40; first += chunk) {
          const AttentionData some = part(d, 1, first, chunk);
          const std::vector<float> out = AttentionOnDevice(some).run(portable());
          EXPECT_EQ(std::memcmp(out.data(), whole.data() + first * dim, out.size() * sizeof(float)), 0)
              << c.name << ", rows " << first << " and " << chunk - 1 << " more";
        }
    }
}

INSTANTIATE_TEST_SUITE_P(Kernels, AttentionPrefill, ::testing::Bool(),
                         [](const auto& info) { return info.param ? std::string("portable") : std::string("own"); });

#ifdef TERN_SIMT
TEST_P(AttentionPrefill, OtherOrdersOfThreads) {
  int i = 0;
  for (const auto& table : {cases::decode_cases(), cases::prefill_cases()})
    for (const AttentionCase& c : table) {
      if (i++ % 9 || (!portable() && (c.kv_type == TERN_TYPE_I8 || c.head_dim > 128))) continue;
      const AttentionData d = cases::build(c);
      std::vector<float> first;
      for (unsigned seed : {0u, 1u, 2u, 3u}) {
        simt::set_seed(seed);
        const std::vector<float> out = AttentionOnDevice(d).run(portable());
        if (first.empty()) first = out;
        EXPECT_EQ(std::memcmp(out.data(), first.data(), out.size() * sizeof(float)), 0) << c.name << ", order " << seed;
      }
      simt::set_seed(0);
    }
}
#endif

}  // namespace
}  // namespace tern::cuda
