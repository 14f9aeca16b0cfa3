// Attention problems over a paged arena, described in a line and built into the arrays that the launchers take: sequences with sinks
// of their own rotation, windows whose pages lie scattered, and masks. Whatever no segment holds is NaN.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "attention_oracle.h"
#include "cases/bench_shapes.h"
#include "core/backend.h"
#include "core/half.h"

namespace tern::cases {

constexpr int kPage = TERN_PAGE_LEN;

enum class Mask {
  causal,  // the sinks, and the window up to the row itself
  all,     // every key
  random,  // any intervals; every fourth row sees nothing
  none,    // nothing
};

// One sequence: n_rows query tokens at the end of a stream that has n_before tokens before them.
struct AttentionSeqCase {
  int n_rows;
  int64_t n_before;
  int n_sinks = 0;   // a segment of their own, read with another rotation
  int window = 0;    // keys before and with itself that a row sees; 0: all
  Mask mask = Mask::causal;
  int cut = 0;       // the window's segments: 0: one; n: of up to n pages each; -1: cut anywhere, some lying on without a gap
};

struct AttentionCase {
  std::string name;
  int n_heads;
  int n_kv_heads;
  int head_dim;
  int kv_type;       // TERN_TYPE_F16, BF16, I8
  std::vector<AttentionSeqCase> seqs;
  int n_rotations = 2;
  bool mix = false;  // every segment reads a rotation drawn at random
  float q_sigma = 1;  // scores are about this large; 0: every score is 0, every seen key weighs the same
  uint64_t seed = 1;
};

// Host arrays, named and laid out as AttentionArgs and AttentionBatch have them.
struct AttentionData {
  AttentionCase shape;
  int n_rows = 0, n_segments = 0, n_pages = 0;
  std::vector<int32_t> seq_row_begin{0}, seq_segment_begin{0};
  std::vector<int32_t> segment_slot, segment_len, segment_rotation;
  std::vector<int64_t> segment_index, sink_end, lo, hi;
  std::vector<uint16_t> q;          // [n_rotations, n_rows, n_heads, head_dim]
  std::vector<uint8_t> k, v;        // [n_pages, n_kv_heads, 64, head_dim] elements of kv_type
  std::vector<float> k_scale, v_scale;  // [n_pages, n_kv_heads, 64]; empty unless kv_type is I8
  std::vector<float> q_value;           // the same elements as the floats they stand for; NaN where nothing was written
  std::vector<float> k_value, v_value;

