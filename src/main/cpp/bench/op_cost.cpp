#include "bench/op_cost.h"

namespace tern {
namespace {

constexpr int64_t kFloat = 4, kInt32 = 4;

}  // namespace

OpCost dense_cost(int64_t n_rows, int64_t n_out, int64_t n_in, int64_t weight_bytes) {
  return {2 * n_rows * n_out * n_in, weight_bytes + kFloat * n_rows * n_in, kFloat * n_rows * n_out};
}

OpCost ternary_cost(int64_t n_rows, int64_t n_out, int64_t n_in, int64_t weight_bytes) {
  return {2 * n_rows * n_out * n_in + 2 * n_rows * n_out, weight_bytes + n_rows * (n_in + kFloat + kInt32), kFloat * n_rows * n_out};
}

OpCost attention_cost(int64_t n_seen, int64_t n_keys, int64_t n_heads, int64_t head_dim, int64_t q_bytes, int64_t slot_bytes,
                      int64_t out_bytes) {
  return {4 * n_seen * n_heads * head_dim, q_bytes + n_keys * slot_bytes, out_bytes};
}

OpCost norm_quantize_cost(int64_t n_rows, int64_t dim, bool gated) {
  // Square and its sum; times the root's inverse, times the weight; times the scale; the sum of the integers. Gate: its square, times up.
  const int64_t ops = n_rows * dim * (6 + (gated ? 2 : 0));
  return {ops, kFloat * (n_rows * dim * (gated ? 2 : 1) + dim), n_rows * (dim + kFloat + kInt32)};
}

OpCost rope_append_cost(int64_t n_rows, int64_t n_heads, int64_t n_kv_heads, int64_t head_dim, int64_t q_bytes, int64_t slot_bytes) {
  const int64_t n_rotated = n_rows * (n_heads + n_kv_heads) * head_dim;
  const int64_t read = n_rotated + n_rows * n_kv_heads * head_dim + 2 * n_rows * head_dim;  // q, k; v; tables
  return {3 * n_rotated, kFloat * read + kInt32 * n_rows, q_bytes + n_rows * slot_bytes};  // a pair: 4 products, 2 sums
}

OpCost embed_cost(int64_t n_rows, int64_t dim, int64_t row_bytes) {
  return {0, n_rows * (row_bytes + kInt32), kFloat * n_rows * dim};
}

OpCost sample_cost(int64_t n_rows, int64_t vocab_size) {
  return {2 * n_rows * vocab_size, kFloat * n_rows * vocab_size, n_rows * (kInt32 + kFloat)};
}

}  // namespace tern
