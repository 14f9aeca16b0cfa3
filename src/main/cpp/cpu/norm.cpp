// RMSNorm (Zhang & Sennrich 2019) and the per-token absmax quantisation of BitNet b1.58, rows spread over the pool.
#include "cpu/norm.h"

#include <cmath>

#include "cpu/norm_row.h"

namespace tern::cpu {
namespace {

constexpr int64_t kInlineElements = 8192;  // some 3 us of one thread: below that waking another gains nothing
constexpr int kTaskElements = 4096;

const NormKernels& kernels_for(Isa isa) {
  return isa == Isa::avx512 ? kNormAvx512 : isa == Isa::avx2 ? kNormAvx2 : kNormPortable;
}

// Calls row(i) for all rows.
template <class Row>
void for_rows(Pool& pool, int n_rows, int dim, Row&& row) {
  if (int64_t{n_rows} * dim <= kInlineElements) {
    for (int i = 0; i < n_rows; i++) row(i);
    return;
  }
  const int rows = 1 + kTaskElements / dim;
  pool.run((n_rows + rows - 1) / rows, [&](int task, int) {
    for (int i = task * rows; i < n_rows && i < (task + 1) * rows; i++) row(i);
  });
}

NormRow row_of(const NormKernels& kernels, const float* x, const float* weight, float eps, int64_t i, int dim) {
  NormRow row = {x + i * dim, weight, 1, dim};
  if (weight) row.inverse = 1 / std::sqrt(kernels.sum_of_squares(row.x, dim, weight) / dim + double(eps));
  return row;
}

}  // namespace

void rmsnorm(Pool& pool, Isa isa, const float* x, const float* weight, float eps, int n_rows, int dim, float* out) {
  const NormKernels& kernels = kernels_for(isa);
  for_rows(pool, n_rows, dim, [&](int i) {
    kernels.norm_row(row_of(kernels, x, weight, eps, i, dim), out + int64_t{i} * dim);
  });
}

void rmsnorm_quantize(Pool& pool, Isa isa, const float* x, const float* weight, float eps, int n_rows, int dim,
                      QuantRows out, float* out_f32) {
  const NormKernels& kernels = kernels_for(isa);
  for_rows(pool, n_rows, dim, [&](int i) {
    const NormRow row = row_of(kernels, x, weight, eps, i, dim);
    const float largest = kernels.norm_row(row, out_f32 ? out_f32 + int64_t{i} * dim : nullptr);
    const float scale = 127.f / (largest < 1e-5f ? 1e-5f : largest);  // NaN stays, and shows in out.scale
    out.scale[i] = 1.f / scale;
    out.sum[i] = kernels.quantize_row(row, scale, out.stride, out.q + int64_t{i} * out.stride);
  });
}

}  // namespace tern::cpu
