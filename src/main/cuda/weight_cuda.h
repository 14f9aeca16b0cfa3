// A weight on the GPU: dense rows, or 2-bit tiles for the ternary kernels.
#pragma once

#include <vector>

#include "context.h"
#include "core/backend.h"
#include "dense.h"
#include "ternary.h"

namespace tern::cuda {

class CudaWeight final : public Weight {
 public:
  CudaWeight(Context& context, int type, int store, int n_rows, int n_cols, float scale, bool vector);

  void append_rows(int n, const void* data, int64_t n_bytes) override;
  bool complete() const override { return n_loaded_ == n_rows_; }
  bool ternary() const override { return ternary_; }
  int type() const override { return type_; }
  int n_rows() const override { return n_rows_; }
  int n_cols() const override { return n_cols_; }
  int64_t bytes() const override { return data_.size() + scales_.size(); }
  const float* vector() const override { return vector_ ? data_.as<float>() : nullptr; }

  TernaryMatrix ternary_matrix() const { return {data_.as<void>(), scales_.as<float>(), n_rows_, n_cols_}; }
  DenseMatrix dense_matrix() const { return {data_.as<void>(), scales_.as<void>(), kept_type_, n_rows_, n_cols_, stride_}; }

 private:
  void append_ternary(const uint8_t* in, int64_t stride, int n);
  void append_dense(const uint8_t* in, int64_t stride, int n);
  void append_int8(const uint8_t* from, int8_t* to, uint8_t* scales);
  void append_floats(const uint8_t* from, uint8_t* to);
  void flush_tiles();

  Context& context_;
  int type_;  // of the rows given
  int n_rows_;
  int n_cols_;
  float scale_;
  bool ternary_;
  bool vector_;
  int n_loaded_ = 0;
  int kept_type_ = -1;  // dense: of the elements in memory
  int stride_ = 0;      // dense: elements of a row in memory
  Buffer data_;         // device: tiles, or rows
  Buffer scales_;       // device: ternary [n_rows] floats; Q8_0 and Q6_K as in DenseMatrix
  // On the way to the device, host memory; gone when the weight is whole.
  std::vector<uint8_t> rows_;
  std::vector<uint8_t> block_scales_;
  std::vector<float> row_scales_;
  std::vector<float> row_;
  std::vector<int8_t> trits_;  // ternary: up to 16 rows
  int n_trit_rows_ = 0;
  int64_t n_tile_rows_ = 0;  // of 16 rows each, already packed into rows_ or on the device
};

}  // namespace tern::cuda
