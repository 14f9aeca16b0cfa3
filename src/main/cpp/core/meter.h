// How a backend is measured: calls of its ops timed as they run on it, and the ceilings of the hardware under it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "tern_bench.h"

namespace tern {

class Weight;

class Meter {
 public:
  virtual ~Meter() = default;
  // Of the last cache before the memory.
  virtual int64_t cache_bytes() const = 0;
  // Seconds of call(0) .. call(n_calls - 1) in a row, which only use ops of the backend. A GPU runs them twice and times the second round;
  // cold: its caches are cleared in between.
  virtual double time(int n_calls, bool cold, const std::function<void(int)>& call) = 0;
  // Bytes read and written per second.
  virtual double copy_bandwidth(int64_t n_bytes, int n_passes) = 0;
  // Operations per second of a TERN_PEAK_*. Throws UNSUPPORTED.
  virtual double peak(int kind) = 0;
  // Which peak bounds products with a weight; null: attention.
  virtual int peak_of(const Weight* weight) const = 0;
  // The kernel picked for a product with n_rows rows; empty if there is but one.
  virtual std::string kernel_of(const Weight& weight, int n_rows) const = 0;
  // Ternary kernels that a weight can be kept for by name, static texts; none where the backend picks for each product.
  virtual std::vector<const char*> ternary_kernels() const = 0;
  // A ternary weight kept for one of them. Throws INVALID_ARGUMENT for any other.
  virtual std::unique_ptr<Weight> ternary_weight(const char* kernel, int type, int n_rows, int n_cols) = 0;
};

}  // namespace tern
