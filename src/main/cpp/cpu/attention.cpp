// Cuts attention into tasks. What is summed in which order is fixed by indices alone (attention.h); how the work is cut may
// therefore follow the number of threads and the shape of the batch without changing a bit.
//
// A task is (sequence, part of the splits, block of rows, kv heads). Rows of a block share every load of K and V, and so do
// the query heads of one kv head. The heads of a task take a page in turn, as they lie in it, so that it reads K and V as two linear streams. Only
// where there are too few tasks are the splits of a block divided between parts: each part leaves one state per query and split, and the part that
// finishes last merges them in ascending order.
#include "cpu/attention.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "core/checked.h"
#include "core/status.h"
#include "cpu/attention_state.h"
#include "cpu/task_cut.h"

namespace tern::cpu {
namespace {

constexpr int kPage = TERN_PAGE_LEN;
constexpr int kBlockQueries = 24;        // queries of a block and a kv head, if its rows have that few
constexpr int kTaskQueries = 32;         // of all heads of a task, likewise: their states are some 20 KB
constexpr int kTasksPerThread = 4;       // enough that a thread which the system holds back costs a quarter of its share
constexpr int64_t kInlineWork = 500000;  // multiply-adds, some 10 us: below that waking another thread gains nothing
constexpr int64_t kMaxStateBytes = 32 << 20;

static_assert(kSplitLen % kPage == 0, "a tile must lie in one split");

// The part of one segment in one page.
struct Tile {
  int64_t index;  // of the page's first place, whether or not the segment holds it
  int32_t page;
  int32_t begin;  // places [begin, end) of the page
  int32_t end;
  int32_t rotation;
};

// What any row of a set sees lies in [0, sink_end) or [lo, hi].
struct Hull {
  int64_t sink_end = 0;
  int64_t lo = INT64_MAX;
  int64_t hi = -1;

  bool meets(int64_t first, int64_t last) const { return first < sink_end || (first <= hi && last >= lo); }
};

Hull hull_of(const AttentionArgs& args, int row_begin, int row_end) {
  Hull hull;
  for (int i = row_begin; i < row_end; i++) {
    hull.sink_end = std::max(hull.sink_end, args.sink_end[i]);
    if (args.lo[i] > args.hi[i]) continue;
    hull.lo = std::min(hull.lo, args.lo[i]);
    hull.hi = std::max(hull.hi, args.hi[i]);
  }
  return hull;
}

// The tiles of a sequence that meet a hull, indices ascending.
class Tiles {
 public:
  Tiles(const AttentionSeq& seq, const Hull& hull) : seq_(seq), hull_(hull) {}

  bool next(Tile& tile) {
    for (; s_ < seq_.n_segments; s_++, offset_ = 0) {
      const AttentionSegment& segment = seq_.segments[s_];
      const int64_t end = segment.index + segment.len;
      while (offset_ < segment.len) {
        const int64_t first = segment.index + offset_;
        const int64_t page_index = first / kPage * kPage;
        const int64_t next = std::min(page_index + kPage, end);
        const bool met = hull_.meets(first, next - 1);
        if (!met && (first > hull_.hi || hull_.lo >= end)) break;  // nothing of this segment any more
        // Between the sinks and lo there is nothing: on to the page of lo.
        offset_ = (met ? next : std::max(next, hull_.lo / kPage * kPage)) - segment.index;
        if (!met) continue;
        tile.index = page_index;
        tile.page = static_cast<int32_t>((segment.slot + (first - segment.index)) / kPage);
        tile.begin = static_cast<int32_t>(first - page_index);
        tile.end = static_cast<int32_t>(next - page_index);
        tile.rotation = segment.rotation;
        return true;
      }
    }
    return false;
  }

