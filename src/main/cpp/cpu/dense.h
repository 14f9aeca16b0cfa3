// Dense matmul out = x W^T with W in F32, F16, BF16, Q8_0, Q6_K, Q4_0 or Q2_0 and float activations, and row lookup in a table of the
// same types. (Block types where there is VNNI: cpu/block_weight.h.) Weights are widened to floats as decode_row does it, so types of equal values give equal bits.
//
// Order of the sum, the same whatever the number of activation rows, tasks and threads: lane j of 32 takes columns j, j + 32,
// ... in ascending order; then lanes i + (i + 16), i + (i + 8), i + (i + 4), and (0 + 1) + (2 + 3). avx2 and avx512 fuse
// multiply and add and agree bit for bit; scalar rounds after each.
#pragma once

#include <cstdint>

#include "core/memory.h"
#include "core/pool.h"
#include "cpu/isa.h"

namespace tern::cpu {

// A weight as it stands in the file, in memory of its own: rows follow each other without gaps.
struct DenseWeight {
  Buffer data;
  int32_t type;  // TERN_TYPE_F32, F16, BF16, Q8_0, Q6_K, Q4_0, Q2_0
  int32_t n_rows;
  int32_t n_cols;  // whole blocks
  int32_t stream_rows = 0;  // of plan/dense_plan.h
};

// Work is cut into independent tasks, each a range of output rows; any thread may run any task. Small weights are one task.
int dense_n_tasks(const DenseWeight& w, int n_act_rows);

// The rows of a task of one activation row; of dense_n_tasks(w, 1): their end.
const uint8_t* dense_task_begin(const DenseWeight& w, int task);

// x: [n_act_rows, n_cols], rows x_stride apart; out: [n_act_rows, n_rows], rows out_stride apart. accumulate: out += x W^T.
void dense_run_task(Isa isa, const DenseWeight& w, int task, const float* x, int x_stride, int n_act_rows, float* out,
                    int out_stride, bool accumulate);

// Row ids[i] of the table as floats, exactly: out [n_ids, n_cols].
void embed(Isa isa, const DenseWeight& table, const int32_t* ids, int n_ids, float* out);

}  // namespace tern::cpu
