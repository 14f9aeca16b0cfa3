#include "cpu/meter_cpu.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>

#include "core/status.h"
#include "cpu/bandwidth.h"
#include "cpu/peak.h"
#include "cpu/ternary_kernel.h"
#include "cpu/weight_cpu.h"

namespace tern::cpu {
namespace {

constexpr int64_t kUnknownCache = 32 << 20;  // where the system does not say

}  // namespace

int64_t CpuMeter::cache_bytes() const {
  int64_t most = 0;
#ifdef _SC_LEVEL3_CACHE_SIZE
  for (int level : {_SC_LEVEL3_CACHE_SIZE, _SC_LEVEL2_CACHE_SIZE}) most = std::max<int64_t>(most, sysconf(level));
#endif
  return most > 0 ? most : kUnknownCache;
}

double CpuMeter::time(int n_calls, bool, const std::function<void(int)>& call) {
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < n_calls; i++) call(i);
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

double CpuMeter::copy_bandwidth(int64_t n_bytes, int n_passes) { return cpu::copy_bandwidth(pool_, n_bytes, n_passes); }

double CpuMeter::peak(int kind) {
  if (kind == TERN_PEAK_HALF) fail(TERN_ERR_UNSUPPORTED, "the cpu's kernels compute in floats and int8, none in half precision");
  return peak_ops(pool_, kind == TERN_PEAK_INT8 ? peak_int8(isa_) : peak_f32(isa_));
}

int CpuMeter::peak_of(const Weight* weight) const {
  return weight && static_cast<const CpuWeight*>(weight)->prepared_for() ? TERN_PEAK_INT8 : TERN_PEAK_F32;
}

std::string CpuMeter::kernel_of(const Weight& weight, int) const {
  const char* const name = static_cast<const CpuWeight&>(weight).prepared_for();
  return name ? name : "";
}

std::vector<const char*> CpuMeter::ternary_kernels() const {
  std::vector<const char*> names;
  for (const std::string& name : cpu::ternary_kernels()) names.push_back(ternary_kernel(name.c_str()).name);
  return names;
}

std::unique_ptr<Weight> CpuMeter::ternary_weight(const char* kernel, int type, int n_rows, int n_cols) {
  TERN_CHECK_ARG(kernel && *kernel, "a ternary kernel without a name");
  return std::make_unique<CpuWeight>(pool_, type, TERN_STORE_TERNARY, n_rows, n_cols, 1, false, kernel);
}

}  // namespace tern::cpu
