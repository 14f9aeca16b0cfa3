// Attention of decoding rows and of prompts over a paged arena, several sequences at once.
#include "cases/attention_cases.h"
#include "checks.h"
#include "oracle/attention_cuda_oracle.h"

namespace tern::check {
namespace {

using cases::AttentionCase;
using cases::AttentionData;

// The cases' values as the backend is given them: K and V rows by slot.
std::vector<float> by_slot(const AttentionData& d, const std::vector<float>& value) {
  const AttentionCase& c = d.shape;
  const size_t dim = size_t(c.head_dim);
  std::vector<float> rows(size_t(d.n_pages) * cases::kPage * c.n_kv_heads * dim);
  for (int slot = 0; slot < d.n_pages * cases::kPage; slot++)
    for (int h = 0; h < c.n_kv_heads; h++)
      std::memcpy(&rows[(size_t(slot) * c.n_kv_heads + h) * dim], &value[size_t(d.kv_row(slot, h)) * dim], dim * sizeof(float));
  return rows;
}

// The type that the backend keeps such values in, exactly; or that of the case.
int kept_as(const Backend& backend, int type) {
  return backend.host_memory() && type != TERN_TYPE_F16 ? TERN_TYPE_F32 : type;
}

std::vector<float> run(Backend& backend, const AttentionData& d) {
  const AttentionCase& c = d.shape;
  const HeadShape shape = {c.n_heads, c.n_kv_heads, c.head_dim, kept_as(backend, c.kv_type)};
  const StepLimits limits = {d.n_rows, int(c.seqs.size()), std::max(d.n_segments, 1), c.n_rotations, 1, d.n_pages};
  const Array<uint8_t> arena(backend, static_cast<size_t>(backend.kv_layer_bytes(shape, d.n_pages)));
  const KvLayerSpan kv = {static_cast<uint8_t*>(arena), d.n_pages};
  backend.fill_slots(kv, shape, 0, d.n_pages * cases::kPage, NAN);
  // Only slots that a segment holds are written: all others stay NaN, which shows that nothing reads them.
  std::vector<int32_t> held;
  for (int s = 0; s < d.n_segments; s++)
    for (int t = 0; t < d.segment_len[s]; t++) held.push_back(d.segment_slot[s] + t);
  const std::vector<float> k = by_slot(d, d.k_value), v = by_slot(d, d.v_value);
  const size_t row = size_t(c.n_kv_heads) * c.head_dim;
  std::vector<float> k_held, v_held;
  for (int32_t slot : held) {
    k_held.insert(k_held.end(), &k[slot * row], &k[slot * row] + row);
    v_held.insert(v_held.end(), &v[slot * row], &v[slot * row] + row);
  }
  const Array<float> k_rows(backend, k_held), v_rows(backend, v_held), q(backend, d.q_value);
  const Array<int32_t> slots(backend, held);
  backend.kv_write(kv, shape, k_rows, v_rows, slots, static_cast<int>(held.size()));
  const Array<uint8_t> rotated(backend, static_cast<size_t>(backend.q_rotated_bytes(shape, d.n_rows, c.n_rotations)));
  backend.q_write(shape, q, int64_t(d.n_rows) * c.n_rotations, static_cast<uint8_t*>(rotated));
  const Array<uint8_t> scratch(backend, static_cast<size_t>(backend.attention_scratch_bytes(shape, limits)));
  const size_t n_out = size_t(d.n_rows) * c.n_heads * c.head_dim;
  const Array<float> out(backend, std::vector<float>(n_out, NAN));
  const std::vector<int64_t> q_pos(size_t(d.n_rows) * c.n_rotations);
  tern_batch batch = {};
  batch.struct_size = sizeof batch;
  batch.n_rows = d.n_rows, batch.n_seqs = int(c.seqs.size()), batch.n_segments = d.n_segments, batch.n_rotations = c.n_rotations;
  batch.q_pos = q_pos.data(), batch.sink_end = d.sink_end.data(), batch.lo = d.lo.data(), batch.hi = d.hi.data();
  batch.seq_row_begin = d.seq_row_begin.data(), batch.seq_segment_begin = d.seq_segment_begin.data();
  batch.segment_slot = d.segment_slot.data(), batch.segment_len = d.segment_len.data();
  batch.segment_index = d.segment_index.data(), batch.segment_rotation = d.segment_rotation.data();
  backend.create_runner(shape, limits)->run(batch, [&](const Step& step) {
    backend.attention(kv, shape, step, static_cast<uint8_t*>(rotated), out, scratch.span());
  });
  return out.download();
}

// Values of an int8 cache were made by the rule that it keeps them by, largest / 127 a step; writing them again may move the step by its
// last bit, which the bound's (head_dim + 8) and 16 roundings take in.
CheckResult check(Backend& backend, const AttentionCase& shape) {
  const AttentionData d = cases::build(shape);
  const std::vector<float> out = run(backend, d);
  CheckResult result;
  double nearest = -1;
  for (size_t s = 0; s < shape.seqs.size(); s++) {
    const size_t row = size_t(shape.n_heads) * shape.head_dim;
    const float* const first = out.data() + size_t(d.seq_row_begin[s]) * row;
    const oracle::AttentionProblem p = d.problem(int(s));
    const oracle::AttentionErrors e =
        backend.host_memory() ? oracle::attention_errors(p, first) : oracle::attention_cuda_errors(p, shape.kv_type, first);
    result.n_values += static_cast<int64_t>(size_t(p.n_rows) * row);
    if (!(e.nearest <= nearest)) nearest = e.nearest, result.error = e.error, result.bound = e.bound;
    if (e.mismatch.empty()) continue;
    result.verdict = TERN_CHECK_FAILED;
    if (result.n_wrong++ == 0) result.text = "sequence " + std::to_string(s) + ", " + e.mismatch;
  }
  return result;
}

}  // namespace

void add_attention(std::vector<Case>& all) {
  for (const AttentionCase& c : cases::decode_cases())
    all.push_back({"attention of decoding rows", c.name, [c](Backend& backend) { return check(backend, c); }});
  for (const AttentionCase& c : cases::prefill_cases())
    all.push_back({"attention of prompts", c.name, [c](Backend& backend) { return check(backend, c); }});
}

}  // namespace tern::check
