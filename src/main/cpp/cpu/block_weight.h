// Dense matmul out = x W^T with W of a block type, Q8_0, Q6_K or Q4_0, for processors with VNNI, and row lookup in the same weight
// (block_tile.h).
//
// Order of the sum, the same whatever the number of activation rows, tasks and threads: the columns that share a scale (32, of Q6_K 16) in ascending
// order, each an exact integer of activations rounded to whole units, of which max |x| of 32 columns has 16319 or more: what an activation loses is
// 2^-14.9 max |x| at most (docs/dense.md). 32 columns whose largest |x| is below 2^-70 count as 0; with a NaN or
// an infinity among them they make their sums NaN. From 2^126 on max |x| may, beside scales of 2^14 and more, make NaN of a sum that is 0.
#pragma once

#include <cstdint>

#include "core/memory.h"
#include "core/pool.h"
#include "cpu/block_tile.h"

namespace tern::cpu {

class BlockWeight {
 public:
  // The kernels of this processor under isa(), kBlockKernels; null if it has none, and rows are then better left as in the file (cpu/dense.h).
  static const BlockKernel* kernels_here();
  static const BlockKernel* kernel_of(const BlockKernel* kernels, int type);  // null if kernels is, or none is of that type

  // n_cols: whole blocks of kernel.format. pool: makes its memory, see Buffer.
  BlockWeight(const BlockKernel& kernel, int n_rows, int n_cols, Pool* pool = nullptr);

  // Appends rows as they stand in a file, packed on all threads of the pool.
  void append_rows(Pool& pool, int n, const uint8_t* rows);

  const char* kernel() const { return kernel_.name; }
  int n_rows() const { return n_rows_; }
  int64_t bytes() const { return packed_.size(); }

  // Work is cut into n_tasks() independent tasks, each a range of output rows; any thread may run any task. Small weights are one task.
  int n_tasks(int n_act_rows) const;
  const uint8_t* task_begin(int task) const;  // packed rows of a task of one activation row; of n_tasks(1): their end

  // Makes what tasks share in the 64-byte aligned scratch that scratch_bytes asked for. x: [n_act_rows, n_cols], rows x_stride apart.
  int64_t scratch_bytes(int n_act_rows) const;
  void prepare(Pool& pool, const float* x, int64_t x_stride, int n_act_rows, void* scratch) const;

  // out: [n_act_rows, n_rows], rows out_stride apart. accumulate: out += x W^T.
  void run_task(int task, int n_act_rows, const void* scratch, float* out, int out_stride, bool accumulate) const;

  // Rows ids[i] as floats, exactly: out [n_ids, n_cols].
  void embed(const int32_t* ids, int n_ids, float* out) const;

 private:
  struct Cut {
    int together;  // tiles, of which parts are multiples
    int n_row_parts, n_act_parts;
  };
  Cut cut_of(int n_act_rows) const;
  int64_t tile_bytes() const { return int64_t(n_blocks_) * kBlockRows * kernel_.format->file_bytes; }
  int n_turns() const { return n_blocks_ * (kernel_.format->n_cols / kTurnCols); }

  const BlockKernel& kernel_;
  const int n_rows_, n_blocks_, n_tiles_, n_streams_;
  Buffer packed_;
  int n_appended_ = 0;
};

}  // namespace tern::cpu
