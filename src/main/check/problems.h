// Problems of a size, made once and computed as often as wanted: what repeats compare and rates are measured on.
#pragma once

#include "checks.h"

namespace tern::check {

struct ProductSizes {
  int n_out, n_in, n_rows;
};

// x W^T with activations as a step makes them: quantised first where the weights are ternary.
class ProductProblem {
 public:
  ProductProblem(Backend& backend, bool ternary, const ProductSizes& sizes, uint64_t seed);
  void compute(float* out);  // [n_rows, n_out]
  size_t n_results() const { return size_t(sizes_.n_rows) * size_t(sizes_.n_out); }
  int64_t n_ops() const { return 2 * int64_t(sizes_.n_out) * sizes_.n_in * sizes_.n_rows; }
  int64_t n_bytes() const { return weight_->bytes(); }

 private:
  Backend& backend_;
  bool ternary_;
  ProductSizes sizes_;
  std::unique_ptr<Weight> weight_;
  Array<float> x_, scale_;
  Array<int8_t> int8_;
  Array<int32_t> sum_;
  Array<uint8_t> scratch_;
};

// n_seqs sequences of n_rows / n_seqs rows each, the last of their n_keys keys; keys and values in F16.
struct AttentionSizes {
  int n_heads, n_kv_heads, head_dim, n_seqs, n_rows, n_keys;
};

class AttentionRun {
 public:
  AttentionRun(Backend& backend, const AttentionSizes& sizes, uint64_t seed);
  void compute(float* out);                 // [n_rows, n_heads, head_dim]; returns when it is done
  void compute(float* out, int n_times);    // so many in one step
  size_t n_results() const { return size_t(sizes_.n_rows) * sizes_.n_heads * sizes_.head_dim; }
  int64_t n_ops() const;    // a multiplication and an addition for each element of a seen key and of its value
  int64_t n_bytes() const;  // of keys and values

 private:
  tern_batch batch() const;

  Backend& backend_;
  AttentionSizes sizes_;
  HeadShape shape_;
  int keys_stride_;  // slots of a sequence, whole pages
  int n_pages_;
  Array<uint8_t> arena_, rotated_, scratch_;
  std::unique_ptr<StepRunner> runner_;
  std::vector<int32_t> row_begin_, segment_begin_, segment_slot_, segment_len_, segment_rotation_;
  std::vector<int64_t> segment_index_, q_pos_, sink_end_, lo_, hi_;
};

}  // namespace tern::check
