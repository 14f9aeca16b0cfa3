#include "cpu/q8.h"

#include <algorithm>
#include <cstring>

#include "core/checked.h"
#include "core/half.h"
#include "cpu/isa.h"
#include "cpu/streams.h"
#include "cpu/task_cut.h"

namespace tern::cpu {
namespace {

constexpr int64_t kTaskBytes = 192 << 10;   // one activation row: long against taking a task, short against a thread held back
constexpr int64_t kTaskProducts = 4 << 20;  // several: some 25 us
constexpr int kFewActs = 16;
constexpr int kFileBlockBytes = 34;         // fp16 scale, 32 int8

}  // namespace

const Q8Kernel* Q8Weight::kernel_here() {
#if defined(__x86_64__)
  if (isa() == Isa::avx512 && __builtin_cpu_supports("avx512vnni")) return &kQ8VnniAvx512;
#endif
  return nullptr;
}

Q8Weight::Q8Weight(const Q8Kernel& kernel, int n_rows, int n_cols, Pool* pool)
    : kernel_(kernel),
      n_rows_(n_rows),
      n_blocks_(n_cols / kQ8Cols),
      n_tiles_(parts_needed(n_rows, kQ8Rows)),
      packed_(checked_mul(n_tiles_, tile_bytes()), "a weight matrix", pool) {
  TERN_CHECK_ARG(n_rows >= 1 && n_cols >= kQ8Cols && n_cols % kQ8Cols == 0, "Q8_0 tiles of %d rows and %d columns", n_rows, n_cols);
}

// Rows of a tile share its blocks, so that a tile is one task.
void Q8Weight::append_rows(Pool& pool, int n, const uint8_t* rows) {
  TERN_CHECK_ARG(n >= 0 && n <= n_rows_ - n_appended_, "%d rows after %d of %d", n, n_appended_, n_rows_);
  const int first = n_appended_, end = first + n, first_tile = first / kQ8Rows;
  pool.run(n == 0 ? 0 : (end - 1) / kQ8Rows - first_tile + 1, [&](int task, int) {
    const int tile = first_tile + task;
    for (int r = std::max(first, tile * kQ8Rows); r < std::min(end, (tile + 1) * kQ8Rows); r++) {
      const uint8_t* from = rows + int64_t(r - first) * n_blocks_ * kFileBlockBytes;
      uint8_t* to = packed_.as<uint8_t>() + tile * tile_bytes();
      for (int k = 0; k < n_blocks_; k++, from += kFileBlockBytes, to += kQ8BlockBytes) {
        std::memcpy(to + kQ8ScalesAt + 2 * (r % kQ8Rows), from, 2);
        for (int s = 0; s < kQ8Steps; s++) {
          uint32_t codes;
          std::memcpy(&codes, from + 2 + 4 * s, 4);
          codes ^= 0x80808080;
          std::memcpy(to + s * kQ8StepBytes + 4 * (r % kQ8Rows), &codes, 4);
        }
      }
    }
  });
  n_appended_ = end;
}

// Few rows are bound by memory in part and read four tiles at once; with more each task reads its tiles again for every kQ8Acts.
Q8Weight::Cut Q8Weight::cut_of(int n_act_rows) const {
  const bool few = n_act_rows <= kFewActs;
  const int together = few ? kStreams : 1, most = parts_needed(n_tiles_, together);
  const int64_t products = int64_t(n_rows_) * n_blocks_ * kQ8Cols * n_act_rows;
  const int by_bytes = parts_of(packed_.size(), kTaskBytes, most), by_products = parts_of(products, kTaskProducts, most);
  if (few) return {together, n_act_rows == 1 ? by_bytes : std::max(by_bytes, by_products), 1};
  return {together, by_products, parts_of(products / by_products, kTaskProducts, parts_needed(n_act_rows, kQ8Acts))};
}

int Q8Weight::n_tasks(int n_act_rows) const {
  if (n_act_rows <= 0) return 0;
  const Cut cut = cut_of(n_act_rows);
  return cut.n_row_parts * cut.n_act_parts;
}

const uint8_t* Q8Weight::task_begin(int task) const {
  return packed_.as<uint8_t>() + part_of_groups(n_tiles_, kStreams, n_tasks(1), task).begin * tile_bytes();
}

int64_t Q8Weight::scratch_bytes(int n_act_rows) const {
  return checked_mul(checked_mul(n_act_rows, n_blocks_), sizeof(Q8Acts));
}

void Q8Weight::prepare(Pool& pool, const float* x, int64_t x_stride, int n_act_rows, void* scratch) const {
  const auto group = [&](int i, int) {
    const int row = i * kQ8Acts;
    kernel_.prepare(x + row * x_stride, x_stride, std::min(kQ8Acts, n_act_rows - row), n_blocks_,
                    static_cast<Q8Acts*>(scratch) + int64_t(row) * n_blocks_);
  };
  const int n_groups = parts_needed(n_act_rows, kQ8Acts);
  // A group of 2560 columns is a few microseconds: below three of them no other thread is woken.
  if (n_groups >= 3) return pool.run(n_groups, group);
  for (int i = 0; i < n_groups; i++) group(i, 0);
}

void Q8Weight::run_task(int task, int n_act_rows, const void* scratch, float* out, int out_stride, bool accumulate) const {
  const Cut cut = cut_of(n_act_rows);
  const Range tiles = part_of_groups(n_tiles_, cut.together, cut.n_row_parts, task % cut.n_row_parts);
  const Range acts = part(parts_needed(n_act_rows, kQ8Acts), cut.n_act_parts, task / cut.n_row_parts);
  alignas(64) float sums[kStreams * kQ8Acts * kQ8Rows];
  for (int tile = tiles.begin; tile < tiles.end; tile += kStreams)
    for (int t = acts.begin; t < acts.end; t++) {
      const int row = t * kQ8Acts;
      const int n_tiles = std::min(kStreams, tiles.end - tile), n_acts = std::min(kQ8Acts, n_act_rows - row);
      kernel_.sums(packed_.as<uint8_t>() + tile * tile_bytes(), n_tiles, n_blocks_, static_cast<const Q8Acts*>(scratch) + int64_t(row) * n_blocks_,
                   n_acts, sums);
      for (int i = 0; i < n_tiles; i++)
        for (int a = 0; a < n_acts; a++) {
          const int first = (tile + i) * kQ8Rows, n = std::min(kQ8Rows, n_rows_ - first);
          const float* const from = sums + (i * n_acts + a) * kQ8Rows;
          float* const to = out + int64_t(row + a) * out_stride + first;
          for (int r = 0; r < n; r++) to[r] = accumulate ? to[r] + from[r] : from[r];
        }
    }
}

void Q8Weight::embed(const int32_t* ids, int n_ids, float* out) const {
  for (int i = 0; i < n_ids; i++) {
    const int lane = ids[i] % kQ8Rows;
    const uint8_t* from = packed_.as<uint8_t>() + ids[i] / kQ8Rows * tile_bytes();
    for (int k = 0; k < n_blocks_; k++, from += kQ8BlockBytes) {
      uint16_t half;
      std::memcpy(&half, from + kQ8ScalesAt + 2 * lane, 2);
      const float scale = float_from_half(half);
      for (int s = 0; s < kQ8Steps; s++)
        for (int c = 0; c < 4; c++) *out++ = float(from[s * kQ8StepBytes + 4 * lane + c] - 128) * scale;
    }
  }
}

}  // namespace tern::cpu
