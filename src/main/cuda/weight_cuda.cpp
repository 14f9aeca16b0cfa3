#include "weight_cuda.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "core/checked.h"
#include "core/half.h"
#include "ternary/decode.h"

namespace tern::cuda {
namespace {

constexpr int64_t kPieceBytes = 4 << 20;  // packed on the host before they are copied

// What the kernels do not read is kept in a wider type that holds its values exactly: Q4_0 and Q2_0 as Q8_0, TQ1_0 and TQ2_0 as F16,
// those with a scale a row as F32. A scale cannot be folded into narrower types without rounding, so such a weight becomes F32, as do
// vectors.
int kept_type(int type, float scale, bool vector) {
  if (vector || scale != 1) return TERN_TYPE_F32;
  switch (type) {
    case TERN_TYPE_Q4_0:
    case TERN_TYPE_Q2_0: return TERN_TYPE_Q8_0;
    case TERN_TYPE_TQ1_0:
    case TERN_TYPE_TQ2_0: return TERN_TYPE_F16;
    case TERN_TYPE_I2_S:
    case TERN_TYPE_IQ1_BN:
    case TERN_TYPE_IQ2_BN: return TERN_TYPE_F32;
    default: return type;
  }
}

int64_t element_bytes(int type) { return type == TERN_TYPE_F32 ? 4 : int8_group(type) ? 1 : 2; }
int64_t scale_bytes(int type) { return type == TERN_TYPE_Q6_K ? 4 : 2; }

template <class T>
void forget(std::vector<T>& v) {
  std::vector<T>().swap(v);
}

}  // namespace

CudaWeight::CudaWeight(Context& context, int type, int store, int n_rows, int n_cols, float scale, bool vector)
    : context_(context),
      type_(type),
      n_rows_(n_rows),
      n_cols_(n_cols),
      scale_(scale),
      ternary_(store == TERN_STORE_TERNARY),
      vector_(vector) {
  TERN_CHECK_ARG(n_rows > 0 && n_cols > 0, "a weight of shape [%d, %d]", n_rows, n_cols);
  TERN_CHECK_ARG(store == TERN_STORE_DENSE || store == TERN_STORE_TERNARY, "store %d is neither dense nor ternary", store);
  row_bytes(type, n_cols);  // refuses unknown types and partial blocks
  check_hf_packed(type, store, n_rows);
  if (ternary_) {
    TERN_CHECK_ARG(n_cols <= kMaxTernaryCols, "a ternary row of %d columns, at most %d", n_cols, kMaxTernaryCols);
    data_ = context_.allocate(ternary_packed_bytes(n_rows, n_cols), "a ternary weight");
    scales_ = context_.allocate(checked_mul(n_rows, sizeof(float)), "a ternary weight's scales");
    trits_.resize(static_cast<size_t>(kTernaryTileRows) * n_cols);
    row_scales_.reserve(static_cast<size_t>(n_rows));
    return;
  }
  kept_type_ = kept_type(type, scale, vector);
  stride_ = vector ? n_cols : static_cast<int>(round_up(n_cols, kDenseAlign));
  data_ = context_.allocate(checked_mul(checked_mul(n_rows, stride_), element_bytes(kept_type_)), "a weight matrix");
  if (const int group = int8_group(kept_type_))
    scales_ = context_.allocate(checked_mul(checked_mul(n_rows, stride_ / group), scale_bytes(kept_type_)), "a weight matrix's scales");
  if (int8_group(kept_type_) || kept_type_ != type || scale != 1) row_.resize(static_cast<size_t>(n_cols));
}

void CudaWeight::append_rows(int n, const void* data, int64_t n_bytes) {
  const int64_t stride = row_bytes(type_, n_cols_);
  TERN_CHECK_ARG(n >= 0 && n <= n_rows_ - n_loaded_, "%d rows after %d of %d", n, n_loaded_, n_rows_);
  TERN_CHECK_ARG(n_bytes == checked_mul(stride, n), "%lld bytes for %d rows of %lld", static_cast<long long>(n_bytes), n,
                 static_cast<long long>(stride));
  if (ternary_)
    append_ternary(static_cast<const uint8_t*>(data), stride, n);
  else
    append_dense(static_cast<const uint8_t*>(data), stride, n);
  if (complete()) {
    forget(rows_), forget(block_scales_), forget(row_scales_), forget(row_), forget(trits_);
  }
}

void CudaWeight::append_ternary(const uint8_t* in, int64_t stride, int n) {
  const int64_t tile_row_bytes = ternary_packed_bytes(kTernaryTileRows, n_cols_);
  for (int r = 0; r < n; r++) {
    float row_scale;
    int8_t* const trits = trits_.data() + int64_t(n_trit_rows_) * n_cols_;
    if (!decode_ternary_row(type_, in + stride * r, n_cols_, trits, &row_scale, hf_quarter(type_, n_loaded_, n_rows_)))
      fail(TERN_ERR_NOT_TERNARY, "row %d is not ternary with one scale", n_loaded_);
    const float scale = row_scale * scale_;
    if (!std::isfinite(scale)) fail(TERN_ERR_NOT_TERNARY, "row %d has the scale %g", n_loaded_, double(scale));
    row_scales_.push_back(scale);
    n_trit_rows_++;
    n_loaded_++;
    if (n_trit_rows_ < kTernaryTileRows && n_loaded_ < n_rows_) continue;
    const size_t at = rows_.size();
    rows_.resize(at + static_cast<size_t>(tile_row_bytes));
    ternary_pack(trits_.data(), n_trit_rows_, n_cols_, rows_.data() + at);
    n_trit_rows_ = 0;
    n_tile_rows_++;
    if (static_cast<int64_t>(rows_.size()) >= kPieceBytes || n_loaded_ == n_rows_) flush_tiles();
  }
  if (complete()) context_.upload(scales_.as<void>(), row_scales_.data(), scales_.size());
}

void CudaWeight::flush_tiles() {
  const int64_t end = n_tile_rows_ * ternary_packed_bytes(kTernaryTileRows, n_cols_), n = static_cast<int64_t>(rows_.size());
  context_.upload(data_.as<uint8_t>() + end - n, rows_.data(), n);
  rows_.clear();
}

void CudaWeight::append_dense(const uint8_t* in, int64_t stride, int n) {
  const int64_t out_stride = stride_ * element_bytes(kept_type_);
  const int64_t piece = std::max<int64_t>(1, kPieceBytes / out_stride);
  const int group = int8_group(kept_type_);
  const int64_t scales_stride = group ? stride_ / group * scale_bytes(kept_type_) : 0;
  for (int64_t begin = 0; begin < n; begin += piece) {
    const int64_t len = std::min<int64_t>(piece, n - begin);
    rows_.assign(static_cast<size_t>(out_stride * len), 0);
    block_scales_.assign(static_cast<size_t>(scales_stride * len), 0);
    for (int64_t r = 0; r < len; r++) {
      const uint8_t* const from = in + stride * (begin + r);
      uint8_t* const to = rows_.data() + out_stride * r;
      if (group)
        append_int8(from, reinterpret_cast<int8_t*>(to), block_scales_.data() + scales_stride * r);
      else if (row_.empty())
        std::memcpy(to, from, static_cast<size_t>(stride));
      else
        append_floats(from, to);
    }
    context_.upload(data_.as<uint8_t>() + out_stride * (n_loaded_ + begin), rows_.data(), static_cast<int64_t>(rows_.size()));
    if (group)
      context_.upload(scales_.as<uint8_t>() + scales_stride * (n_loaded_ + begin), block_scales_.data(),
                      static_cast<int64_t>(block_scales_.size()));
  }
  n_loaded_ += n;
}

void CudaWeight::append_int8(const uint8_t* from, int8_t* to, uint8_t* scales) {
  decode_int8_row(type_, from, n_cols_, to, row_.data());
  const int n_groups = n_cols_ / int8_group(kept_type_);
  if (kept_type_ == TERN_TYPE_Q6_K)
    std::memcpy(scales, row_.data(), sizeof(float) * static_cast<size_t>(n_groups));
  else
    for (int g = 0; g < n_groups; g++) reinterpret_cast<uint16_t*>(scales)[g] = half_from_float(row_[static_cast<size_t>(g)]);  // exact
}

void CudaWeight::append_floats(const uint8_t* from, uint8_t* to) {
  decode_row(type_, from, n_cols_, row_.data());
  const float largest = kept_type_ == TERN_TYPE_F32 ? std::numeric_limits<float>::max() : 65504;  // of F16
  for (int j = 0; j < n_cols_; j++) {
    const float value = row_[static_cast<size_t>(j)] * scale_;
    TERN_CHECK_ARG(std::fabs(value) <= largest, "a value of %g times the scale %g: at most %g is kept", double(row_[static_cast<size_t>(j)]),
                   double(scale_), double(largest));
    if (kept_type_ == TERN_TYPE_F32)
      reinterpret_cast<float*>(to)[j] = value;
    else
      reinterpret_cast<uint16_t*>(to)[j] = half_from_float(value);
  }
}

}  // namespace tern::cuda
