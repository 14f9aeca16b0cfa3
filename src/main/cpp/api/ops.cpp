// extern "C" shell of the single kernels: the backend's own ops, on the caller's arrays.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "api/handles.h"
#include "core/checked.h"
#include "core/memory.h"
#include "cpu/rope.h"
#include "ternary/decode.h"

using namespace tern;

namespace {

void positive(const char* name, int64_t value) {
  TERN_CHECK_ARG(value > 0, "%s is %lld, it must be 1 or more", name, static_cast<long long>(value));
}

// The handle's backend, alone for the duration of the call.
class Locked {
 public:
  explicit Locked(tern_device* device) {
    TERN_CHECK_HANDLE(device);
    device_ = device->device;
    lock_ = std::unique_lock<std::mutex>(device_->mutex);
  }
  Backend* operator->() const { return device_->backend.get(); }
  Backend& operator*() const { return *device_->backend; }

 private:
  std::shared_ptr<Device> device_;
  std::unique_lock<std::mutex> lock_;
};

// A caller's array as the backend sees it: itself, or a copy in the backend's memory.
template <class T>
class In {
 public:
  In(const Locked& backend, const T* host, int64_t n) : data_(host) {
    if (!host || backend->host_memory()) return;
    copy_ = backend->allocate(checked_mul(n, sizeof(T)), "a copy of an argument");
    backend->upload(copy_.template as<void>(), host, copy_.size());
    data_ = copy_.template as<T>();
  }
  operator const T*() const { return data_; }

 private:
  Buffer copy_;
  const T* data_;
};

// The same for a result; fetch copies it to the caller. With copy_in the caller's values are there first.
template <class T>
class Out {
 public:
  Out(const Locked& backend, T* host, int64_t n, bool copy_in = false) : backend_(*backend), host_(host), data_(host) {
    if (backend->host_memory()) return;
    copy_ = backend->allocate(checked_mul(n, sizeof(T)), "a result");
    data_ = copy_.template as<T>();
    if (copy_in) backend->upload(data_, host, copy_.size());
  }
  operator T*() const { return data_; }
  void fetch() {
    if (copy_) backend_.download(host_, data_, copy_.size());
  }

 private:
  Backend& backend_;
  Buffer copy_;
  T* host_;
  T* data_;
};

// Scratch of the backend.
template <class T>
class Temp {
 public:
  Temp(const Locked& backend, int64_t n) : buffer_(backend->allocate(checked_mul(n, sizeof(T)), "scratch of an op")) {}
  operator T*() const { return buffer_.template as<T>(); }
  Span span() const { return {buffer_.template as<void>(), buffer_.size()}; }

 private:
  Buffer buffer_;
};

void check_rope(int style, int n_rows, int n_heads, int head_dim, int rope_dim) {
  positive("n_rows", n_rows);
  positive("n_heads", n_heads);
  positive("head_dim", head_dim);
  TERN_CHECK_ARG(rope_dim > 0 && rope_dim <= head_dim && rope_dim % 2 == 0, "rope_dim %d with head_dim %d", rope_dim, head_dim);
  TERN_CHECK_ARG(style == TERN_ROPE_ADJACENT || style == TERN_ROPE_HALVES, "rope style %d is not one", style);
}

std::unique_ptr<Weight> whole_weight(const Locked& backend, int type, int store, int n_rows, int n_cols, const void* data,
                                     int64_t n_bytes) {
  positive("rows of the weight", n_rows);
  positive("columns of the weight", n_cols);
  TERN_CHECK_HANDLE(data);
  std::unique_ptr<Weight> w = backend->create_weight(type, store, n_rows, n_cols, 1, false);
  w->append_rows(n_rows, data, n_bytes);
  return w;
}

}  // namespace

