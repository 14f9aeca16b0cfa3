#include "problems.h"

#include <algorithm>

namespace tern::check {
namespace {

// Rows of F32 -1, 0, 1 or of BF16, from the words of a pattern: normal numbers would take seconds.
std::unique_ptr<Weight> weight_of(Backend& backend, bool ternary, const ProductSizes& z, uint64_t seed) {
  std::unique_ptr<Weight> w = backend.create_weight(ternary ? TERN_TYPE_F32 : TERN_TYPE_BF16, ternary ? TERN_STORE_TERNARY : TERN_STORE_DENSE,
                                                    z.n_out, z.n_in, ternary ? 0.5f : 1.f, false);
  const int n_at_once = std::max(1, std::min(z.n_out, (1 << 20) / z.n_in));
  std::vector<float> trits;
  std::vector<uint16_t> halves;
  int64_t at = 0;
  for (int r = 0; r < z.n_out; r += n_at_once) {
    const int n = std::min(n_at_once, z.n_out - r);
    const size_t size = size_t(n) * size_t(z.n_in);
    trits.resize(ternary ? size : 0), halves.resize(ternary ? 0 : size);
    for (size_t i = 0; i < size; i++) {
      const uint64_t word = pattern_word({PatternKind::random, seed}, at++);
      if (ternary) trits[i] = static_cast<float>(static_cast<int>(word % 3) - 1);
      else halves[i] = static_cast<uint16_t>((word & 0x807f) | (0x3e00 + (word >> 16 & 0x180)));  // 0.125 .. 2 of either sign
    }
    w->append_rows(n, ternary ? static_cast<const void*>(trits.data()) : halves.data(), static_cast<int64_t>(size) * (ternary ? 4 : 2));
  }
  return w;
}

// From -1 to 1, with 24 random bits.
std::vector<float> uniform(uint64_t seed, size_t n) {
  std::vector<float> x(n);
  for (size_t i = 0; i < n; i++)
    x[i] = static_cast<float>(static_cast<int64_t>(pattern_word({PatternKind::random, seed}, static_cast<int64_t>(i))) >> 40) * 0x1p-23f;
  return x;
}

int whole_pages(int n_keys) { return (n_keys + TERN_PAGE_LEN - 1) / TERN_PAGE_LEN * TERN_PAGE_LEN; }

StepLimits limits_of(const AttentionSizes& z, int n_pages) { return {z.n_rows, z.n_seqs, z.n_seqs, 1, 1, n_pages}; }

}  // namespace

ProductProblem::ProductProblem(Backend& backend, bool ternary, const ProductSizes& z, uint64_t seed)
    : backend_(backend), ternary_(ternary), sizes_(z), weight_(weight_of(backend, ternary, z, seed)),
      x_(backend, uniform(~seed, size_t(z.n_rows) * size_t(z.n_in))), scale_(backend, size_t(z.n_rows)), int8_(backend, size_t(z.n_rows) * (size_t(z.n_in + 127) / 128 * 128)),
      sum_(backend, size_t(z.n_rows)), scratch_(backend, static_cast<size_t>(backend.matmul_scratch_bytes(*weight_, z.n_rows))) {}

void ProductProblem::compute(float* out) {
  const Projection p = {weight_.get(), out, false};
  const Activations a = backend_.activations({x_}, sizes_.n_rows, sizes_.n_in, !ternary_, ternary_, {nullptr, int8_, scale_, sum_});
  backend_.matmul(&p, 1, a, sizes_.n_rows, scratch_.span());
}

AttentionRun::AttentionRun(Backend& backend, const AttentionSizes& z, uint64_t seed)
    : backend_(backend), sizes_(z), shape_{z.n_heads, z.n_kv_heads, z.head_dim, TERN_TYPE_F16}, keys_stride_(whole_pages(z.n_keys)),
      n_pages_(keys_stride_ / TERN_PAGE_LEN * z.n_seqs),
      arena_(backend, static_cast<size_t>(backend.kv_layer_bytes(shape_, n_pages_))),
      rotated_(backend, static_cast<size_t>(backend.q_rotated_bytes(shape_, z.n_rows, 1))),
      scratch_(backend, static_cast<size_t>(backend.attention_scratch_bytes(shape_, limits_of(z, n_pages_)))),
      runner_(backend.create_runner(shape_, limits_of(z, n_pages_))) {
  const size_t row = size_t(z.n_kv_heads) * size_t(z.head_dim), n_slots = size_t(n_pages_) * TERN_PAGE_LEN;
  std::vector<int32_t> slots(n_slots);
  for (size_t i = 0; i < n_slots; i++) slots[i] = static_cast<int32_t>(i);
  {
    const Array<float> k(backend, uniform(seed, n_slots * row)), v(backend, uniform(seed + 1, n_slots * row)),
        q(backend, uniform(seed + 2, n_results()));
    const Array<int32_t> slot(backend, slots);
    backend.kv_write({static_cast<uint8_t*>(arena_), n_pages_}, shape_, k, v, slot, static_cast<int>(n_slots));
    backend.q_write(shape_, q, z.n_rows, static_cast<uint8_t*>(rotated_));
  }
  const int rows = z.n_rows / z.n_seqs;
  row_begin_ = segment_begin_ = {0};
  for (int s = 0; s < z.n_seqs; s++) {
    row_begin_.push_back((s + 1) * rows);
    segment_begin_.push_back(s + 1);
    segment_slot_.push_back(s * keys_stride_);
    segment_len_.push_back(z.n_keys);
    segment_index_.push_back(0);
    segment_rotation_.push_back(0);
    for (int r = 0; r < rows; r++) hi_.push_back(z.n_keys - rows + r);
  }
  q_pos_.assign(size_t(z.n_rows), 0), sink_end_ = lo_ = q_pos_;
}

tern_batch AttentionRun::batch() const {
  tern_batch b = {};
  b.struct_size = sizeof b;
  b.n_rows = sizes_.n_rows, b.n_seqs = sizes_.n_seqs, b.n_segments = sizes_.n_seqs, b.n_rotations = 1;
  b.q_pos = q_pos_.data(), b.sink_end = sink_end_.data(), b.lo = lo_.data(), b.hi = hi_.data();
  b.seq_row_begin = row_begin_.data(), b.seq_segment_begin = segment_begin_.data();
  b.segment_slot = segment_slot_.data(), b.segment_len = segment_len_.data();
  b.segment_index = segment_index_.data(), b.segment_rotation = segment_rotation_.data();
  return b;
}

void AttentionRun::compute(float* out) { compute(out, 1); }

void AttentionRun::compute(float* out, int n_times) {
  runner_->run(batch(), [&](const Step& step) {
    for (int i = 0; i < n_times; i++)
      backend_.attention({static_cast<uint8_t*>(arena_), n_pages_}, shape_, step, static_cast<uint8_t*>(rotated_), out, scratch_.span());
  });
}

int64_t AttentionRun::n_ops() const {
  int64_t seen = 0;
  for (int64_t last : hi_) seen += last + 1;
  return 4 * seen * sizes_.n_heads * sizes_.head_dim;
}

int64_t AttentionRun::n_bytes() const { return int64_t(sizes_.n_seqs) * sizes_.n_keys * sizes_.n_kv_heads * sizes_.head_dim * 2 * 2; }

}  // namespace tern::check
