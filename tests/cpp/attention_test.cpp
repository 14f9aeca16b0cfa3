// attention.h against the oracle, and its promise of bits: chunking, batch mates, threads and unseen keys change none.
#include "cpu/attention.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <map>

#include "attention_oracle.h"
#include "cases/bench_shapes.h"
#include "compare.h"
#include "tern.h"

namespace tern::cpu {
namespace {

using oracle::AttentionProblem;
using Random = std::mt19937_64;
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr uint8_t kNanByte = 0xff;  // of a NaN in every type of floats; one memset fills an array, which sanitizers see as one access
constexpr int kPage = TERN_PAGE_LEN;

std::vector<Isa> tiers() {
  std::vector<Isa> all;
  for (Isa isa : {Isa::scalar, Isa::avx2, Isa::avx512})
    if (isa <= isa_supported()) all.push_back(isa);
  return all;
}

int pick(Random& random, std::initializer_list<int> of) { return of.begin()[random() % of.size()]; }

std::vector<float> normal(Random& random, size_t n, float sigma) {
  std::normal_distribution<float> distribution(0, sigma);
  std::vector<float> x(n);
  for (float& e : x) e = distribution(random);
  return x;
}

// K and V of one layer, all NaN, with a page of NaN before and after.
class Arena {
 public:
  Arena(int n_pages, int type, int n_kv_heads, int head_dim)
      : type_(type), n_kv_heads_(n_kv_heads), head_dim_(head_dim), page_(size_t(kPage) * n_kv_heads * head_dim),
        k_((n_pages + 2) * page_ * element(), kNanByte), v_(k_.size(), kNanByte) {}
  KvLayer layer() { return {k_.data() + page_ * element(), v_.data() + page_ * element(), type_, n_kv_heads_, head_dim_}; }
  void append(Isa isa, const float* k, const float* v, int slot) {
    const int stride = n_kv_heads_ * head_dim_;
    Pool one(1);
    kv_append(one, isa, layer(), k, stride, v, stride, &slot, 1);
  }
  const std::vector<uint8_t>& k() const { return k_; }
  const std::vector<uint8_t>& v() const { return v_; }

 private:
  size_t element() const { return type_ == TERN_TYPE_F16 ? 2 : 4; }
  int type_, n_kv_heads_, head_dim_;
  size_t page_;
  std::vector<uint8_t> k_, v_;
};

// Runs attention with a scratch and an output that are NaN beforehand and guarded behind.
std::vector<float> run(Pool& pool, Isa isa, const KvLayer& kv, AttentionArgs args, int64_t max_keys, int max_segments) {
  const int64_t bytes = attention_scratch_bytes(pool.n_threads(), args.n_rows, args.n_heads, kv.n_kv_heads, kv.head_dim,
                                                max_keys, max_segments);
  constexpr int kGuard = 64;
  // The end of one block for all calls: fresh pages for each cost more than the kernel under a sanitizer.
  static std::vector<float> block;
  const size_t n_scratch = size_t(bytes) / 4 + 2 * kGuard;
  if (block.size() < n_scratch) block.resize((n_scratch + 15) / 16 * 16);
  float* scratch = block.data() + (block.size() - n_scratch) / 16 * 16;
  const size_t n = size_t(args.n_rows) * args.n_heads * kv.head_dim;
  std::vector<float> out(n + 2 * kGuard);
  std::memset(scratch, kNanByte, n_scratch * sizeof(float));
  std::memset(out.data(), kNanByte, out.size() * sizeof(float));
  args.out = out.data() + kGuard;
  static int n_runs = 0;
  args.one_stream = n_runs++ % 2;  // gives the same bits
  attention(pool, isa, kv, args, scratch + kGuard, bytes);
  for (int i = 0; i < kGuard; i++) {
    EXPECT_TRUE(std::isnan(out[i]) && std::isnan(out[n + kGuard + i])) << "written outside the output";
    EXPECT_TRUE(std::isnan(scratch[i]) && std::isnan(scratch[kGuard + bytes / 4 + i])) << "written outside the scratch";
  }
  return {out.begin() + kGuard, out.end() - kGuard};
}

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && !std::memcmp(a.data(), b.data(), a.size() * sizeof(float));
}

struct Shape {
  int type, n_heads, n_kv_heads, head_dim, n_rotations;
};

// A batch of sequences with random segments and masks; every key that no row sees is NaN in the arena.
class Case {
 public:
  Case(Random& random, const Shape& shape, int n_seqs, int max_rows, int max_keys)
      : shape_(shape), arena_(n_seqs * (max_keys / kPage + 2) * 2 + 16, shape.type, shape.n_kv_heads, shape.head_dim) {
    for (int s = 0; s < n_seqs; s++) {
      problems_.push_back(problem(random, max_rows, max_keys));
      n_rows_ += problems_.back().n_rows;
      n_keys_ += max_keys;
    }
    for (AttentionProblem& p : problems_) seqs_.push_back({0, 0, p.segments.data(), int(p.segments.size())});
    int row = 0;
    for (int s = 0; s < n_seqs; s++) {
      seqs_[s].row_begin = row;
      seqs_[s].row_end = row += problems_[s].n_rows;
      max_segments_ += seqs_[s].n_segments;
    }
    q_.resize(size_t(shape.n_rotations) * n_rows_ * row_dim());
    for (int s = 0; s < n_seqs; s++) {
      const AttentionProblem& p = problems_[s];
      sink_end_.insert(sink_end_.end(), p.sink_end.begin(), p.sink_end.end());
      lo_.insert(lo_.end(), p.lo.begin(), p.lo.end());
      hi_.insert(hi_.end(), p.hi.begin(), p.hi.end());
      for (int r = 0; r < shape.n_rotations; r++)
        std::copy_n(&p.q[size_t(r) * p.n_rows * row_dim()], p.n_rows * row_dim(),
                    &q_[(size_t(r) * n_rows_ + seqs_[s].row_begin) * row_dim()]);
    }
  }

