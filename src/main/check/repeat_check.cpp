// The same problem again and again, compared bit for bit: what a device computes wrongly now and then shows here and nowhere else.
#include <algorithm>

#include "checks.h"

namespace tern::check {
namespace {

struct Sizes {
  int n_out, n_in, n_rows;
};

// Small: a few megabytes of results a second. Large: every core busy for milliseconds.
Sizes product_sizes(const Backend& backend, bool large) {
  if (!large) return {320, 640, 24};
  return backend.host_memory() ? Sizes{1024, 2048, 32} : Sizes{8192, 4096, 512};
}

// Bits of floats as words; what was not written shows, as the words are poisoned in between.
class Repeated {
 public:
  Repeated(Backend& backend, size_t n_out, uint64_t seed) : backend_(backend), out_(backend, n_out + n_out % 2), n_(n_out), seed_(seed) {}
  float* out() const { return out_; }

  template <class Body>
  CheckResult run(int n_repeats, const Body& body) {
    CheckResult result;
    std::vector<float> first;
    for (int i = 0; i <= n_repeats; i++) {
      backend_.pattern_write(out(), static_cast<int64_t>((n_ + 1) / 2), {PatternKind::random, seed_ + static_cast<uint64_t>(i)});
      body();
      std::vector<float> got = out_.download();
      got.resize(n_);
      if (i == 0) first = std::move(got);
      else compare(first, got, i, result);
    }
    return result;
  }

 private:
  void compare(const std::vector<float>& first, const std::vector<float>& got, int i, CheckResult& result) const {
    result.n_values += static_cast<int64_t>(n_);
    if (std::memcmp(first.data(), got.data(), n_ * sizeof(float)) == 0) return;
    result.verdict = TERN_CHECK_FAILED;
    size_t n_wrong = 0, where = 0;
    for (size_t j = n_; j-- > 0;)
      if (std::memcmp(&first[j], &got[j], sizeof(float)) != 0) n_wrong++, where = j;
    if (result.n_wrong == 0) {
      uint32_t a, b;
      std::memcpy(&a, &first[where], 4), std::memcpy(&b, &got[where], 4);
      char text[200];
      std::snprintf(text, sizeof text, "repeat %d: element %zu has the bits %08x, at first it had %08x; %zu of %zu elements differ", i, where, b, a,
                    n_wrong, n_);
      result.text = text;
    }
    result.n_wrong += static_cast<int64_t>(n_wrong);
  }

