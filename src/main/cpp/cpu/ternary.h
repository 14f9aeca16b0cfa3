// Ternary matmul: out = (W q) * scale with W in {-1, 0, +1}, int8 activations and an exact int32 sum.
// Kernels: a table lookup (TeLLMe's TLMM: tables of the 3^G sums of a group of activations) and multiply-add; see docs/ternary.md.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/memory.h"
#include "core/pool.h"
#include "cpu/activations.h"
#include "cpu/isa.h"

namespace tern::cpu {

// int32 cannot overflow: |sum| <= 2 * 128 * n_cols.
constexpr int kMaxTernaryCols = 1 << 22;

// Names of the kernels this processor (under TERN_ISA) can run, e.g. "scalar", "avx2_madd", "avx2_lookup", "avx512_madd".
std::vector<std::string> ternary_kernels();

struct TernaryKernel;

// A weight packed for one kernel. Rows are appended in order; the class knows how its kernel interleaves them.
class TernaryWeight {
 public:
  // kernel empty: the one the plan picks for this shape by measurement (plan/ternary_plan.h). pool: makes its memory, see Buffer.
  static std::unique_ptr<TernaryWeight> create(const std::string& kernel, int n_rows, int n_cols, Pool* pool = nullptr);
  // For a kernel of the caller's, which is not checked: what tests pack for.
  static std::unique_ptr<TernaryWeight> create(const TernaryKernel& kernel, int n_rows, int n_cols, Pool* pool = nullptr);
  virtual ~TernaryWeight() = default;

  virtual void append_row(const int8_t* trits, float scale) = 0;  // trits: [n_cols]

  // Appends n rows, decoded and packed on all threads of the pool. row(i, codes, scale) writes the trits of row i as w + 1 to
  // codes [n_cols] and its scale, or returns false if it is not ternary; several threads call it at once, and it must not throw.
  // The first row that is not ternary is returned, and the weight is then of no use; -1 if there is none.
  using Row = std::function<bool(int i, uint8_t* codes, float* scale)>;
  virtual int append_rows(Pool& pool, int n, const Row& row) = 0;
  virtual bool complete() const = 0;

  virtual const char* kernel() const = 0;
  virtual int n_rows() const = 0;
  virtual int n_cols() const = 0;
  virtual int64_t bytes() const = 0;  // packed bytes and scales: what a decode step reads

  // Work is cut into n_tasks() independent tasks, each a range of output rows; any thread may run any task. prepare makes what
  // tasks share (lookup tables) in the 64-byte aligned scratch that scratch_bytes asked for; it may use the pool.
  virtual int n_tasks(int n_act_rows) const = 0;
  virtual const uint8_t* task_begin(int task) const = 0;  // packed rows of a task of one activation row; of n_tasks(1): their end
  virtual int64_t scratch_bytes(int n_act_rows) const = 0;
  virtual void prepare(Pool& pool, QuantRows a, int n_act_rows, void* scratch) const = 0;

  // out[r * out_stride + row] (+)= (sum_j w[row][j] q[r][j]) * (a.scale[r] * row_scale[row]) for the task's rows.
  virtual void run_task(int task, QuantRows a, int n_act_rows, const void* scratch, float* out, int out_stride,
                        bool accumulate) const = 0;
  // The same sums as they are, for tests: out[r * n_rows + row].
  virtual void run_task_int32(int task, QuantRows a, int n_act_rows, const void* scratch, int32_t* out) const = 0;
};

// Why each kernel was picked or not, one line a shape, as JSON (an array of objects: shape, kernel, ns per kernel).
std::string ternary_plan_json();

}  // namespace tern::cpu
