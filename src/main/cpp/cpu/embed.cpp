// Embedding lookup: rows of a table as floats, exactly.
#include "cpu/dense.h"
#include "cpu/dense_tile.h"

namespace tern::cpu {

void embed(Isa isa, const DenseWeight& table, const int32_t* ids, int n_ids, float* out) {
  const auto widen = isa == Isa::avx512 ? widen_row_avx512 : isa == Isa::avx2 ? widen_row_avx2 : widen_row_scalar;
  const int64_t row_bytes = table.data.size() / table.n_rows;
  for (int i = 0; i < n_ids; i++)
    widen(table.type, table.data.as<uint8_t>() + ids[i] * row_bytes, table.n_cols, out + int64_t(i) * table.n_cols);
}

}  // namespace tern::cpu
