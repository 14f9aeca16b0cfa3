#include "tensor_map.h"

#include <cuda_runtime.h>

#include "core/status.h"
#include "launch.h"

namespace tern::cuda {
namespace {

using Encode = CUresult (*)(CUtensorMap*, CUtensorMapDataType, cuuint32_t, void*, const cuuint64_t*, const cuuint64_t*, const cuuint32_t*,
                            const cuuint32_t*, CUtensorMapInterleave, CUtensorMapSwizzle, CUtensorMapL2promotion, CUtensorMapFloatOOBfill);

Encode encoder() {
  static const Encode encode = [] {
    void* function = nullptr;
    cudaDriverEntryPointQueryResult found;
    const cudaError_t status =
        cudaGetDriverEntryPointByVersion("cuTensorMapEncodeTiled", &function, 12000, cudaEnableDefault, &found);
    return status == cudaSuccess && found == cudaDriverEntryPointSuccess ? reinterpret_cast<Encode>(function) : nullptr;
  }();
  if (!encode) fail(TERN_ERR_UNSUPPORTED, "the driver has no cuTensorMapEncodeTiled: it is older than CUDA 12.0");
  return encode;
}

}  // namespace

CUtensorMap tensor_map(int element_bytes, const void* base, int64_t n_rows, int n_cols, int64_t row_bytes, int box_rows) {
  CUtensorMap map;
  const cuuint64_t size[] = {static_cast<cuuint64_t>(n_cols), static_cast<cuuint64_t>(n_rows)};
  const cuuint64_t stride[] = {static_cast<cuuint64_t>(row_bytes)};
  const cuuint32_t box[] = {static_cast<cuuint32_t>(128 / element_bytes), static_cast<cuuint32_t>(box_rows)}, step[] = {1, 1};
  const CUresult status = encoder()(&map, element_bytes == 1 ? CU_TENSOR_MAP_DATA_TYPE_UINT8 : CU_TENSOR_MAP_DATA_TYPE_UINT16, 2, const_cast<void*>(base), size, stride, box, step,
                                    CU_TENSOR_MAP_INTERLEAVE_NONE, CU_TENSOR_MAP_SWIZZLE_128B, CU_TENSOR_MAP_L2_PROMOTION_L2_128B,
                                    CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);
  if (status != CUDA_SUCCESS) fail(TERN_ERR_UNSUPPORTED, "cuTensorMapEncodeTiled refused %lld x %d: error %d", static_cast<long long>(n_rows),
                                    n_cols, int(status));
  return map;
}

}  // namespace tern::cuda
