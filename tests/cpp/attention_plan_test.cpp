// plan/attention_plan.h against a plain enumeration: which keys each row sees, and that every one of them is in exactly one split.
#include "plan/attention_plan.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <vector>

#include "core/status.h"
#include "oracle/compare.h"

namespace tern {
namespace {

struct Problem {
  std::vector<int32_t> seq_row_begin{0}, seq_segment_begin{0}, segment_slot, segment_len, segment_rotation;
  std::vector<int64_t> segment_index, sink_end, lo, hi;
  int64_t n_slots = 0;

  AttentionBatch batch() const {
    return {int(lo.size()), int(seq_row_begin.size()) - 1, 2, seq_row_begin.data(), seq_segment_begin.data(), segment_slot.data(),
            segment_len.data(), segment_index.data(), segment_rotation.data(), sink_end.data(), lo.data(), hi.data()};
  }
};

// Sequences of 1 to 300 rows, segments of 1 to 700 keys with gaps of the index between them, masks anywhere.
Problem random_problem(std::mt19937_64& rng) {
  const auto below = [&](int64_t n) { return static_cast<int64_t>(rng() % static_cast<uint64_t>(n)); };
  Problem p;
  const int n_seqs = 1 + int(below(5));
  for (int s = 0; s < n_seqs; s++) {
    const int n_rows = below(2) ? 1 : 1 + int(below(300));
    int64_t index = below(3) ? 0 : below(int64_t{1} << 40);
    const int n_segments = int(below(4));
    for (int i = 0; i < n_segments; i++) {
      const int len = 1 + int(below(700));
      p.segment_slot.push_back(int32_t(p.n_slots));
      p.segment_len.push_back(len);
      p.segment_index.push_back(index);
      p.segment_rotation.push_back(int32_t(below(2)));
      p.n_slots += len;
      index += len + (below(2) ? below(2000) : 0);
    }
    const int64_t begin = n_segments ? p.segment_index[p.segment_index.size() - n_segments] : 0;
    for (int r = 0; r < n_rows; r++) {
      p.sink_end.push_back(below(2) ? 0 : begin + below(300));
      p.lo.push_back(begin + below(index - begin + 100));
      p.hi.push_back(below(9) ? p.lo.back() + below(2000) : p.lo.back() - 1);
    }
    p.seq_row_begin.push_back(int32_t(p.lo.size()));
    p.seq_segment_begin.push_back(int32_t(p.segment_slot.size()));
  }
  return p;
}

struct Lists {
  std::vector<PrefillWork> prefill;
  std::vector<DecodeWork> decode;
  std::vector<CombineWork> combine;
  AttentionCounts counts;
};

Lists plan(const Problem& p, int prefill_rows, AttentionCapacity capacity) {
  Lists l;
  l.prefill.resize(size_t(capacity.n_prefill));
  l.decode.resize(size_t(capacity.n_decode));
  l.combine.resize(size_t(capacity.n_combine));
  l.counts = attention_plan(p.batch(), prefill_rows, capacity, l.prefill.data(), l.decode.data(), l.combine.data());
  return l;
}
AttentionCapacity capacity_of(const Problem& p, int prefill_rows) {
  return attention_capacity(int(p.lo.size()), int(p.seq_row_begin.size()) - 1, std::max(1, int(p.segment_slot.size())), p.n_slots, prefill_rows);
}

bool sees(const Problem& p, int row, int64_t index) {
  return index < p.sink_end[size_t(row)] || (index >= p.lo[size_t(row)] && index <= p.hi[size_t(row)]);
}

// Every key a single row sees is in one split of it, with its slot and rotation; splits ascend, cut at multiples of split_keys, none unseen.
void check_decode(const Problem& p, const Lists& l) {
  int at = 0;
  for (size_t s = 0; s + 1 < p.seq_row_begin.size(); s++) {
    const int row = p.seq_row_begin[s];
    if (p.seq_row_begin[s + 1] - row != 1) continue;
    ASSERT_LT(at, l.counts.n_combine);
    const CombineWork& c = l.combine[size_t(at++)];
    ASSERT_EQ(c.row, row);
    std::map<int64_t, std::pair<int32_t, int32_t>> found;  // index: slot, rotation
    int64_t end = -1;
    for (int i = c.first; i < c.first + c.n; i++) {
      const DecodeWork& d = l.decode[size_t(i)];
      ASSERT_EQ(d.row, row);
      ASSERT_GE(d.index, end);
      end = d.index + d.len;
      ASSERT_EQ(d.index / l.counts.split_keys, (end - 1) / l.counts.split_keys);
      bool any = false;
      for (int k = 0; k < d.len; k++) {
        any = any || sees(p, row, d.index + k);
        found[d.index + k] = {d.slot + k, d.rotation};
      }
      ASSERT_TRUE(any);
    }
    for (int g = p.seq_segment_begin[s]; g < p.seq_segment_begin[s + 1]; g++)
      for (int k = 0; k < p.segment_len[size_t(g)]; k++) {
        const int64_t index = p.segment_index[size_t(g)] + k;
        if (!sees(p, row, index)) continue;
        const auto it = found.find(index);
        ASSERT_NE(it, found.end()) << index;
        EXPECT_EQ(it->second.first, p.segment_slot[size_t(g)] + k);
        EXPECT_EQ(it->second.second, p.segment_rotation[size_t(g)]);
      }
  }
  EXPECT_EQ(at, l.counts.n_combine);
}

// Tiles cover the rows of the longer sequences in order, and say of their masks what is so.
void check_prefill(const Problem& p, const Lists& l, int prefill_rows) {
  int at = 0;
  for (size_t s = 0; s + 1 < p.seq_row_begin.size(); s++) {
    const int begin = p.seq_row_begin[s], end = p.seq_row_begin[s + 1];
    if (end - begin == 1) continue;
    for (int row = begin; row < end;) {
      ASSERT_LT(at, l.counts.n_prefill);
      const PrefillWork& w = l.prefill[size_t(at++)];
      ASSERT_EQ(w.row, row);
      ASSERT_EQ(w.n_rows, std::min(prefill_rows, end - row));
      EXPECT_EQ(w.segment_begin, p.seq_segment_begin[s]);
      EXPECT_EQ(w.segment_end, p.seq_segment_begin[s + 1]);
      const auto check = [&](const std::vector<int64_t>& v, int64_t least, int64_t most) {
        const auto [low, high] = std::minmax_element(v.begin() + row, v.begin() + row + w.n_rows);
        EXPECT_EQ(least, *low);
        EXPECT_EQ(most, *high);
      };
      check(p.sink_end, w.sink_min, w.sink_max);
      check(p.lo, w.lo_min, w.lo_max);
      check(p.hi, w.hi_min, w.hi_max);
      row += w.n_rows;
    }
  }
  EXPECT_EQ(at, l.counts.n_prefill);
}

TEST(AttentionPlan, HoldsWhatEveryRowSeesOnce) {
  const uint64_t seed = oracle::seed();
  SCOPED_TRACE("TERN_SEED=" + std::to_string(seed));
  std::mt19937_64 rng(seed);
  for (int i = 0; i < 300 && !testing::Test::HasFatalFailure(); i++) {
    const Problem p = random_problem(rng);
    const int prefill_rows = attention_prefill_rows(8, 1 << rng() % 4);
    const Lists l = plan(p, prefill_rows, capacity_of(p, prefill_rows));
    EXPECT_EQ(l.counts.split_keys, kSplitKeys);
    check_decode(p, l);
    check_prefill(p, l, prefill_rows);
  }
}

TEST(AttentionPlan, SplitsDoubleWhereRoomIsShort) {
  std::mt19937_64 rng(oracle::seed() + 1);
  for (int i = 0; i < 100; i++) {
    const Problem p = random_problem(rng);
    AttentionCapacity capacity = capacity_of(p, 16);
    capacity.n_decode = 1 + int(p.segment_slot.size());  // at least one split for each segment
    Lists l;
    try {
      l = plan(p, 16, capacity);
    } catch (const Error&) {
      continue;  // a gap-crossing multiple may cut a segment in two however long splits are
    }
    check_decode(p, l);
  }
}

TEST(AttentionPlan, TilesHold128Queries) {
  EXPECT_EQ(attention_prefill_rows(1, 1), 128);
  EXPECT_EQ(attention_prefill_rows(20, 5), 32);
  EXPECT_EQ(attention_prefill_rows(5, 1), 25);
  EXPECT_EQ(attention_prefill_rows(300, 1), 1);
}

}  // namespace
}  // namespace tern
