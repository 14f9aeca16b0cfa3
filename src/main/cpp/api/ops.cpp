// extern "C" shell of the single kernels: the backend's own ops, on the caller's arrays.
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

 private:
  std::shared_ptr<Device> device_;
  std::unique_lock<std::mutex> lock_;
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
    backend->rmsnorm(x, weight, eps, n_rows, dim, out);
  });
}

int32_t tern_op_rmsnorm_quantize(tern_device* device, const float* x, const float* weight, float eps, int32_t n_rows,
                                 int32_t dim, int8_t* q, float* scale, int32_t* sum) {
  return guarded([&] {
    const Locked backend(device);
    TERN_CHECK_ARG(x && q && scale && sum, "an array is null");
    positive("n_rows", n_rows);
    positive("dim", dim);
    const Buffer padded(checked_mul(round_up(dim, 64), n_rows), "activations");
    const Activations a =
        backend->activations(x, weight, eps, n_rows, dim, false, true, {nullptr, padded.as<int8_t>(), scale, sum});
    for (int r = 0; r < n_rows; r++)
      std::memcpy(q + int64_t(r) * dim, a.int8 + int64_t(r) * a.int8_stride, static_cast<size_t>(dim));
  });
}

int32_t tern_op_gate(tern_device* device, int32_t kind, const float* gate, const float* up, int64_t n, float* out) {
  return guarded([&] {
    const Locked backend(device);
    TERN_CHECK_ARG(gate && up && out, "an array is null");
    TERN_CHECK_ARG(kind == TERN_GATE_SILU || kind == TERN_GATE_RELU2, "gate kind %d is not one", kind);
    positive("n", n);
    backend->gate(kind, gate, up, n, out);
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
    const Buffer table(checked_mul(checked_mul(n_rows, rope_dim), sizeof(float)), "the RoPE table");
    backend->rope_table(pos, n_rows, inv_freq.data(), rope_dim, table.as<float>());
    backend->rope(x, table.as<float>(), style, n_rows, n_heads, head_dim, rope_dim, out);
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
    TERN_CHECK_ARG(kv_type == TERN_TYPE_F32 || kv_type == TERN_TYPE_F16, "kv_type %d", kv_type);
    TERN_CHECK_ARG(n_segments >= 0 && (!n_segments || (segment_slot && segment_len && segment_index && segment_rotation)),
                   "n_segments %d, or a segment array is null", n_segments);
    int64_t next = 0, n_keys = 0;
    for (int i = 0; i < n_segments; i++) {
      TERN_CHECK_ARG(segment_len[i] > 0 && segment_slot[i] >= 0 && segment_len[i] <= n_slots - segment_slot[i],
                     "segment %d is outside the arena", i);
      TERN_CHECK_ARG(segment_index[i] >= next && (segment_slot[i] - segment_index[i]) % TERN_PAGE_LEN == 0,
                     "segment %d: index out of order, or of another phase than the slot", i);
      TERN_CHECK_ARG(segment_rotation[i] >= 0 && segment_rotation[i] < n_rotations, "segment %d: rotation", i);
      next = segment_index[i] + segment_len[i];
      n_keys += segment_len[i];
    }
    const HeadShape shape = {n_heads, n_kv_heads, head_dim, kv_type};
    const int64_t bytes = checked_mul(checked_mul(n_slots, int64_t(n_kv_heads) * head_dim), kv_type == TERN_TYPE_F32 ? 4 : 2);
    const Buffer k_arena(bytes, "K"), v_arena(bytes, "V");
    const KvSpan kv = {k_arena.as<void>(), v_arena.as<void>()};
    std::vector<int32_t> slots(static_cast<size_t>(n_slots));
    for (int i = 0; i < n_slots; i++) slots[i] = i;
    backend->kv_append(kv, shape, k, v, slots.data(), n_slots);
    Buffer scratch(backend->attention_scratch_bytes(shape, n_rows, std::max<int64_t>(n_keys, 1), std::max(n_segments, 1)),
                   "attention scratch");
    const int32_t row_begin[] = {0, n_rows}, segment_begin[] = {0, n_segments};
    const AttentionBatch batch = {n_rows,        1,        n_rotations, row_begin, segment_begin, segment_slot, segment_len,
                                  segment_index, segment_rotation, sink_end, lo, hi};
    backend->attention(kv, shape, batch, q, out, scratch);
  });
}

int32_t tern_op_matmul(tern_device* device, int32_t type, int32_t store, const void* weight, int64_t n_bytes, int32_t n_out,
                       int32_t n_in, const float* x, int32_t n_rows, float* out) {
  return guarded([&] {
    const Locked backend(device);
    TERN_CHECK_ARG(x && out, "an array is null");
    positive("n_rows", n_rows);
    const std::unique_ptr<Weight> w = whole_weight(backend, type, store, n_out, n_in, weight, n_bytes);
    const Buffer int8(checked_mul(round_up(n_in, 64), n_rows), "activations"),
        scale(checked_mul(n_rows, sizeof(float)), "scales"), sum(checked_mul(n_rows, sizeof(int32_t)), "sums");
    Buffer scratch(backend->matmul_scratch_bytes(*w, n_rows), "matmul scratch");
    const Activations a = backend->activations(x, nullptr, 1, n_rows, n_in, !w->ternary(), w->ternary(),
                                               {nullptr, int8.as<int8_t>(), scale.as<float>(), sum.as<int32_t>()});
    const Projection p = {w.get(), out, false};
    backend->matmul(&p, 1, a, n_rows, scratch);
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
    backend->embed(*w, ids, n_ids, out);
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
    const int32_t begin[] = {0, n_penalty}, row = 0, target = -1;
    tern_batch batch = {};
    batch.n_outputs = 1;
    batch.output_row = &row;
    batch.target = &target;
    batch.temperature = &temperature;
    batch.top_k = &top_k;
    batch.top_p = &top_p;
    batch.min_p = &min_p;
    batch.repeat_penalty = &repeat_penalty;
    batch.seed = &seed;
    batch.draw = &draw;
    batch.penalty_begin = begin;
    batch.penalty_token = penalty_token;
    batch.out_token = token;
    batch.out_logprob = logprob;
    Buffer scratch(backend->sample_scratch_bytes(n), "sampling scratch");
    backend->sample(logits, n, batch, scratch);
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
