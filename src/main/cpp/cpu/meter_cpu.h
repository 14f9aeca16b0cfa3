// How the CPU backend is measured: the wall clock around its calls.
#pragma once

#include "core/meter.h"
#include "core/pool.h"
#include "cpu/isa.h"

namespace tern::cpu {

class CpuMeter final : public Meter {
 public:
  CpuMeter(Pool& pool, Isa isa) : pool_(pool), isa_(isa) {}

  int64_t cache_bytes() const override;
  double time(int n_calls, bool cold, const std::function<void(int)>& call) override;
  double copy_bandwidth(int64_t n_bytes, int n_passes) override;
  double peak(int kind) override;
  int peak_of(const Weight* weight) const override;
  std::string kernel_of(const Weight& weight, int n_rows) const override;
  std::vector<const char*> ternary_kernels() const override;
  std::unique_ptr<Weight> ternary_weight(const char* kernel, int type, int n_rows, int n_cols) override;

 private:
  Pool& pool_;
  Isa isa_;
};

}  // namespace tern::cpu
