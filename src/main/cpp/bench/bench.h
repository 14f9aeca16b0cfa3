// A benchmark of one case on one device: data made, called once and checked, then timed as often as is asked.
#pragma once

#include <memory>
#include <string>

#include "bench/op_bench.h"
#include "model/model.h"

namespace tern {

// Throws INVALID_ARGUMENT for what is no case of this device.
void check_bench_case(Backend& backend, const BenchCase& c);

class Bench {
 public:
  // The device must be locked by the caller, here and in run.
  Bench(std::shared_ptr<Device> device, const BenchCase& c);

  double run(int n_calls);
  const tern_bench_counts& counts() const { return counts_; }
  const std::string& kernel() const { return kernel_; }
  Device& device() const { return *device_; }
  // For tests: of set 0, as the last call on it left them.
  std::vector<BenchResult> results() const { return op_->results(0); }
  const BenchBatch& batch() const { return batch_; }

 private:
  void call_and_check();

  std::shared_ptr<Device> device_;
  BenchCase case_;
  BenchBatch batch_;
  std::unique_ptr<StepRunner> runner_;
  std::unique_ptr<OpBench> op_;
  tern_bench_counts counts_{};
  std::string kernel_;
  int next_ = 0;  // set of the next call
};

}  // namespace tern