extern "C" {

int32_t tern_op_rmsnorm(tern_device* device, const float* x, const float* weight, float eps, int32_t n_rows, int32_t dim,
                        float* out) {
  return guarded([&] {
    const Locked backend(device);
    TERN_CHECK_ARG(x && weight && out, "an array is null");
    positive("n_rows", n_rows);
    positive("dim", dim);
    const int64_t n = checked_mul(n_rows, dim);
    const In<float> w(backend, weight, dim);
    Out<float> y(backend, out, n);
    const In<float> from(backend, x, n);
    ActivationsSource source = {const_cast<float*>(static_cast<const float*>(from))};  // no gate: it is not written
    source.norm = w, source.eps = eps;
    backend->activations(source, n_rows, dim, true, false, {y, nullptr, nullptr, nullptr});
    y.fetch();
  });
}

int32_t tern_op_rmsnorm_quantize(tern_device* device, const float* x, const float* weight, float eps, int32_t n_rows,
                                 int32_t dim, int8_t* q, float* scale, int32_t* sum) {
  return guarded([&] {
    const Locked backend(device);
    TERN_CHECK_ARG(x && q && scale && sum, "an array is null");
    positive("n_rows", n_rows);
    positive("dim", dim);
    const int64_t n = checked_mul(n_rows, dim);
    const In<float> from(backend, x, n), w(backend, weight, dim);
    Out<float> scales(backend, scale, n_rows);
    Out<int32_t> sums(backend, sum, n_rows);
    const Temp<int8_t> padded(backend, checked_mul(round_up(dim, 128), n_rows));
    ActivationsSource source = {const_cast<float*>(static_cast<const float*>(from))};  // no gate: it is not written
    source.norm = w, source.eps = eps;
    const Activations a = backend->activations(source, n_rows, dim, false, true, {nullptr, padded, scales, sums});
    for (int r = 0; r < n_rows; r++) backend->download(q + int64_t(r) * dim, a.int8 + int64_t(r) * a.int8_stride, dim);
    scales.fetch();
    sums.fetch();
  });
}

int32_t tern_op_gate(tern_device* device, int32_t kind, const float* gate, const float* up, int64_t n, float* out) {
  return guarded([&] {
    const Locked backend(device);
    TERN_CHECK_ARG(gate && up && out, "an array is null");
    TERN_CHECK_ARG(kind == TERN_GATE_SILU || kind == TERN_GATE_RELU2, "gate kind %d is not one", kind);
    positive("n", n);
    const In<float> u(backend, up, n);
    if (gate != out) std::memmove(out, gate, sizeof(float) * static_cast<size_t>(n));
    Out<float> y(backend, out, n, true);
    // Elementwise: cut into rows of any length.
    constexpr int64_t kRow = 1 << 20;
    for (int64_t begin = 0; begin < n; begin += kRow) {
      const int len = static_cast<int>(std::min(kRow, n - begin));
      float* const part = y + begin;
      backend->activations({part, u + begin, kind}, 1, len, true, false, {part, nullptr, nullptr, nullptr});
    }
    y.fetch();
  });
}

int32_t tern_op_rope(tern_device* device, const float* x, const int64_t* pos, const float* factor, double freq_base,
                     int32_t style, int32_t n_rows, int32_t n_heads, int32_t head_dim, int32_t rope_dim, float* out) {
  return guarded([&] {
    const Locked backend(device);
    TERN_CHECK_ARG(x && pos && out, "an array is null");
    check_rope(style, n_rows, n_heads, head_dim, rope_dim);
    TERN_CHECK_ARG(std::isfinite(freq_base) && freq_base > 0, "freq_base is %g", freq_base);
    std::vector<double> inv_freq(static_cast<size_t>(rope_dim / 2));
    cpu::rope_inv_freq(freq_base, factor, rope_dim, inv_freq.data());
    const int64_t n = checked_mul(checked_mul(n_rows, n_heads), head_dim);
    const In<double> frequencies(backend, inv_freq.data(), rope_dim / 2);
    const In<int64_t> positions(backend, pos, n_rows);
    const In<float> from(backend, x, n);
    Out<float> y(backend, out, n);
    const Temp<float> table(backend, checked_mul(n_rows, rope_dim));
    backend->rope_table(positions, n_rows, frequencies, rope_dim, table);
    backend->rope(from, table, style, n_rows, n_heads, head_dim, rope_dim, y);
    y.fetch();
  });
}

int32_t tern_op_attention(tern_device* device, const float* q, const float* k, const float* v, int32_t kv_type,
                          int32_t n_slots, int32_t n_rows, int32_t n_heads, int32_t n_kv_heads, int32_t head_dim,
                          int32_t n_rotations, int32_t n_segments, const int32_t* segment_slot, const int32_t* segment_len,
                          const int64_t* segment_index, const int32_t* segment_rotation, const int64_t* sink_end,
                          const int64_t* lo, const int64_t* hi, float* out) {
  return guarded([&] {
    const Locked backend(device);
    TERN_CHECK_ARG(q && k && v && sink_end && lo && hi && out, "an array is null");
    positive("n_rows", n_rows);
    positive("n_slots", n_slots);
    positive("n_kv_heads", n_kv_heads);
    positive("n_heads", n_heads);
    TERN_CHECK_ARG(n_slots % TERN_PAGE_LEN == 0, "n_slots %d is not a multiple of %d", n_slots, TERN_PAGE_LEN);
    TERN_CHECK_ARG(n_heads % n_kv_heads == 0, "n_heads %d is not a multiple of n_kv_heads %d", n_heads, n_kv_heads);
    TERN_CHECK_ARG(head_dim > 0 && head_dim <= 256 && head_dim % 8 == 0, "head_dim %d", head_dim);
    TERN_CHECK_ARG(n_rotations >= 1 && n_rotations <= 4, "n_rotations %d", n_rotations);
    TERN_CHECK_ARG(n_segments >= 0 && (!n_segments || (segment_slot && segment_len && segment_index && segment_rotation)),
                   "n_segments %d, or a segment array is null", n_segments);
    int64_t next = 0, n_keys = 0;
    for (int i = 0; i < n_segments; i++) {
      TERN_CHECK_ARG(segment_len[i] > 0 && segment_slot[i] >= 0 && segment_len[i] <= n_slots - segment_slot[i],
                     "segment %d is outside the arena", i);
      TERN_CHECK_ARG(segment_index[i] >= next && segment_index[i] <= (int64_t(1) << 40) - segment_len[i] && (segment_slot[i] - segment_index[i]) % TERN_PAGE_LEN == 0,
                     "segment %d: index out of order, or of another phase than the slot", i);
      TERN_CHECK_ARG(segment_rotation[i] >= 0 && segment_rotation[i] < n_rotations, "segment %d: rotation", i);
      next = segment_index[i] + segment_len[i];
      n_keys += segment_len[i];
    }
    TERN_CHECK_ARG(n_keys <= n_slots, "%lld keys in %d slots", static_cast<long long>(n_keys), n_slots);
    const HeadShape shape = {n_heads, n_kv_heads, head_dim, kv_type};
    const StepLimits limits = {n_rows, 1, std::max(n_segments, 1), n_rotations, 1, n_slots / TERN_PAGE_LEN};
    const Temp<uint8_t> arena(backend, backend->kv_layer_bytes(shape, limits.n_pages));
    const KvLayerSpan kv = {arena, limits.n_pages};
    std::vector<int32_t> slots(static_cast<size_t>(n_slots));
    for (int i = 0; i < n_slots; i++) slots[i] = i;
    const int64_t kv_elements = checked_mul(checked_mul(n_slots, n_kv_heads), head_dim);
    const int64_t q_elements = checked_mul(checked_mul(n_rows, n_heads), head_dim);
    {
      const In<float> k_in(backend, k, kv_elements), v_in(backend, v, kv_elements);
      const In<int32_t> slot_in(backend, slots.data(), n_slots);
      backend->kv_write(kv, shape, k_in, v_in, slot_in, n_slots);
    }
    const Temp<uint8_t> q_rotated(backend, backend->q_rotated_bytes(shape, n_rows, n_rotations));
    const In<float> q_in(backend, q, checked_mul(q_elements, n_rotations));
    backend->q_write(shape, q_in, int64_t(n_rows) * n_rotations, q_rotated);
    const Temp<uint8_t> scratch(backend, backend->attention_scratch_bytes(shape, limits));
    const int32_t row_begin[] = {0, n_rows}, segment_begin[] = {0, n_segments};
    const std::vector<int64_t> q_pos(static_cast<size_t>(n_rows) * n_rotations);
    tern_batch batch = {};
    batch.struct_size = sizeof batch;
    batch.n_rows = n_rows, batch.n_seqs = 1, batch.n_segments = n_segments, batch.n_rotations = n_rotations;
    batch.q_pos = q_pos.data(), batch.sink_end = sink_end, batch.lo = lo, batch.hi = hi;
    batch.seq_row_begin = row_begin, batch.seq_segment_begin = segment_begin;
    batch.segment_slot = segment_slot, batch.segment_len = segment_len;
    batch.segment_index = segment_index, batch.segment_rotation = segment_rotation;
    Out<float> y(backend, out, q_elements);
    backend->create_runner(shape, limits)->run(batch, [&](const Step& step) {
      backend->attention(kv, shape, step, q_rotated, y, scratch.span());
    });
    y.fetch();
  });
}

int32_t tern_op_matmul(tern_device* device, int32_t type, int32_t store, const void* weight, int64_t n_bytes, int32_t n_out,
                       int32_t n_in, const float* x, int32_t n_rows, float* out) {
  return guarded([&] {
    const Locked backend(device);
    TERN_CHECK_ARG(x && out, "an array is null");
    positive("n_rows", n_rows);
    const std::unique_ptr<Weight> w = whole_weight(backend, type, store, n_out, n_in, weight, n_bytes);
    const In<float> from(backend, x, checked_mul(n_rows, n_in));
    Out<float> y(backend, out, checked_mul(n_rows, n_out));
    const Temp<int8_t> int8(backend, checked_mul(round_up(n_in, 128), n_rows));
    const Temp<float> scale(backend, n_rows);
    const Temp<int32_t> sum(backend, n_rows);
    const Temp<uint8_t> scratch(backend, backend->matmul_scratch_bytes(*w, n_rows));
    const ActivationsSource source = {const_cast<float*>(static_cast<const float*>(from))};  // no gate: it is not written
    const Activations a = backend->activations(source, n_rows, n_in, !w->ternary(), w->ternary(), {nullptr, int8, scale, sum});
    const Projection p = {w.get(), y, false};
    backend->matmul(&p, 1, a, n_rows, scratch.span());
    y.fetch();
  });
}

int32_t tern_op_ternary(tern_device* device, const char* kernel, const int8_t* w, int32_t n_out, int32_t n_in,
                        const int8_t* q, int32_t n_rows, int32_t* out) {
  return guarded([&] {
    const Locked backend(device);
    TERN_CHECK_ARG(w && q && out, "an array is null");
    positive("n_out", n_out);
    positive("n_in", n_in);
    positive("n_rows", n_rows);
    for (int64_t i = 0; i < int64_t(n_out) * n_in; i++) TERN_CHECK_ARG(w[i] >= -1 && w[i] <= 1, "a weight is %d", w[i]);
    backend->ternary_int32(kernel, w, n_out, n_in, q, n_rows, out);
  });
}

int32_t tern_op_embed(tern_device* device, int32_t type, const void* table, int64_t n_bytes, int32_t n_table, int32_t dim,
                      const int32_t* ids, int32_t n_ids, float* out) {
  return guarded([&] {
    const Locked backend(device);
    TERN_CHECK_ARG(ids && out, "an array is null");
    positive("n_ids", n_ids);
    for (int i = 0; i < n_ids; i++)
      TERN_CHECK_ARG(ids[i] >= 0 && ids[i] < n_table, "id %d of a table of %d", ids[i], n_table);
    const std::unique_ptr<Weight> w = whole_weight(backend, type, TERN_STORE_DENSE, n_table, dim, table, n_bytes);
    const In<int32_t> rows(backend, ids, n_ids);
    Out<float> y(backend, out, checked_mul(n_ids, dim));
    backend->embed(*w, rows, n_ids, y);
    y.fetch();
  });
}

int32_t tern_op_sample(tern_device* device, const float* logits, int32_t n, float temperature, int32_t top_k, float top_p,
                       float min_p, float repeat_penalty, const int32_t* penalty_token, int32_t n_penalty, int64_t seed,
                       int64_t draw, int32_t* token, float* logprob) {
  return guarded([&] {
    const Locked backend(device);
    TERN_CHECK_ARG(logits && token && logprob, "an array is null");
    positive("n", n);
    TERN_CHECK_ARG(std::isfinite(temperature) && temperature >= 0, "temperature is %g", double(temperature));
    TERN_CHECK_ARG(top_k >= 0 && top_p > 0 && top_p <= 1 && min_p >= 0 && min_p <= 1, "top_k %d, top_p %g, min_p %g", top_k,
                   double(top_p), double(min_p));
    TERN_CHECK_ARG(std::isfinite(repeat_penalty) && repeat_penalty > 0, "repeat_penalty is %g", double(repeat_penalty));
    TERN_CHECK_ARG(n_penalty >= 0 && (!n_penalty || penalty_token), "%d penalty tokens", n_penalty);
    for (int i = 0; i < n_penalty; i++)
      TERN_CHECK_ARG(penalty_token[i] >= 0 && penalty_token[i] < n, "penalty token %d of %d", penalty_token[i], n);
    const int32_t begin[] = {0, n_penalty}, none = -1;
    const In<float> raw(backend, logits, n), t(backend, &temperature, 1), p(backend, &top_p, 1), m(backend, &min_p, 1),
        penalty(backend, &repeat_penalty, 1);
    const In<int32_t> target(backend, &none, 1), k(backend, &top_k, 1), penalty_begin(backend, begin, 2),
        penalty_tokens(backend, penalty_token, n_penalty);
    const In<int64_t> s(backend, &seed, 1), d(backend, &draw, 1);
    Out<int32_t> out_token(backend, token, 1);
    Out<float> out_logprob(backend, logprob, 1);
    tern_batch batch = {};
    batch.n_outputs = 1;
    batch.target = target, batch.temperature = t, batch.top_k = k, batch.top_p = p, batch.min_p = m;
    batch.repeat_penalty = penalty, batch.seed = s, batch.draw = d;
    batch.penalty_begin = penalty_begin, batch.penalty_token = penalty_tokens;
    batch.out_token = out_token, batch.out_logprob = out_logprob;
    const Temp<uint8_t> scratch(backend, backend->sample_scratch_bytes(n, 1));
    backend->sample(raw, n, batch, scratch.span());
    out_token.fetch();
    out_logprob.fetch();
  });
}

int32_t tern_op_read_bandwidth(tern_device* device, int64_t n_bytes, int32_t n_passes, double* bytes_per_second) {
  return guarded([&] {
    const Locked backend(device);
    TERN_CHECK_HANDLE(bytes_per_second);
    positive("n_bytes", n_bytes);
    positive("n_passes", n_passes);
    *bytes_per_second = backend->read_bandwidth(n_bytes, n_passes);
  });
}

}  // extern "C"
