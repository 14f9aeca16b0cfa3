// How the CUDA backend is measured: graphs of calls between events on its stream.
#pragma once

#include "context.h"
#include "core/meter.h"
#include "dense_plan.h"
#include "ternary_plan.h"

namespace tern::cuda {

class CudaMeter final : public Meter {
 public:
  CudaMeter(Context& context, const TernaryPlan& ternary, const DensePlan& dense) : context_(context), ternary_(ternary), dense_(dense) {}

  int64_t cache_bytes() const override { return context_.l2_bytes(); }
  double time(int n_calls, bool cold, const std::function<void(int)>& call) override;
  double read_bandwidth(int64_t n_bytes, int n_passes);
  double copy_bandwidth(int64_t n_bytes, int n_passes) override;
  double peak(int kind) override;
  int peak_of(const Weight* weight) const override;
  std::string kernel_of(const Weight& weight, int n_rows) const override;
  std::vector<const char*> ternary_kernels() const override { return {}; }  // all read one layout, and the plan picks by the number of rows
  std::unique_ptr<Weight> ternary_weight(const char* kernel, int type, int n_rows, int n_cols) override;

 private:
  void clear_caches();

  Context& context_;
  const TernaryPlan& ternary_;
  const DensePlan& dense_;
  Buffer sink_;   // of kernels that read or compute and write nothing
  Buffer other_;  // what is read to clear the caches
};

}  // namespace tern::cuda
