// A weight on the CPU: dense as in its file, dense in tiles of a block type, or packed for a ternary kernel. Rows are appended by all threads of the pool, which
// outlives the weight.
#pragma once

#include <memory>

#include "core/backend.h"
#include "cpu/block_weight.h"
#include "cpu/dense.h"
#include "cpu/ternary.h"

namespace tern::cpu {

class CpuWeight final : public Weight {
 public:
  // kernel: of a ternary weight, by its name; empty: the one that the plan picks. blocks: of dense ones in a block type; null: rows as in the file.
  CpuWeight(Pool& pool, int type, int store, int n_rows, int n_cols, float scale, bool vector, const char* kernel = "",
            const BlockKernel* blocks = BlockWeight::kernels_here());

  void append_rows(int n, const void* data, int64_t n_bytes) override;
  bool complete() const override { return n_loaded_ == n_rows_; }
  bool ternary() const override { return ternary_ != nullptr; }
  int type() const override { return type_; }
  int n_rows() const override { return n_rows_; }
  int n_cols() const override { return n_cols_; }
  int64_t bytes() const override { return ternary_ ? ternary_->bytes() : blocks_ ? blocks_->bytes() : dense_.data.size(); }
  const float* vector() const override { return dense_.type == TERN_TYPE_F32 ? dense_.data.as<float>() : nullptr; }

  // A matmul over n_rows activation rows: n_tasks independent tasks, each a range of output rows; any thread may run any task. Before them
  // prepare makes what they share in the 64-byte aligned scratch of scratch_bytes, which depends on activations and prepared_for() only.
  const char* prepared_for() const;  // a kernel of integers, by its name; null: floats as they are
  int n_tasks(int n_rows) const;
  const uint8_t* task_begin(int task) const;  // where the bytes of a task of one activation row begin; of n_tasks(1): their end
  int64_t scratch_bytes(int n_rows) const;
  void prepare(const Activations& a, int n_rows, void* scratch) const;
  void run_task(Isa isa, int task, const Activations& a, int n_rows, const void* scratch, float* out, bool accumulate) const;

  // Rows ids[i] as floats, exactly: out [n, n_cols]. Not of a ternary weight.
  void embed(Isa isa, const int32_t* ids, int n, float* out) const;

  const TernaryWeight& ternary_weight() const { return *ternary_; }
  const DenseWeight& dense() const { return dense_; }  // without data if it is in tiles

 private:
  void widen(int n_rows);

  Pool& pool_;
  int type_;  // of the rows given
  int n_rows_;
  int n_cols_;
  float scale_;
  int n_loaded_ = 0;
  std::unique_ptr<TernaryWeight> ternary_;
  std::unique_ptr<BlockWeight> blocks_;
  DenseWeight dense_;
  Buffer row_;  // one dense row on its way, as floats
};

std::unique_ptr<Weight> create_cpu_weight(Pool& pool, int type, int store, int n_rows, int n_cols, float scale, bool vector);

}  // namespace tern::cpu