  Backend& backend_;
  Array<float> out_;
  size_t n_;
  uint64_t seed_;
};

CheckResult product(Backend& backend, bool ternary, bool large, int n_repeats, uint64_t seed) {
  const Sizes z = product_sizes(backend, large);
  std::mt19937_64 random(seed);
  const std::unique_ptr<Weight> w = ternary ? backend.create_weight(TERN_TYPE_F32, TERN_STORE_TERNARY, z.n_out, z.n_in, 0.5f, false)
                                            : backend.create_weight(TERN_TYPE_BF16, TERN_STORE_DENSE, z.n_out, z.n_in, 1, false);
  for (int r = 0; r < z.n_out; r++) {
    std::vector<float> row = normal(random, size_t(z.n_in));
    if (ternary) {
      for (float& x : row) x = x > 0.5f ? 1.f : x < -0.5f ? -1.f : 0.f;
      w->append_rows(1, row.data(), int64_t(z.n_in) * 4);
    } else {
      std::vector<uint16_t> halves(row.size());
      for (size_t j = 0; j < row.size(); j++) {
        uint32_t bits;
        std::memcpy(&bits, &row[j], 4);
        halves[j] = static_cast<uint16_t>(bits >> 16);
      }
      w->append_rows(1, halves.data(), int64_t(z.n_in) * 2);
    }
  }
  const size_t rows = size_t(z.n_rows), padded = size_t(z.n_in + 127) / 128 * 128;
  const Array<float> x(backend, normal(random, rows * size_t(z.n_in))), scale(backend, rows);
  const Array<int8_t> int8(backend, rows * padded);
  const Array<int32_t> sum(backend, rows);
  const Array<uint8_t> scratch(backend, static_cast<size_t>(backend.matmul_scratch_bytes(*w, z.n_rows)));
  Repeated repeated(backend, rows * size_t(z.n_out), seed);
  const Projection p = {w.get(), repeated.out(), false};
  return repeated.run(n_repeats, [&] {
    const Activations a = backend.activations({x}, z.n_rows, z.n_in, !ternary, ternary, {nullptr, int8, scale, sum});
    backend.matmul(&p, 1, a, z.n_rows, scratch.span());
  });
}

CheckResult attention(Backend& backend, bool prefill, int n_repeats, uint64_t seed) {
  constexpr int kHeads = 8, kKvHeads = 2, kHeadDim = 64, kPages = 9, kKeys = 520;
  const int n_seqs = prefill ? 1 : 4, n_rows = prefill ? 40 : n_seqs;
  const HeadShape shape = {kHeads, kKvHeads, kHeadDim, TERN_TYPE_F16};
  const StepLimits limits = {n_rows, n_seqs, n_seqs, 1, 1, kPages};
  std::mt19937_64 random(seed);
  const Array<uint8_t> arena(backend, static_cast<size_t>(backend.kv_layer_bytes(shape, kPages)));
  const KvLayerSpan kv = {static_cast<uint8_t*>(arena), kPages};
  std::vector<int32_t> slots(kKeys);
  for (int i = 0; i < kKeys; i++) slots[i] = i;
  const size_t row = size_t(kKvHeads) * kHeadDim, n_q = size_t(n_rows) * kHeads * kHeadDim;
  const Array<float> k(backend, normal(random, kKeys * row)), v(backend, normal(random, kKeys * row)), q(backend, normal(random, n_q));
  const Array<int32_t> slot(backend, slots);
  backend.kv_write(kv, shape, k, v, slot, kKeys);
  const Array<uint8_t> rotated(backend, static_cast<size_t>(backend.q_rotated_bytes(shape, n_rows, 1)));
  backend.q_write(shape, q, n_rows, static_cast<uint8_t*>(rotated));
  const Array<uint8_t> scratch(backend, static_cast<size_t>(backend.attention_scratch_bytes(shape, limits)));
  // Decoding sequences share the keys; a prompt's rows are the stream's last.
  std::vector<int32_t> row_begin = {0}, segment_begin = {0}, lens, zeros(size_t(n_seqs), 0);
  std::vector<int64_t> sink_end(size_t(n_rows), 0), lo(size_t(n_rows), 0), hi, indices(size_t(n_seqs), 0), q_pos(size_t(n_rows), 0);
  for (int s = 0; s < n_seqs; s++) {
    row_begin.push_back(prefill ? n_rows : s + 1);
    segment_begin.push_back(s + 1);
    lens.push_back(kKeys - 64 * s);
  }
  for (int r = 0; r < n_rows; r++) hi.push_back(prefill ? kKeys - n_rows + r : lens[size_t(r)] - 1);
  tern_batch batch = {};
  batch.struct_size = sizeof batch;
  batch.n_rows = n_rows, batch.n_seqs = n_seqs, batch.n_segments = n_seqs, batch.n_rotations = 1;
  batch.q_pos = q_pos.data(), batch.sink_end = sink_end.data(), batch.lo = lo.data(), batch.hi = hi.data();
  batch.seq_row_begin = row_begin.data(), batch.seq_segment_begin = segment_begin.data();
  batch.segment_slot = zeros.data(), batch.segment_len = lens.data(), batch.segment_index = indices.data(), batch.segment_rotation = zeros.data();
  Repeated repeated(backend, n_q, seed);
  const std::unique_ptr<StepRunner> runner = backend.create_runner(shape, limits);
  return repeated.run(n_repeats, [&] {
    runner->run(batch, [&](const Step& step) {
      backend.attention(kv, shape, step, static_cast<uint8_t*>(rotated), repeated.out(), scratch.span());
    });
  });
}

}  // namespace

CheckResult repeat(Backend& backend, int what, int n_repeats, uint64_t seed) {
  switch (what) {
    case TERN_REPEAT_DENSE: return product(backend, false, false, n_repeats, seed);
    case TERN_REPEAT_TERNARY: return product(backend, true, false, n_repeats, seed);
    case TERN_REPEAT_DENSE_LARGE: return product(backend, false, true, n_repeats, seed);
    case TERN_REPEAT_TERNARY_LARGE: return product(backend, true, true, n_repeats, seed);
    default: return attention(backend, what == TERN_REPEAT_PREFILL, n_repeats, seed);
  }
}

}  // namespace tern::check