  // no_room: for the states of divided splits.
  std::vector<float> compute(Pool& pool, Isa isa, bool no_room = false) {
    fill(isa);
    AttentionArgs args = {q_.data(), n_rows_, shape_.n_heads, sink_end_.data(), lo_.data(), hi_.data(),
                          seqs_.data(), int(seqs_.size()), nullptr};
    return run(pool, isa, arena_.layer(), args, no_room ? 0 : n_keys_, no_room ? 0 : max_segments_);
  }

  std::string compare(const std::vector<float>& out) {
    if (references_.empty())
      for (const AttentionProblem& p : problems_) references_.push_back(oracle::attention_reference(p));
    size_t at = 0;
    for (const oracle::AttentionReference& reference : references_) {
      const std::string text = reference.errors(out.data() + at).mismatch;
      if (!text.empty()) return text;
      at += reference.out.size();
    }
    return "";
  }

 private:
  int row_dim() const { return shape_.n_heads * shape_.head_dim; }

  AttentionProblem problem(Random& random, int max_rows, int max_keys) {
    AttentionProblem p;
    p.n_heads = shape_.n_heads;
    p.n_kv_heads = shape_.n_kv_heads;
    p.head_dim = shape_.head_dim;
    p.n_rows = 1 + int(random() % max_rows);
    make_segments(random, p, 1 + int(random() % max_keys));
    const int64_t end = p.segments.empty() ? 0 : p.segments.back().index + p.segments.back().len;
    const int64_t begin = p.segments.empty() ? 0 : p.segments.front().index;
    const int mask = int(random() % 4), window = 1 + int(random() % 300), sinks = int(random() % 8);
    for (int i = 0; i < p.n_rows; i++) {
      const int64_t pos = end - p.n_rows + i;
      if (mask < 2) {  // causal, with a window and sinks
        p.sink_end.push_back(std::max<int64_t>(0, std::min<int64_t>(sinks, pos + 1)));
        p.lo.push_back(mask ? std::max<int64_t>(0, pos - window + 1) : 0);
        p.hi.push_back(pos);
      } else {  // anything, empty and beyond the ends as well
        p.sink_end.push_back(random() % 2 ? 0 : begin + int64_t(random() % (end - begin + 70)));
        p.lo.push_back(begin + int64_t(random() % (end - begin + 5)) - 3);
        p.hi.push_back(random() % 16 ? p.lo.back() + int64_t(random() % 200) - 20 : INT64_MAX);
        if (random() % 8 == 0) p.sink_end.back() = 0, p.lo.back() = 1, p.hi.back() = 0;
      }
    }
    const float sigma = float(pick(random, {1, 10, 40})) / 10;
    p.q = normal(random, size_t(shape_.n_rotations) * p.n_rows * row_dim(), sigma);
    return p;
  }