 private:
  const AttentionSeq& seq_;
  const Hull& hull_;
  int s_ = 0;
  int64_t offset_ = 0;  // of the next key in segment s_
};

// Bits of the places below x in a page whose first place has index page_index.
uint64_t places_below(int64_t x, int64_t page_index) {
  if (x <= page_index) return 0;
  const int64_t n = x - page_index;
  return n >= kPage ? ~uint64_t{0} : (uint64_t{1} << n) - 1;
}

uint64_t seen_places(const Tile& tile, int64_t sink_end, int64_t lo, int64_t hi) {
  const uint64_t there = (tile.end == kPage ? ~uint64_t{0} : (uint64_t{1} << tile.end) - 1) >> tile.begin << tile.begin;
  const uint64_t below_hi = hi == INT64_MAX ? ~uint64_t{0} : places_below(hi + 1, tile.index);
  return there & (places_below(sink_end, tile.index) | (below_hi & ~places_below(lo, tile.index)));
}

// How one sequence is cut.
struct SeqPlan {
  const AttentionSeq* seq;
  Hull hull;
  int64_t n_keys;         // that the hull meets, whole tiles
  int32_t n_splits;
  int32_t n_blocks;       // of rows
  int32_t n_head_groups;  // of kv heads
  int32_t n_parts;        // of the splits
  int32_t first_task;     // its tasks: [n_parts, n_blocks, n_head_groups]
  int32_t first_counter;  // [n_blocks, n_head_groups]
  int64_t first_state;    // [n_blocks, n_head_groups, n_splits, task_queries], if n_parts > 1
};

// Everything a task needs.
struct Job {
  KvLayer kv;
  AttentionArgs args;
  const AttentionKernels* kernels;
  int type;            // index into the kernels' tables
  const char* k;       // kv.k and kv.v in bytes
  const char* v;
  int group;           // query heads per kv head
  int rows_per_block;
  int task_queries;    // of a task, at most
  int state_size;      // floats
  float scale;
  SeqPlan* plans;
  int n_plans;
  int n_tasks;
  float* local;        // [n_threads, 2, task_queries, state_size]
  TileQuery* queries;  // [n_threads, task_queries]
  int32_t* counters;
  float* states;
};

struct Block {
  const SeqPlan* plan;
  Range heads;  // of K and V
  int row_begin;
  int n_rows;
};

// States are [kv heads, rows, query heads of a kv head].
int head_queries(const Job& job, const Block& block) { return block.n_rows * job.group; }
int block_queries(const Job& job, const Block& block) { return (block.heads.end - block.heads.begin) * head_queries(job, block); }

int64_t tile_offset(const Job& job, const Tile& tile, int kv_head) {
  return (int64_t{tile.page} * job.kv.n_kv_heads + kv_head) * job.kv.head_dim * kPage * (job.type ? 2 : 4);
}

// The queries of the block's first kv head that see some of the tile; how many.
int queries_of(const Job& job, const Block& block, const Tile& tile, float* states, TileQuery* queries) {
  const int head_dim = job.kv.head_dim;
  const int64_t dim = int64_t{job.args.n_heads} * head_dim;
  int n = 0;
  for (int r = 0; r < block.n_rows; r++) {
    const int row = block.row_begin + r;
    const uint64_t mask = seen_places(tile, job.args.sink_end[row], job.args.lo[row], job.args.hi[row]);
    if (!mask) continue;
    const float* q = job.args.q + (int64_t{tile.rotation} * job.args.n_rows + row) * dim + block.heads.begin * job.group * head_dim;
    for (int h = 0; h < job.group; h++)
      queries[n++] = {q + h * head_dim, mask, states + (r * job.group + h) * job.state_size};
  }
  return n;
}

// Folds splits [split_begin, split_end) of the block. open(split) gives the states, [block_queries, state_size], to fold into;
// close(states) follows when the split is complete.
template <class Open, class Close>
void fold_splits(const Job& job, const Block& block, TileQuery* queries, int split_begin, int split_end, Open&& open,
                 Close&& close) {
  Tiles tiles(*block.plan->seq, block.plan->hull);
  Tile tile, following;
  int split = -1;
  int64_t key = -1;
  float* states = nullptr;
  for (bool more = tiles.next(tile); more && split < split_end; tile = following) {
    more = tiles.next(following);
    if (tile.index / kSplitLen != key) {
      key = tile.index / kSplitLen;
      if (states) close(states);
      split++;
      states = split >= split_begin && split < split_end ? open(split) : nullptr;
      for (int i = 0; states && i < block_queries(job, block); i++) job.kernels->clear_state(job.kv.head_dim, states + i * job.state_size);
    }
    if (!states) continue;
    const int n = queries_of(job, block, tile, states, queries);
    if (!n) continue;
    for (int head = block.heads.begin; head < block.heads.end; head++) {
      const bool last = head + 1 == block.heads.end;
      const Tile& next = last ? following : tile;
      const bool whole = (more || !last) && next.end - next.begin == kPage;
      const int64_t offset = tile_offset(job, tile, head);
      job.kernels->fold_tile[job.type](
          {job.k + offset, job.v + offset, whole ? job.k + tile_offset(job, next, last ? block.heads.begin : head + 1) : nullptr, job.args.one_stream},
          job.kv.head_dim, job.scale, queries, n);
      for (int i = 0; i < n && !last; i++) {
        queries[i].q += job.group * job.kv.head_dim;
        queries[i].state += head_queries(job, block) * job.state_size;
      }
    }
  }
  if (states) close(states);
}

void merge_states(const Job& job, const Block& block, float* into, const float* part) {
  for (int i = 0; i < block_queries(job, block); i++)
    job.kernels->merge_state(job.kv.head_dim, into + i * job.state_size, part + i * job.state_size);
}

void finish_block(const Job& job, const Block& block, const float* states) {
  const int head_dim = job.kv.head_dim, each = head_queries(job, block);
  for (int i = 0; i < block_queries(job, block); i++) {
    const int64_t row = block.row_begin + i % each / job.group, head = int64_t{block.heads.begin + i / each} * job.group + i % job.group;
    job.kernels->finish_state(head_dim, states + i * job.state_size, job.args.out + (row * job.args.n_heads + head) * head_dim);
  }
}

void run_task(const Job& job, int task, int thread) {
  const SeqPlan* plan = job.plans;
  while (plan + 1 < job.plans + job.n_plans && plan[1].first_task <= task) plan++;
  task -= plan->first_task;
  const int n_units = plan->n_blocks * plan->n_head_groups;
  const int part_index = task / n_units;
  const int unit = task % n_units;
  const int block_index = plan->n_blocks - 1 - unit / plan->n_head_groups;  // later rows see more: longest first
  Block block;
  block.plan = plan;
  block.heads = part(job.kv.n_kv_heads, plan->n_head_groups, unit % plan->n_head_groups);
  block.row_begin = plan->seq->row_begin + block_index * job.rows_per_block;
  block.n_rows = std::min(job.rows_per_block, plan->seq->row_end - block.row_begin);

  const int64_t block_states = int64_t{job.task_queries} * job.state_size;
  float* total = job.local + thread * 2 * block_states;
  float* current = total + block_states;
  TileQuery* queries = job.queries + thread * job.task_queries;
  const auto clear_total = [&] {
    for (int i = 0; i < block_queries(job, block); i++) job.kernels->clear_state(job.kv.head_dim, total + i * job.state_size);
  };
  if (plan->n_parts == 1) {
    clear_total();
    fold_splits(job, block, queries, 0, plan->n_splits, [&](int) { return current; },
                [&](float* states) { merge_states(job, block, total, states); });
    finish_block(job, block, total);
    return;
  }
  float* states = job.states + (plan->first_state + int64_t{unit} * plan->n_splits * job.task_queries) * job.state_size;
  const Range splits = part(plan->n_splits, plan->n_parts, part_index);
  fold_splits(job, block, queries, splits.begin, splits.end,
              [&](int split) { return states + split * block_states; }, [](float*) {});
  // Releases this part's states and acquires the others'.
  if (__atomic_add_fetch(job.counters + plan->first_counter + unit, 1, __ATOMIC_ACQ_REL) != plan->n_parts) return;
  clear_total();
  for (int split = 0; split < plan->n_splits; split++) merge_states(job, block, total, states + split * block_states);
  finish_block(job, block, total);
}

// Hull, keys and splits of a sequence; one part, and as many heads together as a task may have.
SeqPlan plan_seq(const Job& job, const AttentionSeq& seq) {
  SeqPlan plan = {};
  plan.seq = &seq;
  plan.hull = hull_of(job.args, seq.row_begin, seq.row_end);
  Tiles tiles(seq, plan.hull);
  Tile tile;
  for (int64_t key = -1; tiles.next(tile); key = tile.index / kSplitLen) {
    plan.n_splits += tile.index / kSplitLen != key;
    plan.n_keys += tile.end - tile.begin;
  }
  plan.n_blocks = parts_needed(seq.row_end - seq.row_begin, job.rows_per_block);
  const int queries = std::min(job.rows_per_block, seq.row_end - seq.row_begin) * job.group;
  plan.n_head_groups = parts_needed(job.kv.n_kv_heads, std::max(1, job.task_queries / queries));
  plan.n_parts = 1;
  return plan;
}

// Of a block of rows, all its heads.
int64_t block_work(const Job& job, const SeqPlan& plan) {
  const int rows = std::min(job.rows_per_block, plan.seq->row_end - plan.seq->row_begin);
  return plan.n_keys * rows * job.args.n_heads * job.kv.head_dim * 2;
}

// Divides blocks that are more than their share of the work: first their splits, as far as there is room for the states, then their heads. Numbers
// the tasks.
void cut(Job& job, int n_threads, int64_t max_states, int max_counters) {
  int64_t work = 0;
  for (int i = 0; i < job.n_plans; i++) work += block_work(job, job.plans[i]) * job.plans[i].n_blocks;
  const bool divide = n_threads > 1 && work > kInlineWork;
  const int64_t share = work / (int64_t{n_threads} * kTasksPerThread) + 1;
  int64_t n_states = 0;
  int n_counters = 0, n_tasks = 0;
  for (int i = 0; i < job.n_plans; i++) {
    SeqPlan& plan = job.plans[i];
    if (divide) {
      const int wanted = int(block_work(job, plan) / share + 1);  // tasks of a block
      const int n_parts = std::min(plan.n_splits, std::max(1, wanted / plan.n_head_groups));
      const int n_head_groups = std::max(plan.n_head_groups, std::min(job.kv.n_kv_heads, parts_needed(wanted, std::max(1, n_parts))));
      const int n_units = plan.n_blocks * n_head_groups;
      const int64_t states = int64_t{n_units} * plan.n_splits * job.task_queries;
      if (n_parts > 1 && n_states + states <= max_states && n_counters + n_units <= max_counters) {
        plan.n_parts = n_parts;
        plan.first_state = n_states;
        plan.first_counter = n_counters;
        n_states += states;
        n_counters += n_units;
      }
      plan.n_head_groups = plan.n_parts > 1 ? n_head_groups : std::max(plan.n_head_groups, std::min(job.kv.n_kv_heads, wanted));
    }
    plan.first_task = n_tasks;
    n_tasks += plan.n_blocks * plan.n_head_groups * plan.n_parts;
  }
  std::memset(job.counters, 0, sizeof(int32_t) * n_counters);
  job.n_tasks = n_tasks;
  if (!divide) job.n_tasks = -n_tasks;
}

// The scratch, piece after piece.
struct ScratchLayout {
  int64_t plans, local, queries, counters, states, fixed_size;
  int max_counters;
  int64_t state_bytes;

