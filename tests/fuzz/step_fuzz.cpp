// tern_step: batches whose every count and element is arbitrary, and batches that are right but for a few elements. A step is refused with
// nothing changed, or runs; nothing is read or written beyond the arrays' stated lengths, each of which is an allocation of its own.
#include "input.h"

namespace tern_fuzz {
namespace {

constexpr int kVocab = 40, kHidden = 32, kFfn = 48, kHeads = 4, kKvHeads = 2, kHeadDim = 8, kLayers = 2;
constexpr int kPages = 4, kMaxRows = 8, kMaxSeqs = 4, kMaxSegments = 8, kMaxRotations = 2, kMaxOutputs = 8;

// Trits with one scale, or floats, from a fixed generator.
void load(tern_model* model, int role, int layer, int rows, int cols, bool ternary) {
  static uint32_t state = 12345;
  std::vector<float> w(size_t(rows) * size_t(cols));
  for (float& v : w) {
    state = state * 1664525u + 1013904223u;
    v = ternary ? float(int(state >> 24) % 3 - 1) * 0.1f : float(int(state >> 16) % 2001 - 1000) * 1e-3f;
  }
  FUZZ_REQUIRE(tern_model_load_begin(model, role, layer, TERN_TYPE_F32, ternary ? TERN_STORE_TERNARY : TERN_STORE_DENSE, rows, cols, 1) == TERN_OK);
  FUZZ_REQUIRE(tern_model_load_rows(model, role, layer, rows, w.data(), int64_t(w.size()) * 4) == TERN_OK);
}

tern_engine* engine(int kv_type) {
  tern_model_config c = {};
  c.struct_size = sizeof c;
  c.n_layers = kLayers, c.n_heads = kHeads, c.n_kv_heads = kKvHeads, c.head_dim = kHeadDim, c.hidden_dim = kHidden, c.ffn_dim = kFfn;
  c.vocab_size = kVocab, c.rope_dim = kHeadDim, c.norm_eps = 1e-5f, c.rope_freq_base = 10000;
  tern_model* model = nullptr;
  FUZZ_REQUIRE(tern_model_create(cpu(), &c, &model) == TERN_OK);
  const int q = kHeads * kHeadDim, kv = kKvHeads * kHeadDim;
  load(model, TERN_ROLE_TOKEN_EMBD, -1, kVocab, kHidden, false);
  load(model, TERN_ROLE_OUTPUT_NORM, -1, 1, kHidden, false);
  for (int l = 0; l < kLayers; l++) {
    load(model, TERN_ROLE_ATTN_NORM, l, 1, kHidden, false);
    load(model, TERN_ROLE_WQ, l, q, kHidden, l == 0);
    load(model, TERN_ROLE_WK, l, kv, kHidden, l == 0);
    load(model, TERN_ROLE_WV, l, kv, kHidden, l == 0);
    load(model, TERN_ROLE_WO, l, kHidden, q, l == 0);
    load(model, TERN_ROLE_FFN_NORM, l, 1, kHidden, false);
    load(model, TERN_ROLE_W_GATE, l, kFfn, kHidden, l == 0);
    load(model, TERN_ROLE_W_UP, l, kFfn, kHidden, l == 0);
    load(model, TERN_ROLE_W_DOWN, l, kHidden, kFfn, l == 0);
  }
  FUZZ_REQUIRE(tern_model_seal(model) == TERN_OK);
  const tern_engine_config config = {sizeof config, kPages, kv_type, kMaxRows, kMaxSeqs, kMaxSegments, kMaxRotations, kMaxOutputs};
  tern_engine* e = nullptr;
  FUZZ_REQUIRE(tern_engine_create(model, &config, &e) == TERN_OK);
  tern_model_destroy(model);  // the engine keeps it
  return e;
}

// An array of exactly n elements; a claim of none, or beyond every limit, must not be read at all.
template <class T, class Make>
std::unique_ptr<T[]> array(int64_t n, Make make) {
  const int64_t count = n < 0 || n > 64 ? 0 : n;
  std::unique_ptr<T[]> a(new T[static_cast<size_t>(count)]);
  for (int64_t i = 0; i < count; i++) a[static_cast<size_t>(i)] = make(i);
  return a;
}

struct Arrays {
  std::unique_ptr<int32_t[]> token, slot, row_begin, segment_begin, segment_slot, segment_len, segment_rotation, output_row, target, top_k,
      penalty_begin, penalty_token, out_token;
  std::unique_ptr<int64_t[]> rope_pos, q_pos, sink_end, lo, hi, segment_index, seed, draw;
  std::unique_ptr<float[]> temperature, top_p, min_p, repeat_penalty, out_logprob;
};

int32_t count(Input* in, int most, bool right) {
  return right || in->below(8) ? in->below(most + 1) : in->number();
}

// Right in shape: one sequence per part of the rows, each with a segment from a page's start, or wrong in the places that the input picks.
tern_batch batch(Input* in, Arrays* a) {
  const int wrong = in->byte();  // 0: all is right; below 128: a few elements; else all of them
  const bool right = wrong < 128;
  const auto odd = [&] { return wrong >= 128 || (wrong > 0 && in->below(24) == 0); };
  tern_batch b = {};
  b.struct_size = odd() ? in->take<uint32_t>() : uint32_t(sizeof b);
  b.n_rows = right ? 1 + in->below(kMaxRows) : count(in, kMaxRows + 1, false);
  b.n_seqs = right ? 1 + in->below(std::min(b.n_rows, kMaxSeqs)) : count(in, kMaxSeqs + 1, false);
  b.n_segments = right ? b.n_seqs : count(in, kMaxSegments + 1, false);
  b.n_rotations = right ? 1 + in->below(kMaxRotations) : count(in, kMaxRotations + 1, false);
  b.n_outputs = right ? in->below(b.n_rows + 1) : count(in, kMaxOutputs + 1, false);
  const int rows = b.n_rows, seqs = std::max(1, b.n_seqs);
  const auto seq_of = [&](int64_t i) { return std::min<int64_t>(i, seqs - 1); };  // a row each, the last takes the rest
  a->token = array<int32_t>(rows, [&](int64_t) { return odd() ? in->number() : in->below(kVocab); });
  a->slot = array<int32_t>(rows, [&](int64_t i) { return odd() ? in->number() : int32_t(seq_of(i) * 64 + (i - seq_of(i))); });
  a->rope_pos = array<int64_t>(rows, [&](int64_t i) { return odd() ? in->position() : i; });
  a->q_pos = array<int64_t>(rows < 0 || rows > 64 || b.n_rotations < 0 || b.n_rotations > 64 ? 0 : std::min(64, rows * b.n_rotations),
                            [&](int64_t i) { return odd() ? in->position() : i; });
  a->sink_end = array<int64_t>(rows, [&](int64_t) { return odd() ? in->position() : 0; });
  a->lo = array<int64_t>(rows, [&](int64_t) { return odd() ? in->position() : 0; });
  a->hi = array<int64_t>(rows, [&](int64_t i) { return odd() ? in->position() : i - seq_of(i); });
  const bool seqs_fit = b.n_seqs >= 0 && b.n_seqs < 63;
  a->row_begin = array<int32_t>(seqs_fit ? b.n_seqs + 1 : 0, [&](int64_t s) { return odd() ? in->number() : s < b.n_seqs ? int32_t(s) : rows; });
  a->segment_begin = array<int32_t>(seqs_fit ? b.n_seqs + 1 : 0, [&](int64_t s) { return odd() ? in->number() : int32_t(s); });
  a->segment_slot = array<int32_t>(b.n_segments, [&](int64_t s) { return odd() ? in->number() : int32_t(s * 64); });
  a->segment_len = array<int32_t>(b.n_segments, [&](int64_t) { return odd() ? in->number() : 1 + in->below(64); });
  a->segment_index = array<int64_t>(b.n_segments, [&](int64_t) { return odd() ? in->position() : 0; });
  a->segment_rotation = array<int32_t>(b.n_segments, [&](int64_t) { return odd() ? in->number() : in->below(std::max(1, b.n_rotations)); });
  const int outputs = b.n_outputs;
  a->output_row = array<int32_t>(outputs, [&](int64_t o) { return odd() ? in->number() : int32_t(o); });
  a->target = array<int32_t>(outputs, [&](int64_t) { return odd() ? in->number() : in->below(kVocab + 1) - 1; });
  a->temperature = array<float>(outputs, [&](int64_t) { return odd() ? in->real() : float(in->below(4)) * 0.5f; });
  a->top_k = array<int32_t>(outputs, [&](int64_t) { return odd() ? in->number() : in->below(50); });
  a->top_p = array<float>(outputs, [&](int64_t) { return odd() ? in->real() : float(1 + in->below(10)) * 0.1f; });
  a->min_p = array<float>(outputs, [&](int64_t) { return odd() ? in->real() : float(in->below(11)) * 0.1f; });
  a->repeat_penalty = array<float>(outputs, [&](int64_t) { return odd() ? in->real() : 1 + float(in->below(8)) * 0.1f; });
  a->seed = array<int64_t>(outputs, [&](int64_t) { return in->take<int64_t>(); });
  a->draw = array<int64_t>(outputs, [&](int64_t) { return in->take<int64_t>(); });
  const bool outputs_fit = outputs >= 0 && outputs < 63;
  a->penalty_begin = array<int32_t>(outputs_fit ? outputs + 1 : 0, [&](int64_t o) { return odd() ? in->number() : int32_t(o); });
  if (outputs_fit && a->penalty_begin[size_t(outputs)] > 64) a->penalty_begin[size_t(outputs)] = 64;  // the array is as long as this says
  a->penalty_token = array<int32_t>(outputs_fit ? a->penalty_begin[size_t(outputs)] : 0, [&](int64_t) { return odd() ? in->number() : in->below(kVocab); });
  a->out_token = array<int32_t>(outputs, [](int64_t) { return -7; });
  a->out_logprob = array<float>(outputs, [](int64_t) { return 0.f; });
  b.token = a->token.get(), b.slot = a->slot.get(), b.rope_pos = a->rope_pos.get(), b.q_pos = a->q_pos.get();
  b.sink_end = a->sink_end.get(), b.lo = a->lo.get(), b.hi = a->hi.get();
  b.seq_row_begin = a->row_begin.get(), b.seq_segment_begin = a->segment_begin.get();
  b.segment_slot = a->segment_slot.get(), b.segment_len = a->segment_len.get(), b.segment_index = a->segment_index.get();
  b.segment_rotation = a->segment_rotation.get(), b.output_row = a->output_row.get(), b.target = a->target.get();
  b.temperature = a->temperature.get(), b.top_k = a->top_k.get(), b.top_p = a->top_p.get(), b.min_p = a->min_p.get();
  b.repeat_penalty = a->repeat_penalty.get(), b.seed = a->seed.get(), b.draw = a->draw.get();
  b.penalty_begin = a->penalty_begin.get(), b.penalty_token = a->penalty_token.get();
  b.out_token = a->out_token.get(), b.out_logprob = a->out_logprob.get();
  const void** pointers = reinterpret_cast<const void**>(&b.token);
  if (wrong % 32 == 31) pointers[in->below(24)] = nullptr;
  return b;
}

void step(Input* in, tern_engine* e) {
  Arrays a;
  const tern_batch b = batch(in, &a);
  const int32_t status = tern_step(e, &b);
  check_status(status);
  FUZZ_REQUIRE(status == TERN_OK || status == TERN_ERR_INVALID_ARGUMENT);
  float logits[kVocab];
  if (status == TERN_OK) {
    for (int o = 0; o < b.n_outputs; o++) {
      FUZZ_REQUIRE(b.out_token[o] >= -1 && b.out_token[o] < kVocab);
      FUZZ_REQUIRE(tern_engine_logits(e, o, logits) == TERN_OK);
    }
    FUZZ_REQUIRE(tern_engine_logits(e, b.n_outputs, logits) == TERN_ERR_INVALID_ARGUMENT);
  }
  check_status(tern_engine_logits(e, in->number(), logits));
}

// What an engine of arbitrary sizes would take: the sums must not wrap.
void estimate(Input* in, tern_engine* e) {
  (void)e;
  static tern_model* model = [] {
    tern_model_config c = {sizeof c, 1, 1, 1, 8, 8, 8, 8, 8, 0, 0, 0, 1e-5f, 0, 10000};
    tern_model* m = nullptr;
    FUZZ_REQUIRE(tern_model_create(cpu(), &c, &m) == TERN_OK);
    load(m, TERN_ROLE_TOKEN_EMBD, -1, 8, 8, false);
    load(m, TERN_ROLE_OUTPUT_NORM, -1, 1, 8, false);
    for (int role : {TERN_ROLE_ATTN_NORM, TERN_ROLE_FFN_NORM}) load(m, role, 0, 1, 8, false);
    for (int role : {TERN_ROLE_WQ, TERN_ROLE_WK, TERN_ROLE_WV, TERN_ROLE_WO, TERN_ROLE_W_GATE, TERN_ROLE_W_UP, TERN_ROLE_W_DOWN})
      load(m, role, 0, 8, 8, false);
    FUZZ_REQUIRE(tern_model_seal(m) == TERN_OK);
    return m;
  }();
  const tern_engine_config c = {sizeof c, in->number(), in->below(2) ? TERN_TYPE_F16 : in->number(), in->number(), in->number(), in->number(),
                                in->number(), in->number()};
  int64_t kv = -1, scratch = -1;
  const int32_t status = tern_engine_estimate(model, &c, &kv, &scratch);
  check_status(status);
  FUZZ_REQUIRE(status != TERN_OK || (kv > 0 && scratch > 0));
}

}  // namespace
}  // namespace tern_fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace tern_fuzz;
  static tern_engine* const engines[] = {engine(TERN_TYPE_F16), engine(TERN_TYPE_F32)};
  const int64_t before = tern_native_bytes();
  Input in(data, size);
  tern_engine* e = engines[in.below(2)];
  const int mode = in.below(16);
  if (mode == 0) {
    estimate(&in, e);
    return 0;
  }
  if (mode == 1) {
    check_status(tern_engine_fill(e, in.number(), in.number(), in.real()));
  }
  for (int i = 0; i < 3 && (i == 0 || in.left() > 0); i++) step(&in, e);
  FUZZ_REQUIRE(tern_native_bytes() == before);
  return 0;
}
