// Which ternary kernel a weight shape is multiplied with on this GPU, by measurement: for each number of activation rows in question,
// weights read from DRAM (copies larger than the L2 cache take turns), the median of several runs. All kernels read one layout and give
// the same bits, so the choice is a matter of speed alone. TERN_CUDA_TERNARY=<kernel> decides instead.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "context.h"
#include "ternary.h"

namespace tern::cuda {

class TernaryPlan {
 public:
  explicit TernaryPlan(Context& context) : context_(context) {}

  // Measures a shape, once. Not while a stream is being captured.
  void measure(int n_rows, int n_cols);
  // The kernel for so many activation rows. The shape must have been measured.
  TernaryKernel pick(int n_rows, int n_cols, int n_act_rows) const;
  std::string json() const;

 private:
  struct Time {
    TernaryKernel kernel;
    float us;
  };
  struct Choice {
    int n_act_rows;  // measured with; serves all numbers above the last choice's up to this, the last one all larger
    TernaryKernel kernel;
    std::vector<Time> times;
  };

  std::vector<Choice> measure_all(int n_rows, int n_cols);

  Context& context_;
  std::map<std::pair<int, int>, std::vector<Choice>> shapes_;
};

}  // namespace tern::cuda
