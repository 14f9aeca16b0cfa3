// The table of cases, and the one symbol that the library exports.
#include "checks.h"
#include "core/plugin.h"

namespace tern::check {
namespace {

std::vector<Case> all_cases() {
  std::vector<Case> all;
  add_ternary(all);
  add_dense(all);
  add_activations(all);
  add_embed(all);
  add_rope(all);
  add_append(all);
  add_attention(all);
  add_sample(all);
  return all;
}

class Table final : public Checks {
 public:
  int n_cases() const override { return static_cast<int>(cases_.size()); }
  const char* group(int i) const override { return cases_[static_cast<size_t>(i)].group; }
  const char* name(int i) const override { return cases_[static_cast<size_t>(i)].name.c_str(); }
  CheckResult run_case(Backend& backend, int i) const override { return cases_[static_cast<size_t>(i)].run(backend); }
  CheckResult repeat(Backend& backend, int what, int n_repeats, uint64_t seed) const override {
    return check::repeat(backend, what, n_repeats, seed);
  }
  CheckResult memory(Backend& backend, int64_t n_bytes, const Pattern& pattern) const override {
    return check::memory(backend, n_bytes, pattern);
  }
  CheckResult copies(Backend& backend, int64_t n_bytes, uint64_t seed) const override { return check::copies(backend, n_bytes, seed); }
  CheckResult speed(Backend& backend, int what) const override { return check::speed(backend, what); }

 private:
  const std::vector<Case> cases_ = all_cases();
};

}  // namespace
}  // namespace tern::check

extern "C" __attribute__((visibility("default"))) const tern::Checks* tern_check_open(int32_t check_version, int32_t plugin_version,
                                                                                      int32_t abi_version) {
  if (check_version != tern::kCheckPluginVersion || plugin_version != tern::kPluginVersion || abi_version != TERN_ABI_VERSION) return nullptr;
  static const tern::check::Table table;
  return &table;
}
