// The ternary kernels by name, and the one a launch asks for.
#include "ternary.h"

#include <cstring>

#include "core/status.h"

namespace tern::cuda {
namespace {

struct Entry {
  TernaryKernel kernel;
  const char* name;
  void (*launch)(const TernaryProduct*, int, const TernaryActs&, const DeviceInfo&, cudaStream_t);
};
constexpr Entry kEntries[] = {
    {TernaryKernel::dp4a, "dp4a", launch_ternary_dp4a},
    {TernaryKernel::lookup, "lookup", launch_ternary_lookup},
    {TernaryKernel::mma, "mma", launch_ternary_mma},
    {TernaryKernel::gemm, "gemm", launch_ternary_gemm},
    {TernaryKernel::gemm_sm90, "gemm_sm90", launch_ternary_gemm_sm90},
};

const Entry& entry_of(TernaryKernel kernel) {
  for (const Entry& e : kEntries)
    if (e.kernel == kernel) return e;
  fail(TERN_ERR_INTERNAL, "no such ternary kernel");
}

}  // namespace

const char* ternary_kernel_name(TernaryKernel kernel) { return entry_of(kernel).name; }

bool ternary_kernel_from_name(const char* name, TernaryKernel* kernel) {
  for (const Entry& e : kEntries)
    if (!std::strcmp(e.name, name)) {
      *kernel = e.kernel;
      return true;
    }
  return false;
}

bool ternary_kernel_available(TernaryKernel kernel, const DeviceInfo& device) {
  return kernel != TernaryKernel::gemm_sm90 || device.sm == 90;
}

void launch_ternary(TernaryKernel kernel, const TernaryProduct* products, int n, const TernaryActs& acts, const DeviceInfo& device,
                    cudaStream_t stream) {
  if (n <= 0 || acts.n_rows <= 0) return;
  if (n > kMaxTernaryProducts) fail(TERN_ERR_INTERNAL, "%d ternary products in one launch", n);
  entry_of(kernel).launch(products, n, acts, device, stream);
}

}  // namespace tern::cuda
