// The arithmetic of attention: one tile of keys folded into the states of the queries that see it, and merging of states.
// Included by one file per tier, whose compiler flags choose the vectors (vec_math.h says why all this is unnamed).
//
// State of a query over the keys folded so far: m = max s_j, l = sum e^(s_j - m) in 16 lanes (key index mod 16),
// acc = sum e^(s_j - m) v_j. Nothing seen yet: m = -inf, l = 0, acc = 0.
#pragma once

#include "cpu/attention_state.h"
#include "cpu/vec_math.h"

namespace tern::cpu {
namespace {

constexpr int kPage = TERN_PAGE_LEN;

// Widest step of vectors that leaves n_q rows of accumulators in registers.
constexpr int unit_step(int n_q) { return n_q * 4 <= kUnits ? 4 : n_q * 2 <= kUnits ? 2 : 1; }

// A tile of K or V, [head_dim, kPage] or [kPage, head_dim], that is asked for while another is worked on. ask: for n elements from the place of element `at`.
// Without this a decode step waits on memory in every tile: what follows a tile may be far, and the processor's own prefetchers stop at every 4 KB.
// V is asked for while K is scored, the next K while V is weighed.
template <class T>
struct Quarters {  // the tile's four quarters in turn, into L1, where four streams come faster than one (plan/stream_plan.h)
  const T* tile;  // may be null
  void ask(int head_dim, int at, int n) const {
    const int row = at / kPage;
    const T* const p = tile + (row % 4 * (head_dim / 4) + row / 4) * kPage + at % kPage;
    for (int i = 0; i < n; i += 64 / int{sizeof(T)}) __builtin_prefetch(p + i);
  }
};

template <class T>
struct InOrder {  // into L2, where one stream does
  const T* tile;
  void ask(int, int at, int n) const {
    for (int i = 0; i < n; i += 64 / int{sizeof(T)}) __builtin_prefetch(tile + at + i, 0, 2);
  }
};

// ---- scores: out[q][key] = sum over d of q[d] k[d][key], d ascending --------------------------------------------

template <int kQ, int kVecs, class T, class Ahead>
inline void score_strip(const float* const* q, const T* k, int head_dim, float (*out)[kPage], int vec, Ahead ahead) {
  F sum[kQ][kVecs];
  for (int i = 0; i < kQ; i++)
    for (int j = 0; j < kVecs; j++) sum[i][j] = set1(0.f);
  k += vec * kLanes;
  out = reinterpret_cast<float(*)[kPage]>(&out[0][vec * kLanes]);
  for (int d = 0; d < head_dim; d++, k += kPage) {
    if (ahead.tile) ahead.ask(head_dim, d * kPage, kPage);
    if constexpr (kQ == 1) {  // one key after the other: beside four sums AVX2 has no registers for four
      const F x = set1(q[0][d]);
      for (int j = 0; j < kVecs; j++) sum[0][j] = madd(x, load(k + j * kLanes), sum[0][j]);
      continue;
    }
    F keys[kVecs];
    for (int j = 0; j < kVecs; j++) keys[j] = load(k + j * kLanes);
    for (int i = 0; i < kQ; i++) {
      const F x = set1(q[i][d]);
      for (int j = 0; j < kVecs; j++) sum[i][j] = madd(x, keys[j], sum[i][j]);
    }
  }
  for (int i = 0; i < kQ; i++)
    for (int j = 0; j < kVecs; j++) store(&out[i][j * kLanes], sum[i][j]);
}

// Vectors [begin, end) of the tile's four. (This and weigh: inlined into fold_queries, g++ 12 runs out of registers.)
template <int kQ, class T, class Ahead>
__attribute__((noinline)) void score(const float* const* q, const T* k, int head_dim, float (*out)[kPage], int begin, int end,
                                     Ahead ahead) {
  constexpr int kStep = unit_step(kQ);
  int v = begin;
  for (; v + kStep <= end; v += kStep) {
    score_strip<kQ, kStep>(q, k, head_dim, out, v, ahead);
    ahead.tile = nullptr;  // once is enough
  }
  for (; v < end; v++) {
    score_strip<kQ, 1>(q, k, head_dim, out, v, ahead);
    ahead.tile = nullptr;
  }
}

// ---- online softmax: s becomes e^(s - m), 0 where not seen; returns what to scale the state by -------------------

inline float fold_scores(float* s, uint64_t mask, float scale, int begin, int end, float* l, float* m) {
  F largest = set1(-kInf);
  for (int v = begin; v < end; v++) {
    const F x = select(static_cast<uint32_t>(mask >> (v * kLanes)), mul(load(s + v * kLanes), set1(scale)), set1(-kInf));
    largest = vmax(largest, x);
    store(s + v * kLanes, x);
  }
  const float tile_max = hmax(largest);
  const float new_max = tile_max > *m ? tile_max : *m;
  const F alpha = exp_nonpositive(set1(*m - new_max));
  F sum = mul(load(l), alpha);
  for (int v = begin; v < end; v++) {
    const F p = exp_nonpositive(sub(load(s + v * kLanes), set1(new_max)));
    sum = add(sum, p);
    store(s + v * kLanes, p);
  }
  store(l, sum);
  *m = new_max;
  float lanes[kLanes];
  store(lanes, alpha);
  return lanes[0];
}

// ---- weighted values: acc = acc alpha + sum over seen keys of p[key] v[key], keys ascending -----------------------

// kHalf: one vector of 8.
template <int kQ, int kVecs, bool kHalf, class T, class Ahead>
inline void weigh_strip(const float (*p)[kPage], const float* alpha, const T* v, int head_dim, uint64_t mask,
                        float* const* acc, int dim, Ahead ahead) {
  F sum[kQ][kVecs];
  for (int i = 0; i < kQ; i++)
    for (int j = 0; j < kVecs; j++) sum[i][j] = mul(load(acc[i] + dim + j * kLanes), set1(alpha[i]));
  for (int key = 0; mask;) {  // runs of seen keys: an unseen key's v is never touched, as 0 * NaN would show it
    const int gap = __builtin_ctzll(mask);
    mask >>= gap;
    const int run = ~mask ? __builtin_ctzll(~mask) : kPage;
    mask = run < kPage ? mask >> run : 0;
    key += gap;
    const int run_end = key + run;
    const T* row = v + int64_t{key} * head_dim + dim;
    for (; key < run_end; key++, row += head_dim) {
      if (ahead.tile) ahead.ask(head_dim, dim * kPage + key * kVecs * kLanes, kVecs * kLanes);
      if constexpr (kQ == 1 && !kHalf) {
        const F w = set1(p[0][key]);
        for (int j = 0; j < kVecs; j++) sum[0][j] = madd(w, load(row + j * kLanes), sum[0][j]);
        continue;
      }
      F x[kVecs];
      for (int j = 0; j < kVecs; j++) x[j] = kHalf ? load_half(row) : load(row + j * kLanes);
      for (int i = 0; i < kQ; i++) {
        const F w = set1(p[i][key]);
        for (int j = 0; j < kVecs; j++) sum[i][j] = madd(w, x[j], sum[i][j]);
      }
    }
  }
  for (int i = 0; i < kQ; i++)
    for (int j = 0; j < kVecs; j++) store(acc[i] + dim + j * kLanes, sum[i][j]);
}

template <int kQ, class T, class Ahead>
__attribute__((noinline)) void weigh(const float (*p)[kPage], const float* alpha, const T* v, int head_dim, uint64_t mask,
                                     float* const* acc, Ahead ahead) {
  constexpr int kStep = unit_step(kQ);
  int dim = 0;
  for (; dim + kStep * kLanes <= head_dim; dim += kStep * kLanes)
    weigh_strip<kQ, kStep, false>(p, alpha, v, head_dim, mask, acc, dim, ahead);
  for (; dim + kLanes <= head_dim; dim += kLanes) weigh_strip<kQ, 1, false>(p, alpha, v, head_dim, mask, acc, dim, ahead);
  if (dim < head_dim) weigh_strip<kQ, 1, true>(p, alpha, v, head_dim, mask, acc, dim, ahead);
}

// ---- a tile -------------------------------------------------------------------------------------------------------

// Calls f<n>, n in [1, kMaxQ].
#define TERN_DISPATCH_Q(n, f, ...)                      \
  switch (n) {                                          \
    case 1: f<1>(__VA_ARGS__); break;                   \
    case 2: f<2 <= kMaxQ ? 2 : 1>(__VA_ARGS__); break;  \
    case 3: f<3 <= kMaxQ ? 3 : 1>(__VA_ARGS__); break;  \
    case 4: f<4 <= kMaxQ ? 4 : 1>(__VA_ARGS__); break;  \
    case 5: f<5 <= kMaxQ ? 5 : 1>(__VA_ARGS__); break;  \
    default: f<6 <= kMaxQ ? 6 : 1>(__VA_ARGS__);        \
  }

// Up to kMaxQ queries. Their masks may differ; a run of queries with one mask shares the loads of v.
template <class T, class Ahead>
inline void fold_queries(const T* k, const T* v, Ahead next_v, Ahead next_k, int head_dim, float scale,
                         const TileQuery* queries, int n) {
  alignas(64) float p[kMaxQ][kPage];
  const float* q[kMaxQ];
  float* acc[kMaxQ];
  float alpha[kMaxQ];
  uint64_t seen = 0;
  for (int i = 0; i < n; i++) {
    q[i] = queries[i].q;
    acc[i] = queries[i].state;
    seen |= queries[i].mask;
  }
  const int begin = __builtin_ctzll(seen) / kLanes, end = (63 - __builtin_clzll(seen)) / kLanes + 1;
  TERN_DISPATCH_Q(n, score, q, k, head_dim, p, begin, end, next_v)
  const AttentionStateLayout layout(head_dim);
  for (int i = 0; i < n; i++) {
    alpha[i] = fold_scores(p[i], queries[i].mask, scale, begin, end, acc[i] + layout.l, acc[i] + layout.m);
  }
  for (int i = 0; i < n;) {
    int same = 1;
    while (i + same < n && queries[i + same].mask == queries[i].mask) same++;
    TERN_DISPATCH_Q(same, weigh, p + i, alpha + i, v, head_dim, queries[i].mask, acc + i, i ? Ahead{nullptr} : next_k)
    i += same;
  }
}

template <class T, class Ahead>
void fold_tile_asking(const TileData& tile, int head_dim, float scale, const TileQuery* queries, int n) {
  const T* k = static_cast<const T*>(tile.k);
  const T* v = static_cast<const T*>(tile.v);
  Ahead next_v = {v};  // however little is seen of it: docs/attention.md
  Ahead next_k = {static_cast<const T*>(tile.next_k)};
  for (int i = 0; i < n; i += kMaxQ) {
    fold_queries(k, v, next_v, next_k, head_dim, scale, queries + i, n - i < kMaxQ ? n - i : kMaxQ);
    next_v.tile = next_k.tile = nullptr;
  }
}

template <class T>
void fold_tile(const TileData& tile, int head_dim, float scale, const TileQuery* queries, int n) {
  if (tile.one_stream) return fold_tile_asking<T, InOrder<T>>(tile, head_dim, scale, queries, n);
  fold_tile_asking<T, Quarters<T>>(tile, head_dim, scale, queries, n);
}

// ---- states -------------------------------------------------------------------------------------------------------

void clear_state(int head_dim, float* state) {
  const AttentionStateLayout layout(head_dim);
  std::memset(state, 0, sizeof(float) * layout.size);
  state[layout.m] = -kInf;
}

// into = into followed by part; a part that saw nothing changes no bit. l of a merged state is in lane 0.
void merge_state(int head_dim, float* into, const float* part) {
  const AttentionStateLayout layout(head_dim);
  const float l_part = hsum(load(part + layout.l));
  if (l_part == 0) return;  // one seen key gives l >= 1, or NaN
  const float m_into = into[layout.m], m_part = part[layout.m];
  const float m = m_into > m_part ? m_into : m_part;
  const F a = exp_nonpositive(set1(m_into - m)), b = exp_nonpositive(set1(m_part - m));
  for (int d = 0; d < layout.l; d += kLanes)
    store(into + d, madd(load(part + d), b, mul(load(into + d), a)));
  float lanes[kLanes];
  store(lanes, madd(set1(l_part), b, mul(set1(into[layout.l]), a)));
  into[layout.l] = lanes[0];
  into[layout.m] = m;
}

// out = acc / l, or 0 if nothing was seen.
void finish_state(int head_dim, const float* state, float* out) {
  const AttentionStateLayout layout(head_dim);
  const float l = state[layout.l];
  for (int d = 0; d < head_dim; d += kLanes) {
    const F x = l == 0 ? set1(0.f) : div(load(state + d), set1(l));
    if (d + kLanes <= head_dim) store(out + d, x);
    else store_n(out + d, x, head_dim - d);
  }
}

// ---- append -------------------------------------------------------------------------------------------------------

// One head of one row: k goes into column [head_dim] of stride kPage, v into a row.
template <class T>
void append_head(const float* k, const float* v, int head_dim, void* k_column, void* v_row) {
  T* column = static_cast<T*>(k_column);
  T* row = static_cast<T*>(v_row);
  for (int d = 0; d < head_dim; d += kLanes) {
    const int n = head_dim - d < kLanes ? head_dim - d : kLanes;
    T lanes[kLanes];
    store(lanes, n == kLanes ? load(k + d) : load_half(k + d));
    for (int i = 0; i < n; i++) column[(d + i) * kPage] = lanes[i];
    store(lanes, n == kLanes ? load(v + d) : load_half(v + d));
    std::memcpy(row + d, lanes, sizeof(T) * n);
  }
}

constexpr AttentionKernels kAttentionKernels = {
    {fold_tile<float>, fold_tile<uint16_t>}, {append_head<float>, append_head<uint16_t>},
    clear_state, merge_state, finish_state};

}  // namespace
}  // namespace tern::cpu