  AttentionBatch batch() const {
    return {n_rows,           int(shape.seqs.size()), shape.n_rotations,    seq_row_begin.data(),    seq_segment_begin.data(),
            segment_slot.data(), segment_len.data(),  segment_index.data(), segment_rotation.data(), sink_end.data(),
            lo.data(),        hi.data()};
  }
  int64_t kv_row(int slot, int kv_head) const {
    return (int64_t(slot / kPage) * shape.n_kv_heads + kv_head) * kPage + slot % kPage;
  }
  // One sequence as the oracle takes it; out of its row 0 is row seq_row_begin[seq] of the batch.
  oracle::AttentionProblem problem(int seq) const;
};

AttentionData build(const AttentionCase& shape);

// ---- how it is done -------------------------------------------------------------------------------------------------

inline uint16_t bf16_from_float(float x) {
  uint32_t bits;
  std::memcpy(&bits, &x, 4);
  return uint16_t((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}
inline float float_from_bf16(uint16_t x) {
  const uint32_t bits = uint32_t(x) << 16;
  float value;
  std::memcpy(&value, &bits, 4);
  return value;
}

// Segments of one sequence; those with `on` lie on behind the one before.
struct SegmentDraft {
  int64_t index;
  int len;
  int rotation;
  bool on;
};

inline std::vector<SegmentDraft> draft_segments(const AttentionSeqCase& seq, std::mt19937_64& random) {
  std::vector<SegmentDraft> all;
  const int64_t end = seq.n_before + seq.n_rows;
  const int n_sinks = int(std::min<int64_t>(seq.n_sinks, end));
  if (n_sinks) all.push_back({0, n_sinks, 1, false});
  int64_t first = n_sinks;  // a window keeps some keys that no row sees any more
  if (seq.window) first = std::max<int64_t>(first, seq.n_before - seq.window + 1 - int64_t(random() % 40));
  while (first < end) {
    int64_t next = end;
    if (seq.cut > 0) next = (first / kPage + 1 + int64_t(random() % seq.cut)) * kPage;
    if (seq.cut < 0) next = first + 1 + int64_t(random() % 150);
    next = std::min(next, end);
    const bool adjoins = !all.empty() && all.back().index + all.back().len == first;
    all.push_back({first, int(next - first), 0, adjoins && seq.cut < 0 && random() % 2});
    first = next;
  }
  return all;
}

inline void draw_masks(const AttentionSeqCase& seq, std::mt19937_64& random, AttentionData& data) {
  const int64_t end = seq.n_before + seq.n_rows;
  for (int r = 0; r < seq.n_rows; r++) {
    const int64_t pos = seq.n_before + r;
    int64_t sink_end = 0, lo = 1, hi = 0;
    if (seq.mask == Mask::causal) {
      sink_end = std::min<int64_t>(seq.n_sinks, pos + 1);
      lo = seq.window ? std::max<int64_t>(0, pos - seq.window + 1) : 0;
      hi = pos;
    } else if (seq.mask == Mask::all) {
      lo = 0, hi = (int64_t(1) << 40) - 1;
    } else if (seq.mask == Mask::random && random() % 4) {
      sink_end = random() % 2 ? int64_t(random() % (seq.n_sinks + 2)) : 0;
      lo = end - 1 - int64_t(random() % 200), hi = lo + int64_t(random() % 150) - 5;
      lo = std::max<int64_t>(lo, 0);
    }
    data.sink_end.push_back(sink_end);
    data.lo.push_back(lo);
    data.hi.push_back(hi);
  }
}

// Slots for all segments: runs of pages in random order, one unused page before, after, and between some.
inline void place_segments(std::vector<SegmentDraft>& drafts, std::mt19937_64& random, AttentionData& data) {
  struct Run {
    size_t first, last;
    int n_pages, page;
  };
  std::vector<Run> runs;
  for (size_t s = 0; s < drafts.size(); s++) {
    if (drafts[s].on) runs.back().last = s;
    else runs.push_back({s, s, 0, 0});
  }
  for (Run& run : runs)
    run.n_pages = int((drafts[run.last].index + drafts[run.last].len - 1) / kPage - drafts[run.first].index / kPage + 1);
  std::vector<size_t> order(runs.size());
  for (size_t i = 0; i < order.size(); i++) order[i] = i;
  std::shuffle(order.begin(), order.end(), random);
  int page = 1;
  for (size_t i : order) {
    runs[i].page = page;
    page += runs[i].n_pages + int(random() % 2);
  }
  data.n_pages = page + 1;
  for (const Run& run : runs)
    for (size_t s = run.first; s <= run.last; s++) {
      const int64_t from = drafts[run.first].index / kPage * kPage;
      data.segment_slot.push_back(int32_t(run.page * kPage + (drafts[s].index - from)));
      data.segment_len.push_back(drafts[s].len);
      data.segment_index.push_back(drafts[s].index);
      data.segment_rotation.push_back(drafts[s].rotation);
    }
}

// Everything NaN (int8: the scale is), then the rows of segments normal random numbers.
inline void fill_arena(std::vector<uint8_t>& bytes, std::vector<float>& scale, std::vector<float>& value, AttentionData& data,
                       std::mt19937_64& random) {
  const AttentionCase& c = data.shape;
  const size_t n_arena_rows = size_t(data.n_pages) * c.n_kv_heads * kPage, dim = size_t(c.head_dim);
  const bool int8 = c.kv_type == TERN_TYPE_I8, bf16 = c.kv_type == TERN_TYPE_BF16;
  value.assign(n_arena_rows * dim, std::numeric_limits<float>::quiet_NaN());
  bytes.assign(n_arena_rows * dim * (int8 ? 1 : 2), 0x7f);
  if (int8) scale.assign(n_arena_rows, std::numeric_limits<float>::quiet_NaN());
  else for (size_t i = 0; i < bytes.size(); i += 2) bytes[i] = 0xff;  // 0x7fff
  std::normal_distribution<float> normal;
  for (int s = 0; s < data.n_segments; s++)
    for (int t = 0; t < data.segment_len[s]; t++)
      for (int h = 0; h < c.n_kv_heads; h++) {
        const size_t row = size_t(data.kv_row(data.segment_slot[s] + t, h));
        float* x = &value[row * dim];
        float largest = 0;
        for (size_t d = 0; d < dim; d++) largest = std::max(largest, std::fabs(x[d] = normal(random)));
        const float step = int8 ? largest / 127 : 1;
        if (int8) scale[row] = step;
        for (size_t d = 0; d < dim; d++) {
          if (int8) {
            const float i = std::nearbyint(x[d] / step);
            bytes[row * dim + d] = uint8_t(int8_t(i));
            x[d] = i * step;
          } else {
            const uint16_t e = bf16 ? bf16_from_float(x[d]) : half_from_float(x[d]);
            std::memcpy(&bytes[(row * dim + d) * 2], &e, 2);
            x[d] = bf16 ? float_from_bf16(e) : float_from_half(e);
          }
        }
      }
}

inline AttentionData build(const AttentionCase& shape) {
  AttentionData data;
  data.shape = shape;
  std::mt19937_64 random(shape.seed);
  std::vector<SegmentDraft> drafts;
  for (const AttentionSeqCase& seq : shape.seqs) {
    for (SegmentDraft& draft : draft_segments(seq, random)) drafts.push_back(draft);
    draw_masks(seq, random, data);
    data.n_rows += seq.n_rows;
    data.seq_row_begin.push_back(data.n_rows);
    data.seq_segment_begin.push_back(int32_t(drafts.size()));
  }
  for (SegmentDraft& draft : drafts)
    draft.rotation = shape.mix ? int(random() % shape.n_rotations) : std::min(draft.rotation, shape.n_rotations - 1);
  data.n_segments = int(drafts.size());
  place_segments(drafts, random, data);
  fill_arena(data.k, data.k_scale, data.k_value, data, random);
  fill_arena(data.v, data.v_scale, data.v_value, data, random);
  std::normal_distribution<float> normal;
  data.q_value.resize(size_t(shape.n_rotations) * data.n_rows * shape.n_heads * shape.head_dim);
  for (float& x : data.q_value) {
    const float drawn = normal(random) * shape.q_sigma;
    const bool bf16 = shape.kv_type == TERN_TYPE_BF16;
    data.q.push_back(bf16 ? bf16_from_float(drawn) : half_from_float(drawn));
    x = bf16 ? float_from_bf16(data.q.back()) : float_from_half(data.q.back());
  }
  return data;
}

inline oracle::AttentionProblem AttentionData::problem(int seq) const {
  const AttentionCase& c = shape;
  const int row = seq_row_begin[seq], n = seq_row_begin[seq + 1] - row;
  oracle::AttentionProblem p{c.n_heads, c.n_kv_heads, c.head_dim, n, {}, {}, {}, {}, {}, {}, {}};
  for (int s = seq_segment_begin[seq]; s < seq_segment_begin[seq + 1]; s++) {
    p.segments.push_back({segment_slot[s], segment_len[s], segment_index[s], segment_rotation[s]});
    p.k.emplace_back();
    p.v.emplace_back();
    for (int t = 0; t < segment_len[s]; t++)
      for (int h = 0; h < c.n_kv_heads; h++) {
        const size_t at = size_t(kv_row(segment_slot[s] + t, h)) * c.head_dim;
        p.k.back().insert(p.k.back().end(), &k_value[at], &k_value[at] + c.head_dim);
        p.v.back().insert(p.v.back().end(), &v_value[at], &v_value[at] + c.head_dim);
      }
  }
  const size_t dim = size_t(c.n_heads) * c.head_dim;
  for (int r = 0; r < c.n_rotations; r++) {
    const float* rows = &q_value[(size_t(r) * n_rows + row) * dim];
    p.q.insert(p.q.end(), rows, rows + n * dim);
  }
  p.sink_end.assign(&sink_end[row], &sink_end[row] + n);
  p.lo.assign(&lo[row], &lo[row] + n);
  p.hi.assign(&hi[row], &hi[row] + n);
  return p;
}

// ---- the tables -----------------------------------------------------------------------------------------------------

struct HeadsCase {
  int n_heads, n_kv_heads, head_dim;
};
inline const std::vector<HeadsCase>& heads_cases() {
  static const std::vector<HeadsCase> all = {{1, 1, 64},   {4, 1, 64},  {5, 1, 128}, {8, 1, 96},   {4, 4, 8},    {10, 2, 72},
                                             {8, 2, 128},  {3, 3, 80},  {2, 1, 256}, {16, 1, 64},  {32, 1, 128}, {6, 3, 40},
                                             {4, 2, 200},  {20, 1, 24}, {8, 1, 256}};
  return all;
}
inline const char* kv_type_name(int type) { return type == TERN_TYPE_F16 ? "f16" : type == TERN_TYPE_BF16 ? "bf16" : "i8"; }

inline std::string name_of(const HeadsCase& h, int type, const std::string& what) {
  return std::to_string(h.n_heads) + "/" + std::to_string(h.n_kv_heads) + "x" + std::to_string(h.head_dim) + " " + kv_type_name(type) +
         " " + what;
}

// Streams that hurt: the first token, tiles and splits of 64 and 128 minus and plus one, primes, windows and sinks, nothing to see.
inline std::vector<std::pair<std::string, std::vector<AttentionSeqCase>>> decode_streams() {
  return {
      {"first token", {{1, 0}}},
      {"63", {{1, 62}}},
      {"64", {{1, 63}}},
      {"65", {{1, 64}}},
      {"127..129", {{1, 126}, {1, 127}, {1, 128}}},
      {"prime", {{1, 310, 0, 0, Mask::causal, 2}}},
      {"sinks and window", {{1, 700, 4, 190, Mask::causal, 1}}},
      {"many sinks", {{1, 400, 70, 64, Mask::causal, -1}}},
      {"window 1", {{1, 257, 4, 1, Mask::causal, 1}}},
      {"nothing seen", {{1, 100, 4, 60, Mask::none, 1}}},
      {"any mask", {{1, 300, 9, 0, Mask::random, -1}, {1, 150, 3, 0, Mask::random, 1}, {1, 90, 0, 50, Mask::random, 1}}},
      {"far on", {{1, (int64_t(1) << 33) + 77, 4, 150, Mask::causal, 1}}},
  };
}
inline std::vector<std::pair<std::string, std::vector<AttentionSeqCase>>> prefill_streams() {
  return {
      {"2 rows", {{2, 0}}},
      {"63 rows", {{63, 0}}},
      {"65 rows", {{65, 0}}},
      {"chunk", {{17, 130, 0, 0, Mask::causal, 1}}},
      {"sinks and window", {{37, 300, 4, 90, Mask::causal, 1}}},
      {"rows beyond the window", {{70, 20, 4, 33, Mask::causal, -1}}},
      {"many sinks", {{13, 200, 70, 64, Mask::causal, -1}}},
      {"nothing seen", {{3, 100, 4, 60, Mask::none, 1}}},
      {"any mask", {{19, 100, 9, 0, Mask::random, -1}, {5, 60, 3, 0, Mask::random, 1}}},
      {"every key", {{6, 122, 0, 0, Mask::all, 2}}},
      {"with decodes", {{1, 80, 4, 50, Mask::causal, 1}, {9, 30}, {1, 10}, {2, 64}}},
  };
}

inline std::vector<AttentionCase> cases_of(const std::vector<std::pair<std::string, std::vector<AttentionSeqCase>>>& streams) {
  std::vector<AttentionCase> all;
  uint64_t seed = 1;
  size_t turn = 0;
  for (const HeadsCase& h : heads_cases())
    for (int type : {TERN_TYPE_F16, TERN_TYPE_BF16, TERN_TYPE_I8})
      // Every shape with half of the streams, in turn, and with different magnitudes of the scores.
      for (size_t s = turn++ % 2; s < streams.size(); s += 2) {
        AttentionCase c = {name_of(h, type, streams[s].first), h.n_heads, h.n_kv_heads, h.head_dim, type, streams[s].second};
        c.mix = seed % 5 == 0;
        c.n_rotations = seed % 3 == 0 ? 4 : 2;
        c.q_sigma = seed % 7 == 0 ? 8.f : seed % 11 == 0 ? 0.f : 1.f;
        c.seed = seed++;
        all.push_back(std::move(c));
      }
  return all;
}
// What is timed, as one stream for each row of decode.
inline void add_timed(int op, std::vector<AttentionCase>& all) {
  for (const tern_bench_case& c : bench_shapes(op, true, op == TERN_BENCH_ATTENTION_DECODE ? 2 : 34)) {
    const bool decode = op == TERN_BENCH_ATTENTION_DECODE;
    AttentionCase timed = {name_of({c.n_heads, c.n_kv_heads, c.head_dim}, c.type, "timed " + std::to_string(c.n_rows) + " of " + std::to_string(c.n_in)),
                           c.n_heads, c.n_kv_heads, c.head_dim, c.type, {}};
    if (decode) timed.seqs.assign(static_cast<size_t>(c.n_rows), {1, c.n_in - 1});
    else timed.seqs = {{c.n_rows, c.n_in - c.n_rows}};
    timed.n_rotations = 1;
    timed.seed = all.size() + 1;
    all.push_back(std::move(timed));
  }
}
inline std::vector<AttentionCase> decode_cases() {
  std::vector<AttentionCase> all = cases_of(decode_streams());
  add_timed(TERN_BENCH_ATTENTION_DECODE, all);
  return all;
}
inline std::vector<AttentionCase> prefill_cases() {
  std::vector<AttentionCase> all = cases_of(prefill_streams());
  add_timed(TERN_BENCH_ATTENTION_PREFILL, all);
  return all;
}

}  // namespace tern::cases