  ScratchLayout(int n_threads, int max_seqs, int group, int head_dim) {
    const int64_t task_queries = std::max(kTaskQueries, group);
    state_bytes = AttentionStateLayout(head_dim).size * int64_t{sizeof(float)};
    max_counters = n_threads * kTasksPerThread * 2;
    int64_t at = 0;
    const auto piece = [&at](int64_t bytes) {
      const int64_t begin = at;
      at = round_up(checked_add(at, bytes), 64);
      return begin;
    };
    plans = piece(checked_mul(max_seqs, sizeof(SeqPlan)));
    local = piece(checked_mul(checked_mul(n_threads, 2 * task_queries), state_bytes));
    queries = piece(checked_mul(n_threads, task_queries * int64_t{sizeof(TileQuery)}));
    counters = piece(max_counters * int64_t{sizeof(int32_t)});
    states = fixed_size = at;
  }
};

}  // namespace

int64_t attention_scratch_bytes(int n_threads, int max_rows, int n_heads, int n_kv_heads, int head_dim, int64_t max_keys,
                                int max_segments) {
  const int group = n_heads / n_kv_heads;
  const ScratchLayout layout(n_threads, max_rows, group, head_dim);
  if (n_threads == 1) return layout.fixed_size;
  const int64_t max_splits = checked_add(max_keys / kSplitLen, 2 * int64_t{max_segments});
  const int64_t block_bytes = checked_mul(std::max(kTaskQueries, group), layout.state_bytes);
  const int64_t wanted = checked_mul(checked_mul(max_splits, layout.max_counters), block_bytes);
  return checked_add(layout.fixed_size, std::min(wanted, kMaxStateBytes));
}

void attention(Pool& pool, Isa isa, const KvLayer& kv, const AttentionArgs& args, void* scratch, int64_t scratch_bytes) {
  const int n_threads = pool.n_threads();
  Job job;
  job.kv = kv;
  job.args = args;
  job.kernels = &attention_kernels(isa);
  job.type = kv.type == TERN_TYPE_F16;
  job.k = static_cast<const char*>(kv.k);
  job.v = static_cast<const char*>(kv.v);
  job.group = args.n_heads / kv.n_kv_heads;
  job.rows_per_block = std::max(1, kBlockQueries / job.group);
  job.task_queries = std::max(kTaskQueries, job.group);
  job.state_size = AttentionStateLayout(kv.head_dim).size;
  job.scale = static_cast<float>(1 / std::sqrt(double(kv.head_dim)));

  const ScratchLayout layout(n_threads, std::min(args.n_seqs, args.n_rows), job.group, kv.head_dim);
  if (scratch_bytes < layout.fixed_size)
    fail(TERN_ERR_INTERNAL, "attention needs %lld bytes of scratch, given %lld", static_cast<long long>(layout.fixed_size),
         static_cast<long long>(scratch_bytes));
  char* const base = static_cast<char*>(scratch);
  job.plans = reinterpret_cast<SeqPlan*>(base + layout.plans);
  job.local = reinterpret_cast<float*>(base + layout.local);
  job.queries = reinterpret_cast<TileQuery*>(base + layout.queries);
  job.counters = reinterpret_cast<int32_t*>(base + layout.counters);
  job.states = reinterpret_cast<float*>(base + layout.states);
  job.n_plans = 0;
  for (int s = 0; s < args.n_seqs; s++)
    if (args.seqs[s].row_end > args.seqs[s].row_begin) job.plans[job.n_plans++] = plan_seq(job, args.seqs[s]);
  cut(job, n_threads, (scratch_bytes - layout.fixed_size) / layout.state_bytes, layout.max_counters);
  const auto task = [&job](int i, int thread) { run_task(job, i, thread); };
  if (job.n_tasks > 0) pool.run(job.n_tasks, task);
  for (int i = 0; i < -job.n_tasks; i++) task(i, 0);
}

}  // namespace tern::cpu