  // Runs of keys, with or without gaps between them, that share pages where their indices touch, or do not.
  void make_segments(Random& random, AttentionProblem& p, int n_keys) {
    int64_t index = random() % 4 ? 0 : int64_t(random() % (int64_t{1} << 39));
    bool share = false;
    while (n_keys > 0) {
      const int len = std::min(n_keys, random() % 3 ? 1 + int(random() % 9) : 1 + int(random() % (n_keys + 1)));
      int page = next_page_;
      if (share && index % kPage) page--;  // goes on where the last segment ended
      const int slot = page * kPage + int(index % kPage);
      next_page_ = (slot + len - 1) / kPage + 1;
      p.segments.push_back({slot, len, index, int(random() % shape_.n_rotations)});
      const size_t n = size_t(len) * p.n_kv_heads * p.head_dim;
      p.k.push_back(normal(random, n, 1));
      p.v.push_back(normal(random, n, 1));
      if (shape_.type == TERN_TYPE_F16)
        for (auto* x : {&p.k.back(), &p.v.back()})
          for (float& e : *x) e = oracle::round_to_half(e);
      n_keys -= len;
      index += len;
      share = random() % 2;
      if (random() % 2 || !room(n_keys)) {
        share = true;
      } else {
        const int gap = int(random() % 130);
        share = share && (index + gap) / kPage == (index - 1) / kPage;
        index += gap;
      }
    }
  }

  // Whether the pages left can take segments that share none.
  bool room(int n_keys) const {
    const size_t page = size_t(kPage) * shape_.n_kv_heads * shape_.head_dim * (shape_.type == TERN_TYPE_F16 ? 2 : 4);
    const int n_pages = int(arena_.k().size() / page) - 2;
    return next_page_ + n_keys / kPage + 4 < n_pages / 2;
  }

  void fill(Isa isa) {
    const int dim = shape_.n_kv_heads * shape_.head_dim;
    for (const AttentionProblem& p : problems_)
      for (size_t s = 0; s < p.segments.size(); s++)
        for (int t = 0; t < p.segments[s].len; t++)
          for (int row = 0; row < p.n_rows; row++)
            if (p.sees(row, p.segments[s].index + t)) {
              arena_.append(isa, &p.k[s][size_t(t) * dim], &p.v[s][size_t(t) * dim], p.segments[s].slot + t);
              break;
            }
  }

