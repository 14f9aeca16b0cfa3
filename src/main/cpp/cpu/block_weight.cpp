#include "cpu/block_weight.h"

#include <algorithm>

#include "core/checked.h"
#include "cpu/isa.h"
#include "cpu/streams.h"
#include "cpu/task_cut.h"
#include "plan/stream_plan.h"

namespace tern::cpu {
namespace {

constexpr int64_t kTaskBytes = 192 << 10;   // one activation row: long against taking a task, short against a thread held back
constexpr int64_t kTaskProducts = 4 << 20;  // several: some 25 us
constexpr int kFewActs = 16;

}  // namespace

const BlockKernel* BlockWeight::kernels_here() {
#if defined(__x86_64__)
  if (isa() == Isa::avx512 && __builtin_cpu_supports("avx512vnni")) return kBlockVnniAvx512;
#endif
  return nullptr;
}

const BlockKernel* BlockWeight::kernel_of(const BlockKernel* kernels, int type) {
  for (int i = 0; kernels && i < kBlockKernels; i++)
    if (kernels[i].format->type == type) return &kernels[i];
  return nullptr;
}

BlockWeight::BlockWeight(const BlockKernel& kernel, int n_rows, int n_cols, Pool* pool)
    : kernel_(kernel),
      n_rows_(n_rows),
      n_blocks_(n_cols / kernel.format->n_cols),
      n_tiles_(parts_needed(n_rows, kBlockRows)),
      n_streams_(stream_plan(kStreams, checked_mul(n_tiles_, tile_bytes()))),
      packed_(n_tiles_ * tile_bytes(), "a weight matrix", pool) {
  TERN_CHECK_ARG(n_rows >= 1 && n_cols >= 1 && n_cols % kernel.format->n_cols == 0, "%s: tiles of %d rows and %d columns", kernel.name, n_rows, n_cols);
}

// Rows of a tile share its blocks, so that a tile is one task.
void BlockWeight::append_rows(Pool& pool, int n, const uint8_t* rows) {
  TERN_CHECK_ARG(n >= 0 && n <= n_rows_ - n_appended_, "%d rows after %d of %d", n, n_appended_, n_rows_);
  const BlockFormat& format = *kernel_.format;
  const int first = n_appended_, end = first + n, first_tile = first / kBlockRows;
  pool.run(n == 0 ? 0 : (end - 1) / kBlockRows - first_tile + 1, [&](int task, int) {
    const int tile = first_tile + task;
    for (int r = std::max(first, tile * kBlockRows); r < std::min(end, (tile + 1) * kBlockRows); r++) {
      const uint8_t* from = rows + int64_t(r - first) * n_blocks_ * format.file_bytes;
      uint8_t* to = packed_.as<uint8_t>() + tile * tile_bytes();
      for (int k = 0; k < n_blocks_; k++, from += format.file_bytes, to += kBlockRows * format.file_bytes) format.pack(from, r % kBlockRows, to);
    }
  });
  n_appended_ = end;
}

// Few rows are bound by memory in part and read four tiles at once, or one (plan/stream_plan.h); with more each task reads its tiles again for every kBlockActs.
BlockWeight::Cut BlockWeight::cut_of(int n_act_rows) const {
  const bool few = n_act_rows <= kFewActs;
  const int together = few ? kStreams : 1, most = parts_needed(n_tiles_, together);
  const int64_t products = int64_t(n_rows_) * n_turns() * kTurnCols * n_act_rows;
  const int by_bytes = parts_of(packed_.size(), kTaskBytes, most), by_products = parts_of(products, kTaskProducts, most);
  if (few) return {together, n_act_rows == 1 ? by_bytes : std::max(by_bytes, by_products), 1};
  return {together, by_products, parts_of(products / by_products, kTaskProducts, parts_needed(n_act_rows, kBlockActs))};
}

int BlockWeight::n_tasks(int n_act_rows) const {
  if (n_act_rows <= 0) return 0;
  const Cut cut = cut_of(n_act_rows);
  return cut.n_row_parts * cut.n_act_parts;
}

const uint8_t* BlockWeight::task_begin(int task) const {
  return packed_.as<uint8_t>() + part_of_groups(n_tiles_, kStreams, n_tasks(1), task).begin * tile_bytes();
}

int64_t BlockWeight::scratch_bytes(int n_act_rows) const {
  return checked_mul(checked_mul(n_act_rows, n_turns()), sizeof(BlockActs));
}

void BlockWeight::prepare(Pool& pool, const float* x, int64_t x_stride, int n_act_rows, void* scratch) const {
  const auto group = [&](int i, int) {
    const int row = i * kBlockActs;
    kernel_.prepare(x + row * x_stride, x_stride, std::min(kBlockActs, n_act_rows - row), n_turns(),
                    static_cast<BlockActs*>(scratch) + int64_t(row) * n_turns());
  };
  const int n_groups = parts_needed(n_act_rows, kBlockActs);
  // A group of 2560 columns is a few microseconds: below three of them no other thread is woken.
  if (n_groups >= 3) return pool.run(n_groups, group);
  for (int i = 0; i < n_groups; i++) group(i, 0);
}

void BlockWeight::run_task(int task, int n_act_rows, const void* scratch, float* out, int out_stride, bool accumulate) const {
  const Cut cut = cut_of(n_act_rows);
  const Range tiles = part_of_groups(n_tiles_, cut.together, cut.n_row_parts, task % cut.n_row_parts);
  const Range acts = part(parts_needed(n_act_rows, kBlockActs), cut.n_act_parts, task / cut.n_row_parts);
  alignas(64) float sums[kStreams * kBlockActs * kBlockRows];
  const int at_once = n_act_rows <= kFewActs ? n_streams_ : kStreams;
  for (int tile = tiles.begin; tile < tiles.end; tile += at_once)
    for (int t = acts.begin; t < acts.end; t++) {
      const int row = t * kBlockActs;
      const int n_tiles = std::min(at_once, tiles.end - tile), n_acts = std::min(kBlockActs, n_act_rows - row);
      kernel_.sums(packed_.as<uint8_t>() + tile * tile_bytes(), n_tiles, n_blocks_, static_cast<const BlockActs*>(scratch) + int64_t(row) * n_turns(),
                   n_acts, sums);
      for (int i = 0; i < n_tiles; i++)
        for (int a = 0; a < n_acts; a++) {
          const int first = (tile + i) * kBlockRows, n = std::min(kBlockRows, n_rows_ - first);
          const float* const from = sums + (i * n_acts + a) * kBlockRows;
          float* const to = out + int64_t(row + a) * out_stride + first;
          for (int r = 0; r < n; r++) to[r] = accumulate ? to[r] + from[r] : from[r];
        }
    }
}

void BlockWeight::embed(const int32_t* ids, int n_ids, float* out) const {
  const BlockFormat& format = *kernel_.format;
  for (int i = 0; i < n_ids; i++) {
    const uint8_t* from = packed_.as<uint8_t>() + ids[i] / kBlockRows * tile_bytes();
    for (int k = 0; k < n_blocks_; k++, from += kBlockRows * format.file_bytes, out += format.n_cols) format.unpack(from, ids[i] % kBlockRows, out);
  }
}

}  // namespace tern::cpu
