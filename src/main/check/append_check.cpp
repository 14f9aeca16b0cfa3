// K rotated and written to the arena with V, and q rotated once a rotation: seen through attention over what was written, as the arena's
// layout is the backend's own.
//
// Elements of rotated q and k err by the angles' table and three roundings, 4 u (|a| + |b|), then by the rounding to the arena's type: w |x|
// of halves, half a step of int8, whose step is the largest of the head over 127. So a score errs by at most
// D = sum (|q| dk + |k| dq + dq dk) / sqrt(head_dim), a weight after normalisation by a factor of e^(2 D), and an element of the result by
// (e^(2 D) - 1) sum p |v|, on top of what attention itself may err; and by the rounding of int8 values.
#include <algorithm>

#include "cases/rope_cases.h"
#include "checks.h"
#include "oracle/attention_cuda_oracle.h"
#include "oracle/rope_oracle.h"

namespace tern::check {
namespace {

using cases::RopeAppendCase;

// One head: exact, as floats, and how far each element of the device's may be from it.
struct Rotated {
  std::vector<float> value;
  std::vector<double> off;
};

double half_unit(int kv_type) { return kv_type == TERN_TYPE_BF16 ? 0x1p-8 : kv_type == TERN_TYPE_F32 ? 0x1p-24 : 0x1p-11; }

Rotated rotate(const RopeAppendCase& c, const float* x, int64_t pos, const std::vector<double>& inv_freq, int kv_type, bool key) {
  Rotated r{std::vector<float>(size_t(c.head_dim)), std::vector<double>(size_t(c.head_dim))};
  const int half = c.rope_dim / 2;
  double largest = 0;
  for (int d = 0; d < c.head_dim; d++) {
    double value = x[d], size = std::fabs(x[d]);
    if (d < c.rope_dim) {
      const bool halves = c.style == TERN_ROPE_HALVES, second = halves ? d >= half : d % 2;
      const int j = halves ? d % half : d / 2, other = halves ? (second ? d - half : d + half) : d ^ 1;
      const auto [cos, sin] = oracle::cos_sin(pos, inv_freq[size_t(j)]);
      value = double(x[d]) * double(cos) + (second ? 1 : -1) * double(x[other]) * double(sin);
      size += std::fabs(x[other]);
    }
    r.value[size_t(d)] = static_cast<float>(value);
    // The last two: of the oracle's own rounding to float, and of F16's numbers next to 0.
    r.off[size_t(d)] = 4 * 0x1p-24 * size + half_unit(kv_type) * std::fabs(value) * 1.01 + 0x1p-24 * std::fabs(value) + 0x1p-24;
    largest = std::max(largest, std::fabs(value));
  }
  if (key && kv_type == TERN_TYPE_I8)
    for (double& off : r.off) off += largest / 254 * 1.01;
  return r;
}

struct Appended {
  oracle::AttentionProblem problem;
  double score_off = 0;  // D
  double value_off = 0;  // of v
};

// weights_off: relative, of the weights of values.
CheckResult compare(const Appended& a, const std::vector<float>& got, double weights_off) {
  const oracle::AttentionProblem& p = a.problem;
  std::vector<double> magnitude, largest_score;
  const std::vector<double> ref = oracle::attention<double>(p, &magnitude, &largest_score);
  const double u = 0x1p-24, growth = std::expm1(2 * a.score_off);
  Compare result;
  for (size_t i = 0; i < ref.size(); i++) {
    // Attention's own share: oracle/attention_cuda_oracle.h, of so many tiles and keys.
    const double n = 3. * double(p.segments.size()) + 2, score = largest_score[i / size_t(p.head_dim)] + a.score_off;
    const double own = (4 * (2 * (p.head_dim + 8) * score + 8 * n + 2 * n + 16) * u + 1.01 * weights_off) * magnitude[i] + u * n * 8;
    result.within("element", i, got[i], ref[i], (own + growth * magnitude[i]) * (1 + growth) + a.value_off);
  }
  return result.result();
}

CheckResult check(Backend& backend, const RopeAppendCase& c) {
  const int kv_type = backend.host_memory() && c.kv_type != TERN_TYPE_F16 ? TERN_TYPE_F32 : c.kv_type;
  RopeAppendCase placed = c;
  if (backend.host_memory()) placed.skip = 0;  // rows without a slot are the padding of a graph
  const std::vector<int32_t> slot = cases::append_slots(placed);
  std::mt19937_64 random(c.seed);
  const size_t rows = size_t(c.n_rows), q_dim = size_t(c.n_heads) * c.head_dim, kv_dim = size_t(c.n_kv_heads) * c.head_dim;
  const std::vector<float> q = normal(random, rows * q_dim), k = normal(random, rows * kv_dim);
  std::vector<float> v = normal(random, rows * kv_dim);
  for (float& x : v) x = static_cast<float>(std::nearbyint(x * 16)) / 16;  // exact in every half
  const std::vector<double> inv_freq = cases::inverse_frequencies(10000, c.rope_dim);
  std::vector<int64_t> pos(rows), q_pos(rows * size_t(c.n_rotations));
  for (size_t i = 0; i < rows; i++) pos[i] = static_cast<int64_t>(i) * 12345 + 7;
  for (size_t i = 0; i < q_pos.size(); i++) q_pos[i] = pos[i % rows] + 1000 * static_cast<int64_t>(i / rows);

  // The device.
  const HeadShape shape = {c.n_heads, c.n_kv_heads, c.head_dim, kv_type};
  std::vector<int32_t> order;
  for (size_t i = 0; i < rows; i++)
    if (slot[i] >= 0) order.push_back(static_cast<int32_t>(i));
  std::sort(order.begin(), order.end(), [&](int a, int b) { return slot[size_t(a)] < slot[size_t(b)]; });
  const int n_segments = static_cast<int>(order.size());
  const StepLimits limits = {c.n_rows, 1, std::max(1, n_segments), c.n_rotations, 1, c.n_pages};
  const Array<uint8_t> arena(backend, static_cast<size_t>(backend.kv_layer_bytes(shape, c.n_pages)));
  const KvLayerSpan kv = {static_cast<uint8_t*>(arena), c.n_pages};
  backend.fill_slots(kv, shape, 0, c.n_pages * TERN_PAGE_LEN, NAN);
  const Array<float> q_in(backend, q), k_in(backend, k), v_in(backend, v), q_table(backend, q_pos.size() * size_t(c.rope_dim)),
      k_table(backend, rows * size_t(c.rope_dim)), out(backend, std::vector<float>(rows * q_dim, NAN));
  const Array<int32_t> slots(backend, slot);
  const Array<int64_t> positions(backend, pos), q_positions(backend, q_pos);
  const Array<double> frequencies(backend, inv_freq);
  const Array<uint8_t> rotated(backend, static_cast<size_t>(backend.q_rotated_bytes(shape, c.n_rows, c.n_rotations)));
  const Array<uint8_t> scratch(backend, static_cast<size_t>(backend.attention_scratch_bytes(shape, limits)));
  backend.rope_table(q_positions, static_cast<int>(q_pos.size()), frequencies, c.rope_dim, q_table);
  backend.rope_table(positions, c.n_rows, frequencies, c.rope_dim, k_table);
  backend.rope_append(kv, shape, {q_in, k_in, v_in, q_table, k_table, slots, c.n_rows, c.n_rotations, c.style, c.rope_dim, static_cast<uint8_t*>(rotated)});

  // Every key a segment of its own, each row sees all of them; and the same for the oracle.
  Appended a;
  oracle::AttentionProblem& p = a.problem;
  p.n_heads = c.n_heads, p.n_kv_heads = c.n_kv_heads, p.head_dim = c.head_dim, p.n_rows = c.n_rows;
  std::vector<int32_t> segment_slot, segment_len(size_t(n_segments), 1), segment_rotation;
  std::vector<int64_t> segment_index;
  double k_largest = 0, k_off = 0, q_largest = 0, q_off = 0;
  for (int t = 0; t < n_segments; t++) {
    const size_t i = size_t(order[size_t(t)]);
    segment_slot.push_back(slot[i]);
    segment_index.push_back(slot[i]);
    segment_rotation.push_back(t % c.n_rotations);
    p.segments.push_back({slot[i], 1, slot[i], t % c.n_rotations});
    p.k.emplace_back();
    p.v.emplace_back(v.begin() + static_cast<int64_t>(i * kv_dim), v.begin() + static_cast<int64_t>((i + 1) * kv_dim));
    for (int h = 0; h < c.n_kv_heads; h++) {
      const Rotated r = rotate(c, &k[i * kv_dim + size_t(h) * c.head_dim], pos[i], inv_freq, kv_type, true);
      double sum = 0, off = 0;
      for (size_t d = 0; d < r.value.size(); d++) sum += double(r.value[d]) * r.value[d], off += r.off[d] * r.off[d];
      k_largest = std::max(k_largest, std::sqrt(sum)), k_off = std::max(k_off, std::sqrt(off));
      p.k.back().insert(p.k.back().end(), r.value.begin(), r.value.end());
    }
  }
  const int q_type = kv_type == TERN_TYPE_I8 ? TERN_TYPE_F16 : kv_type;
  for (size_t i = 0; i < q_pos.size(); i++)
    for (int h = 0; h < c.n_heads; h++) {
      const Rotated r = rotate(c, &q[(i % rows) * q_dim + size_t(h) * c.head_dim], q_pos[i], inv_freq, q_type, false);
      double sum = 0, off = 0;
      for (size_t d = 0; d < r.value.size(); d++) sum += double(r.value[d]) * r.value[d], off += r.off[d] * r.off[d];
      q_largest = std::max(q_largest, std::sqrt(sum)), q_off = std::max(q_off, std::sqrt(off));
      p.q.insert(p.q.end(), r.value.begin(), r.value.end());
    }
  p.sink_end.assign(rows, 0), p.lo.assign(rows, 0), p.hi.assign(rows, int64_t(c.n_pages) * TERN_PAGE_LEN);
  // Sums of products by Cauchy and Schwarz.
  a.score_off = (q_largest * k_off + k_largest * q_off + q_off * k_off) / std::sqrt(double(c.head_dim));
  if (kv_type == TERN_TYPE_I8)
    for (float x : v) a.value_off = std::max(a.value_off, std::fabs(x) / 254 * 1.01);

  const int32_t row_begin[] = {0, c.n_rows}, segment_begin[] = {0, n_segments};
  const std::vector<int64_t> zeros(rows * size_t(c.n_rotations));
  tern_batch batch = {};
  batch.struct_size = sizeof batch;
  batch.n_rows = c.n_rows, batch.n_seqs = 1, batch.n_segments = n_segments, batch.n_rotations = c.n_rotations;
  batch.q_pos = zeros.data(), batch.sink_end = p.sink_end.data(), batch.lo = p.lo.data(), batch.hi = p.hi.data();
  batch.seq_row_begin = row_begin, batch.seq_segment_begin = segment_begin;
  batch.segment_slot = segment_slot.data(), batch.segment_len = segment_len.data();
  batch.segment_index = segment_index.data(), batch.segment_rotation = segment_rotation.data();
  backend.create_runner(shape, limits)->run(batch, [&](const Step& step) {
    backend.attention(kv, shape, step, static_cast<uint8_t*>(rotated), out, scratch.span());
  });
  const std::vector<float> got = out.download();

  return compare(a, got, backend.host_memory() ? 0 : half_unit(q_type));
}

}  // namespace

void add_append(std::vector<Case>& all) {
  for (const RopeAppendCase& c : cases::rope_append_cases())
    all.push_back({"keys and values written", c.name, [c](Backend& backend) { return check(backend, c); }});
}

}  // namespace tern::check