  Shape shape_;
  Arena arena_;
  int next_page_ = 0, n_rows_ = 0, max_segments_ = 0;
  int64_t n_keys_ = 0;
  std::vector<AttentionProblem> problems_;
  std::vector<oracle::AttentionReference> references_;  // of the problems; one serves every tier
  std::vector<AttentionSeq> seqs_;
  std::vector<float> q_;
  std::vector<int64_t> sink_end_, lo_, hi_;
};

Shape random_shape(Random& random) {
  const int group = pick(random, {1, 2, 3, 4, 5, 7, 8, 25, 33}), n_kv_heads = pick(random, {1, 2, 3});
  return {pick(random, {TERN_TYPE_F32, TERN_TYPE_F16}), group * n_kv_heads, n_kv_heads,
          pick(random, {8, 16, 24, 40, 64, 64, 80, 128, 136, 256}), pick(random, {1, 2, 4})};
}

TEST(Attention, RandomCasesAgainstOracle) {
  Pool one(1), two(2);
  for (int i = 0; i < 600; i++) {
    Random random(oracle::seed() * 1000003 + i);
    const Shape shape = random_shape(random);
    const int rows = pick(random, {1, 1, 2, 7, 16, 50});
    const int keys = pick(random, {1, 63, 64, 65, 127, 128, 129, 200, 331});
    Case c(random, shape, pick(random, {1, 1, 1, 2, 4}), rows, keys);
    std::vector<float> wide;
    for (Isa isa : tiers()) {
      const std::vector<float> out = c.compute(i % 2 ? one : two, isa);
      ASSERT_EQ(c.compare(out), "") << "TERN_SEED=" << oracle::seed() << " case " << i << " tier " << isa_name(isa)
                                    << " type " << shape.type << " heads " << shape.n_heads << "/" << shape.n_kv_heads
                                    << " head_dim " << shape.head_dim << " rows " << rows << " keys " << keys;
      if (isa == Isa::avx2) wide = out;
      const bool differs = isa == Isa::avx512 && !same_bits(out, wide);
      ASSERT_FALSE(differs) << "case " << i << ": AVX2 and AVX-512 differ";
    }
  }
}

TEST(Attention, TimedShapesAgainstOracle) {
  Pool two(2);
  for (const int op : {TERN_BENCH_ATTENTION_DECODE, TERN_BENCH_ATTENTION_PREFILL})
    for (const tern_bench_case& shape : cases::bench_shapes(op, false, 9)) {
      Random random(oracle::seed());
      Case c(random, {shape.type, shape.n_heads, shape.n_kv_heads, shape.head_dim, 1}, 1, shape.n_rows, shape.n_in);
      for (Isa isa : tiers())
        ASSERT_EQ(c.compare(c.compute(two, isa)), "") << "TERN_SEED=" << oracle::seed() << " tier " << isa_name(isa) << " type " << shape.type << " heads "
                                                      << shape.n_heads << "/" << shape.n_kv_heads << " keys " << shape.n_in;
    }
}

TEST(Attention, ManySplitsAndThreads) {
  Pool pools[] = {Pool(1), Pool(2), Pool(3)};
  for (int i = 0; i < 24; i++) {
    Random random(oracle::seed() * 1000003 + 5000 + i);
    const int group = pick(random, {1, 4, 5, 8}), n_kv_heads = pick(random, {1, 2, 3, 5});
    const Shape shape = {i % 2 ? TERN_TYPE_F32 : TERN_TYPE_F16, group * n_kv_heads, n_kv_heads, pick(random, {64, 128}), 2};
    Case c(random, shape, pick(random, {1, 1, 3}), pick(random, {1, 1, 9}), 4 * kSplitLen + 77);
    for (Isa isa : tiers()) {
      const std::vector<float> out = c.compute(pools[0], isa);
      ASSERT_EQ(c.compare(out), "") << "TERN_SEED=" << oracle::seed() << " case " << i << " tier " << isa_name(isa);
      for (int p : {1, 2})
        for (const bool no_room : {false, true})
          ASSERT_TRUE(same_bits(out, c.compute(pools[p], isa, no_room))) << "case " << i << ", " << p + 1 << " threads, " << no_room;
    }
  }
}

// A stream over a rolling cache as the scheduler keeps it: sinks at rotation 1, a window at rotation 0 whose front is trimmed
// and whose pages are used again. Keys that left are overwritten with NaN.
struct Stream {
  static constexpr int kSinks = 4, kHeads = 4, kKvHeads = 2, kDim = 64;
  int n, window, type;
  std::vector<float> q, k, v;  // [2, n, kHeads * kDim], [n, kKvHeads * kDim] twice

  Stream(Random& random, int n, int window, int type)
      : n(n), window(window), type(type), q(normal(random, size_t(2) * n * kHeads * kDim, 2)),
        k(normal(random, size_t(n) * kKvHeads * kDim, 1)), v(normal(random, size_t(n) * kKvHeads * kDim, 1)) {}

