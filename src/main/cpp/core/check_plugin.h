// What libtern_check.so exports: one C function, tern_check_open, that gives the checks of a device. They reach it through its backend's
// ops alone. The library holds the case tables and the fp64 oracle of the tests, and is opened when a check is first asked for.
#pragma once

#include <cstdint>
#include <string>

#include "core/backend.h"
#include "tern_check.h"

namespace tern {

constexpr int kCheckPluginVersion = 1;

struct CheckResult {
  int32_t verdict = TERN_CHECK_PASSED;
  int64_t n_values = 0;  // compared
  int64_t n_wrong = 0;
  int64_t n_bytes = 0;   // moved or read, where that is what was checked
  int64_t n_ops = 0;     // of a call, where its speed was
  double error = 0;      // of the value nearest to its bound
  double bound = 0;
  double seconds = 0;    // that the moves or the call took
  std::string text;      // where it failed, or why it is not for this device
};

// Thread-safe as long as each call has a backend of its own.
class Checks {
 public:
  virtual ~Checks() = default;
  virtual int n_cases() const = 0;
  virtual const char* group(int i) const = 0;
  virtual const char* name(int i) const = 0;
  // Throws what the backend throws.
  virtual CheckResult run_case(Backend& backend, int i) const = 0;
  virtual CheckResult repeat(Backend& backend, int what, int n_repeats, uint64_t seed) const = 0;
  virtual CheckResult memory(Backend& backend, int64_t n_bytes, const Pattern& pattern) const = 0;
  virtual CheckResult copies(Backend& backend, int64_t n_bytes, uint64_t seed) const = 0;
  virtual CheckResult speed(Backend& backend, int what) const = 0;
};

// abi_version: TERN_ABI_VERSION with kPluginVersion says what a Backend is. Returns null if the library is of other versions.
using CheckOpen = const Checks* (*)(int32_t check_version, int32_t plugin_version, int32_t abi_version);

const Checks& open_checks();  // throws UNAVAILABLE
void set_check_library(const char* path);

}  // namespace tern
