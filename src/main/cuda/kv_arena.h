// One layer of the KV arena on the device. K and V lie alike: [n_pages, n_kv_heads, 64, head_dim] elements; int8 has one scale per
// slot and head beside them, [n_pages, n_kv_heads, 64] floats: value = int8 * scale.
#pragma once

#include <cstdint>

#include "tern.h"

namespace tern::cuda {

struct KvArena {
  void* k;
  void* v;
  float* k_scale;  // null unless type is I8
  float* v_scale;
  int type;        // TERN_TYPE_F16, TERN_TYPE_BF16, TERN_TYPE_I8
  int n_pages;
  int n_kv_heads;
  int head_dim;    // a multiple of 8, at most 256
};

#ifdef __CUDACC__
__host__ __device__
#endif
inline int64_t
kv_row(int slot, int kv_head, int n_kv_heads) {  // times head_dim: the element offset; itself: the scale's
  return (int64_t(slot / TERN_PAGE_LEN) * n_kv_heads + kv_head) * TERN_PAGE_LEN + slot % TERN_PAGE_LEN;
}

}  // namespace tern::cuda