  // Rows [from, n) computed in chunks; rows before are appended only. n_mates other sequences of one row stand before it.
  std::vector<float> run_chunks(Pool& pool, Isa isa, int chunk, int from = 0, int n_mates = 0) const {
    const int n_pages = (kSinks + window + std::max(chunk, n - (n - from) + chunk)) / kPage + 4;
    Arena arena(n_pages + 1, type, kKvHeads, kDim);
    std::vector<float> out;
    std::map<int64_t, int> page_of;  // index / 64 -> page; the sinks' page stays
    std::vector<int> free_pages;
    for (int p = n_pages - 1; p >= 0; p--) free_pages.push_back(p);
    const int dim = kKvHeads * kDim;
    const std::vector<float> nan(dim, kNan);
    int64_t unseen = kSinks;  // keys before this one are NaN, but for the sinks
    for (int start = 0; start < n; start += start < from ? 1 : chunk) {
      const int end = start < from ? start + 1 : std::min(n, start + chunk);
      const int64_t first = std::max(kSinks, start - window + 1);  // the oldest key that the chunk's first row sees
      for (auto it = page_of.begin(); it != page_of.end();) {
        if (it->first && (it->first + 1) * kPage <= first) {
          free_pages.push_back(it->second);
          it = page_of.erase(it);
        } else {
          ++it;
        }
      }
      for (; unseen < first; unseen++)
        if (const auto page = page_of.find(unseen / kPage); page != page_of.end())
          arena.append(isa, nan.data(), nan.data(), page->second * kPage + int(unseen % kPage));
      for (int j = start; j < end; j++) {
        if (!page_of.count(j / kPage)) {
          page_of[j / kPage] = free_pages.back();
          free_pages.pop_back();
        }
        arena.append(isa, &k[size_t(j) * dim], &v[size_t(j) * dim], page_of[j / kPage] * kPage + j % kPage);
      }
      if (start < from) continue;
      const std::vector<float> rows = attend(pool, isa, arena.layer(), page_of, start, end, first, n_mates);
      out.insert(out.end(), rows.begin(), rows.end());
    }
    return out;
  }

