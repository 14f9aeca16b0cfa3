#include "cpu/weight_cpu.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

#include "core/checked.h"
#include "core/half.h"
#include "plan/dense_plan.h"
#include "ternary/decode.h"

namespace tern::cpu {
namespace {

constexpr int64_t kCopyBytes = 512 << 10;  // of one task: some 100 us

// Magnitudes as bits: as integers they are compared many at a time.
constexpr uint32_t kMagnitude = 0x7fffffff, kInfinity = 0x7f800000, kLargestHalf = 0x477fe000;  // 65504

// What the kernels do not read is kept in a wider type: TQ1_0 and TQ2_0 as F16, which holds their values exactly until there is one that is
// twice its scale and too large, those with a scale a row as F32. A scale cannot be folded into narrower types without rounding, so such a
// weight becomes F32, as do vectors.
int dense_type(int type, float scale, bool vector) {
  if (vector || scale != 1 || type == TERN_TYPE_I2_S || type == TERN_TYPE_IQ1_BN || type == TERN_TYPE_IQ2_BN) return TERN_TYPE_F32;
  return type == TERN_TYPE_TQ1_0 || type == TERN_TYPE_TQ2_0 ? TERN_TYPE_F16 : type;
}

QuantRows quant_rows(const Activations& a) {
  return {const_cast<int8_t*>(a.int8), const_cast<float*>(a.scale), const_cast<int32_t*>(a.sum), a.int8_stride};
}

}  // namespace

CpuWeight::CpuWeight(Pool& pool, int type, int store, int n_rows, int n_cols, float scale, bool vector, const char* kernel,
                     const BlockKernel* blocks)
    : pool_(pool), type_(type), n_rows_(n_rows), n_cols_(n_cols), scale_(scale) {
  TERN_CHECK_ARG(n_rows > 0 && n_cols > 0, "a weight of shape [%d, %d]", n_rows, n_cols);
  const int64_t in_bytes = row_bytes(type, n_cols);  // refuses unknown types and partial blocks
  check_hf_packed(type, store, n_rows);
  if (store == TERN_STORE_TERNARY) {
    TERN_CHECK_ARG(n_cols <= kMaxTernaryCols, "a ternary row of %d columns, at most %d", n_cols, kMaxTernaryCols);
    ternary_ = TernaryWeight::create(kernel, n_rows, n_cols, &pool);
    dense_ = {Buffer(), -1, n_rows, n_cols};
  } else {
    TERN_CHECK_ARG(store == TERN_STORE_DENSE, "store %d is neither dense nor ternary", store);
    const int kept = dense_type(type, scale, vector);
    if (const BlockKernel* const tiled = BlockWeight::kernel_of(blocks, kept)) {
      blocks_ = std::make_unique<BlockWeight>(*tiled, n_rows, n_cols, &pool);
      dense_ = {Buffer(), kept, n_rows, n_cols};
      return;
    }
    const int64_t out_bytes = kept == type ? in_bytes : row_bytes(kept, n_cols);
    dense_ = {Buffer(checked_mul(out_bytes, n_rows), "a weight matrix", &pool), kept, n_rows, n_cols};
    if (kept != type || scale != 1) row_ = Buffer(checked_mul(n_cols, sizeof(float)), "a weight row");
  }
}

void CpuWeight::append_rows(int n, const void* data, int64_t n_bytes) {
  const int64_t stride = row_bytes(type_, n_cols_);
  TERN_CHECK_ARG(n >= 0 && n <= n_rows_ - n_loaded_, "%d rows after %d of %d", n, n_loaded_, n_rows_);
  TERN_CHECK_ARG(n_bytes == checked_mul(stride, n), "%lld bytes for %d rows of %lld", static_cast<long long>(n_bytes), n,
                 static_cast<long long>(stride));
  const uint8_t* in = static_cast<const uint8_t*>(data);
  if (ternary_) {
    const int bad = ternary_->append_rows(pool_, n, [&](int r, uint8_t* codes, float* row_scale) {
      const int quarter = hf_quarter(type_, n_loaded_ + r, n_rows_);
      return decode_ternary_codes(type_, in + stride * r, n_cols_, codes, row_scale, quarter) && std::isfinite(*row_scale *= scale_);
    });
    if (bad >= 0) fail(TERN_ERR_NOT_TERNARY, "row %d is not ternary with one finite scale", bad);
    n_loaded_ += n;
    return;
  }
  if (blocks_) {
    blocks_->append_rows(pool_, n, in);
    n_loaded_ += n;
    return;
  }
  if (!row_) {
    uint8_t* out = dense_.data.as<uint8_t>() + stride * n_loaded_;
    const int n_parts = static_cast<int>((n_bytes + kCopyBytes - 1) / kCopyBytes);
    pool_.run(n_parts, [&](int i, int) {
      const int64_t at = i * kCopyBytes;
      std::memcpy(out + at, in + at, static_cast<size_t>(std::min(kCopyBytes, n_bytes - at)));
    });
  } else {
    float* row = row_.as<float>();
    for (int r = 0; r < n; r++) {
      decode_row(type_, in + stride * r, n_cols_, row);
      uint32_t largest = 0;
      for (int j = 0; j < n_cols_; j++) {
        row[j] *= scale_;
        uint32_t bits;
        std::memcpy(&bits, &row[j], sizeof bits);
        largest = std::max(largest, bits & kMagnitude);
      }
      TERN_CHECK_ARG(largest < kInfinity, "row %d: a value times the scale %g is NaN or infinite", n_loaded_ + r, double(scale_));
      if (dense_.type == TERN_TYPE_F16 && largest > kLargestHalf) widen(n_loaded_ + r);
      const size_t at = static_cast<size_t>(n_loaded_ + r) * static_cast<size_t>(n_cols_);
      if (dense_.type == TERN_TYPE_F32)
        std::memcpy(dense_.data.as<float>() + at, row, sizeof(float) * static_cast<size_t>(n_cols_));
      else
        for (int j = 0; j < n_cols_; j++) dense_.data.as<uint16_t>()[at + static_cast<size_t>(j)] = half_from_float(row[j]);
    }
  }
  n_loaded_ += n;
  if (n > 0 && complete()) dense_.stream_rows = dense_stream_rows(isa(), dense_);
}

// From F16 to F32, with the rows that there are.
void CpuWeight::widen(int n_rows) {
  DenseWeight wide = {Buffer(checked_mul(row_bytes(TERN_TYPE_F32, n_cols_), n_rows_), "a weight matrix", &pool_), TERN_TYPE_F32, n_rows_, n_cols_};
  const size_t n = static_cast<size_t>(n_rows) * static_cast<size_t>(n_cols_);
  for (size_t i = 0; i < n; i++) wide.data.as<float>()[i] = float_from_half(dense_.data.as<uint16_t>()[i]);
  dense_ = std::move(wide);
}

const char* CpuWeight::prepared_for() const { return ternary_ ? ternary_->kernel() : blocks_ ? blocks_->kernel() : nullptr; }

int CpuWeight::n_tasks(int n_rows) const {
  return ternary_ ? ternary_->n_tasks(n_rows) : blocks_ ? blocks_->n_tasks(n_rows) : dense_n_tasks(dense_, n_rows);
}

const uint8_t* CpuWeight::task_begin(int task) const {
  return ternary_ ? ternary_->task_begin(task) : blocks_ ? blocks_->task_begin(task) : dense_task_begin(dense_, task);
}

int64_t CpuWeight::scratch_bytes(int n_rows) const {
  return ternary_ ? ternary_->scratch_bytes(n_rows) : blocks_ ? blocks_->scratch_bytes(n_rows) : 0;
}

void CpuWeight::prepare(const Activations& a, int n_rows, void* scratch) const {
  if (ternary_)
    ternary_->prepare(pool_, quant_rows(a), n_rows, scratch);
  else if (blocks_)
    blocks_->prepare(pool_, a.f32, n_cols_, n_rows, scratch);
}

void CpuWeight::run_task(Isa isa, int task, const Activations& a, int n_rows, const void* scratch, float* out, bool accumulate) const {
  if (ternary_)
    ternary_->run_task(task, quant_rows(a), n_rows, scratch, out, n_rows_, accumulate);
  else if (blocks_)
    blocks_->run_task(task, n_rows, scratch, out, n_rows_, accumulate);
  else
    dense_run_task(isa, dense_, task, a.f32, n_cols_, n_rows, out, n_rows_, accumulate);
}

void CpuWeight::embed(Isa isa, const int32_t* ids, int n, float* out) const {
  if (blocks_)
    blocks_->embed(ids, n, out);
  else
    cpu::embed(isa, dense_, ids, n, out);
}

std::unique_ptr<Weight> create_cpu_weight(Pool& pool, int type, int store, int n_rows, int n_cols, float scale, bool vector) {
  return std::make_unique<CpuWeight>(pool, type, store, n_rows, n_cols, scale, vector);
}

}  // namespace tern::cpu
