// What an op must do at least, by its shape: multiplications and additions, and bytes, each touched once. Exponentials, roots, comparisons,
// conversions, the softmax of attention, and what is done once a row are not counted.
#pragma once

#include <cstdint>

namespace tern {

struct OpCost {
  int64_t ops;
  int64_t bytes_read;
  int64_t bytes_written;
};

// out [n_rows, n_out] floats = x [n_rows, n_in] W^T; weight_bytes: of W as it is kept; x in floats.
OpCost dense_cost(int64_t n_rows, int64_t n_out, int64_t n_in, int64_t weight_bytes);
// The same with x in int8, and a scale and a sum a row; two multiplications scale an element.
OpCost ternary_cost(int64_t n_rows, int64_t n_out, int64_t n_in, int64_t weight_bytes);

// Query rows that see n_seen keys all together; n_keys: the keys that some row sees, each read once for all heads that share it.
// q_bytes, out_bytes: of all rows; slot_bytes: of a key and its value, all heads.
OpCost attention_cost(int64_t n_seen, int64_t n_keys, int64_t n_heads, int64_t head_dim, int64_t q_bytes, int64_t slot_bytes, int64_t out_bytes);

// Rows of dim floats, normed and quantised to int8, with a scale and a sum a row; gated: relu(gate)^2 * up before.
OpCost norm_quantize_cost(int64_t n_rows, int64_t dim, bool gated);

// q and k rotated, all of head_dim, and k and v written. table: a cosine and a sine for each pair, read once for q and once for k.
OpCost rope_append_cost(int64_t n_rows, int64_t n_heads, int64_t n_kv_heads, int64_t head_dim, int64_t q_bytes, int64_t slot_bytes);

// Rows of dim elements of row_bytes each, as floats.
OpCost embed_cost(int64_t n_rows, int64_t dim, int64_t row_bytes);

// Rows of logits over a temperature, and the sum of the softmax.
OpCost sample_cost(int64_t n_rows, int64_t vocab_size);

}  // namespace tern
