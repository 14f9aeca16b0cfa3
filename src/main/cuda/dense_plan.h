// Which kernel multiplies with F16 and BF16 weights. On Hopper that is wgmma for many rows, if it adds up as mma.sync does: the PTX ISA promises
// neither an order of sums nor that the two share it, and rows of a prompt must not differ in bits with their number. So both are run
// on one random problem and their bits compared, once for a device.
#pragma once

#include <string>

#include "context.h"
#include "dense.h"

namespace tern::cuda {

class DensePlan {
 public:
  explicit DensePlan(Context& context) : context_(context) {}

  // Compares, the first time. Not while a stream is being captured.
  void prepare();
  DenseHalves pick(int n_rows) const { return dense_halves_kernel(n_rows, sm90_); }
  std::string json() const;

 private:
  bool equal_bits(int type);

  Context& context_;
  bool prepared_ = false;
  bool sm90_ = false;
};

}  // namespace tern::cuda