 private:
  std::vector<float> attend(Pool& pool, Isa isa, const KvLayer& kv, std::map<int64_t, int>& page_of, int start, int end,
                            int64_t first, int n_mates) const {
    std::vector<AttentionSegment> segments = {{page_of[0] * kPage, std::min(kSinks, end), 0, 1}};
    for (int64_t j = first; j < end;) {
      int64_t next = std::min<int64_t>(end, (j / kPage + 1) * kPage);
      while (next < end && page_of[next / kPage] == page_of[next / kPage - 1] + 1) next = std::min<int64_t>(end, next + kPage);
      segments.push_back({page_of[j / kPage] * kPage + int(j % kPage), int(next - j), j, 0});
      j = next;
    }
    const int n_rows = end - start + n_mates, row_dim = kHeads * kDim;
    std::vector<int64_t> sink_end(n_rows), lo(n_rows), hi(n_rows);
    std::vector<float> rows(size_t(2) * n_rows * row_dim);
    std::vector<AttentionSeq> seqs;
    for (int i = 0; i < n_rows; i++) {
      const int pos = std::max(start, start + i - n_mates);
      sink_end[i] = std::min(kSinks, pos + 1);
      lo[i] = std::max(0, pos - window + 1);
      hi[i] = pos;
      if (i < n_mates) lo[i] = pos, seqs.push_back({i, i + 1, segments.data(), int(segments.size())});
      for (int r = 0; r < 2; r++)
        std::copy_n(&q[(size_t(r) * n + pos) * row_dim], row_dim, &rows[(size_t(r) * n_rows + i) * row_dim]);
    }
    seqs.push_back({n_mates, n_rows, segments.data(), int(segments.size())});
    const std::vector<float> out = run(pool, isa, kv,
                                       {rows.data(), n_rows, kHeads, sink_end.data(), lo.data(), hi.data(), seqs.data(),
                                        int(seqs.size()), nullptr},
                                       int64_t(end) * int64_t(seqs.size()), int(seqs.size() * segments.size()));
    return {out.begin() + n_mates * row_dim, out.end()};
  }
};

TEST(Attention, ChunksThreadsAndMatesChangeNoBit) {
  Pool one(1), two(2), three(3);
  for (int type : {TERN_TYPE_F32, TERN_TYPE_F16})
    for (Isa isa : tiers()) {
      Random random(oracle::seed() + 7);
      const Stream stream(random, 461, 100, type);
      const std::vector<float> whole = stream.run_chunks(one, isa, stream.n);
      for (float x : whole) ASSERT_TRUE(std::isfinite(x));
      for (int chunk : {1, 7, 16, 50, 461})
        for (Pool* pool : {&one, &two, &three})
          ASSERT_TRUE(same_bits(whole, stream.run_chunks(*pool, isa, chunk, 0, chunk % 3)))
              << "TERN_SEED=" << oracle::seed() << " chunk " << chunk << ", " << pool->n_threads() << " threads, tier "
              << isa_name(isa);
    }
}

TEST(Attention, SplitsOfDecodeAndPrefillAgree) {
  Pool one(1), three(3);
  for (Isa isa : tiers()) {
    Random random(oracle::seed() + 8);
    const Stream stream(random, 4 * kSplitLen + 130, 3 * kSplitLen + 50, TERN_TYPE_F16);
    const int from = stream.n - 100;
    const std::vector<float> whole = stream.run_chunks(one, isa, 100, from);
    for (int chunk : {1, 16, 50})
      for (Pool* pool : {&one, &three})
        ASSERT_TRUE(same_bits(whole, stream.run_chunks(*pool, isa, chunk, from)))
            << "TERN_SEED=" << oracle::seed() << " chunk " << chunk << ", " << pool->n_threads() << " threads, tier "
            << isa_name(isa);
  }
}

// A key that only row 1 sees is NaN, then infinite: row 1 shows it, rows 0 and 2 keep every bit.
TEST(Attention, KeysOfOthersChangeNoBit) {
  Pool pool(1);
  for (Isa isa : tiers())
    for (int type : {TERN_TYPE_F32, TERN_TYPE_F16}) {
      Random random(oracle::seed() + 9);
      constexpr int kDim = 72, kKeys = 130;
      const std::vector<float> q = normal(random, 3 * kDim, 1), k = normal(random, kKeys * kDim, 1);
      const std::vector<float> v = normal(random, kKeys * kDim, 1);
      const AttentionSegment segment = {0, kKeys, 0, 0};
      const AttentionSeq seq = {0, 3, &segment, 1};
      const int64_t sink_end[] = {0, 0, 10}, lo[] = {0, 70, 72}, hi[] = {70, 71, 129};
      std::vector<std::vector<float>> outs;
      for (float bad : {1.f, kNan, std::numeric_limits<float>::infinity()}) {
        Arena arena(3, type, 1, kDim);
        for (int j = 0; j < kKeys; j++) arena.append(isa, &k[j * kDim], &v[j * kDim], j);
        const std::vector<float> row(kDim, bad);
        arena.append(isa, row.data(), row.data(), 71);
        outs.push_back(run(pool, isa, arena.layer(), {q.data(), 3, 1, sink_end, lo, hi, &seq, 1, nullptr}, kKeys, 1));
      }
      for (int other : {1, 2}) {
        EXPECT_EQ(std::memcmp(&outs[0][0], &outs[other][0], kDim * 4), 0);
        EXPECT_EQ(std::memcmp(&outs[0][2 * kDim], &outs[other][2 * kDim], kDim * 4), 0);
        EXPECT_FALSE(std::isfinite(outs[other][kDim]));
      }
    }
}

TEST(Attention, NothingSeenGivesZero) {
  Pool pool(2);
  for (Isa isa : tiers()) {
    Arena arena(2, TERN_TYPE_F16, 1, 64);
    const std::vector<float> q(2 * 4 * 64, 1.f);
    const AttentionSegment segment = {5, 80, 5, 0};
    const AttentionSeq seqs[] = {{0, 1, &segment, 1}, {1, 1, &segment, 1}, {1, 2, nullptr, 0}};
    const int64_t sink_end[] = {5, 100}, lo[] = {85, 0}, hi[] = {200, 100};
    for (float x : run(pool, isa, arena.layer(), {q.data(), 2, 4, sink_end, lo, hi, seqs, 3, nullptr}, 160, 2))
      ASSERT_EQ(x, 0.f);
  }
}

TEST(Attention, TheBoundCatchesOneKeyMoreOrLess) {
  Pool pool(1);
  for (Isa isa : tiers())
    for (int n_keys : {2, 70, 1500}) {
      Random random(oracle::seed() + 11);
      AttentionProblem p = {1, 1, 64, 1, {{0, n_keys, 0, 0}}, {normal(random, n_keys * 64, 1)}, {normal(random, n_keys * 64, 1)},
                            normal(random, 64, 1), {0}, {0}, {n_keys - 1}};
      Arena arena(n_keys / 64 + 1, TERN_TYPE_F32, 1, 64);
      for (int j = 0; j < n_keys; j++) arena.append(isa, &p.k[0][j * 64], &p.v[0][j * 64], j);
      const AttentionSeq seq = {0, 1, p.segments.data(), 1};
      const auto out = run(pool, isa, arena.layer(),
                           {p.q.data(), 1, 1, p.sink_end.data(), p.lo.data(), p.hi.data(), &seq, 1, nullptr}, n_keys, 1);
      EXPECT_EQ(oracle::attention_mismatch(p, out.data()), "");
      p.hi[0]--;
      EXPECT_NE(oracle::attention_mismatch(p, out.data()), "") << n_keys;
      p.hi[0]++;
      p.q[3] *= 1.05f;
      EXPECT_NE(oracle::attention_mismatch(p, out.data()), "") << n_keys << " keys, one element of q off by a twentieth";
    }
}

TEST(Attention, ExtremeScores) {
  Pool pool(1);
  for (Isa isa : tiers())
    for (float size : {0.f, 1e-30f, 1e4f, 1e15f}) {  // scores up to 1e31: one key takes all
      Random random(oracle::seed() + 10);
      AttentionProblem p = {1, 1, 16, 1, {{0, 70, 0, 0}}, {normal(random, 70 * 16, 1)}, {normal(random, 70 * 16, 1)},
                            normal(random, 16, size), {0}, {0}, {69}};
      Arena arena(2, TERN_TYPE_F32, 1, 16);
      for (int j = 0; j < 70; j++) arena.append(isa, &p.k[0][j * 16], &p.v[0][j * 16], j);
      const AttentionSeq seq = {0, 1, p.segments.data(), 1};
      const auto out = run(pool, isa, arena.layer(),
                           {p.q.data(), 1, 1, p.sink_end.data(), p.lo.data(), p.hi.data(), &seq, 1, nullptr}, 70, 1);
      const std::vector<double> ref64 = oracle::attention<double>(p);
      EXPECT_EQ(oracle::mismatch(out.data(), ref64.data(), oracle::attention<float>(p).data(), 1, 16, 4), "")
          << size;
    }
}

TEST(KvAppend, TransposesAndRoundsToNearestEven) {
  const float special[] = {0.f, -0.f, 1.f, 65504.f, 65519.f, 65520.f, 1e9f, 6.1e-5f, 5.9604645e-8f, 2.9802322e-8f, 2.98024e-8f,
                           1e-10f, 1.00048828125f, 1.00146484375f, -3.14159f, std::numeric_limits<float>::infinity()};
  for (Isa isa : tiers())
    for (int head_dim : {8, 24, 64}) {
      Random random(oracle::seed() + head_dim);
      constexpr int kKvHeads = 2, kStride = 2 * 64 + 5;
      std::vector<float> k = normal(random, 3 * kStride, 3), v = normal(random, 3 * kStride, 3e-6f);
      std::copy_n(special, 8, &k[0]);
      std::copy_n(special + 8, 8, &v[0]);
      const int32_t slots[] = {1, 63, 64 + 17};
      Arena arena(2, TERN_TYPE_F16, kKvHeads, head_dim);
      Pool one(1);
      kv_append(one, isa, arena.layer(), k.data(), kStride, v.data(), kStride, slots, 3);
      const uint16_t* kh = static_cast<const uint16_t*>(arena.layer().k);
      const uint16_t* vh = static_cast<const uint16_t*>(arena.layer().v);
      const auto value = [](uint16_t h) {
        const int e = h >> 10 & 31, m = h & 1023;
        const double x = e == 31 ? (m ? NAN : INFINITY) : e ? std::ldexp(1024 + m, e - 25) : std::ldexp(m, -24);
        return float(h >> 15 ? -x : x);
      };
      int written = 0;
      for (int i = 0; i < 3; i++)
        for (int h = 0; h < kKvHeads; h++)
          for (int d = 0; d < head_dim; d++) {
            const int page = slots[i] / 64, place = slots[i] % 64, tile = (page * kKvHeads + h) * head_dim * 64;
            EXPECT_EQ(value(kh[tile + d * 64 + place]), oracle::round_to_half(k[i * kStride + h * head_dim + d]));
            EXPECT_EQ(value(vh[tile + place * head_dim + d]), oracle::round_to_half(v[i * kStride + h * head_dim + d]));
            written++;
          }
      int there = 0;
      for (size_t i = 0; i + 1 < arena.k().size(); i += 2) there += arena.k()[i] != kNanByte || arena.k()[i + 1] != kNanByte;
      EXPECT_EQ(there, written) << "other slots were written";
    }
}

}  // namespace
}  // namespace tern::cpu
