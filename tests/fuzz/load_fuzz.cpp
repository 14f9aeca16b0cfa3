// tern_model_*: models of arbitrary shapes, weights of every type from arbitrary bytes in arbitrary pieces; and, where a model
// comes out whole, a step through it. Nothing may end the process, and every byte of native memory is given back.
#include "input.h"

namespace tern_fuzz {
namespace {

constexpr int64_t kMostElements = 1 << 16;  // of one weight: the fuzzer looks at bytes, not at the size of the machine

int dim(Input* in) {
  static const int kDims[] = {8, 16, 32, 64, 128, 256, 512, 24};
  const int kind = in->byte();
  return kind < 208 ? kDims[kind % 8] : kind < 240 ? kind - 207 : in->number();
}

tern_model_config config(Input* in) {
  tern_model_config c = {};
  c.struct_size = sizeof c;
  const bool plain = in->below(8) != 0;
  c.n_layers = plain ? 1 + in->below(2) : in->number();
  c.n_heads = plain ? 1 + in->below(2) : in->number();
  c.n_kv_heads = plain ? 1 : in->number();
  c.head_dim = plain ? 8 : in->number();
  c.hidden_dim = plain ? 256 : dim(in);
  c.ffn_dim = plain ? 8 : dim(in);
  c.vocab_size = plain ? 4 : dim(in);
  c.rope_dim = plain ? 8 : in->number();
  c.rope_style = plain ? in->below(2) : in->number();
  c.gate = plain ? in->below(2) : in->number();
  c.sub_norms = plain ? in->below(2) : in->number();
  c.norm_eps = plain ? 1e-5f : in->real();
  c.rope_freq_base = plain ? 10000 : in->take<double>();
  return c;
}

struct Shape {
  int64_t rows, cols;
};

Shape shape_of(const tern_model_config& c, int role) {
  const int64_t q = int64_t(c.n_heads) * c.head_dim, kv = int64_t(c.n_kv_heads) * c.head_dim;
  switch (role) {
    case TERN_ROLE_TOKEN_EMBD:
    case TERN_ROLE_OUTPUT: return {c.vocab_size, c.hidden_dim};
    case TERN_ROLE_ROPE_FREQS: return {1, c.rope_dim / 2};
    case TERN_ROLE_ATTN_SUB_NORM: return {1, q};
    case TERN_ROLE_ATTN_Q_NORM:
    case TERN_ROLE_ATTN_K_NORM: return {1, c.head_dim};
    case TERN_ROLE_WQ: return {q, c.hidden_dim};
    case TERN_ROLE_WK:
    case TERN_ROLE_WV: return {kv, c.hidden_dim};
    case TERN_ROLE_WO: return {c.hidden_dim, q};
    case TERN_ROLE_FFN_SUB_NORM: return {1, c.ffn_dim};
    case TERN_ROLE_W_GATE:
    case TERN_ROLE_W_UP: return {c.ffn_dim, c.hidden_dim};
    case TERN_ROLE_W_DOWN: return {c.hidden_dim, c.ffn_dim};
    default: return {1, c.hidden_dim};
  }
}

// One weight, whole or in pieces, right or wrong. Whether it was taken.
bool load(Input* in, tern_model* model, int role, int layer, Shape s, int32_t type, bool right) {
  if (s.rows > kMostElements || s.cols > kMostElements || s.rows * s.cols > kMostElements) return false;
  const int32_t store = right ? in->below(2) : in->number();
  const float scale = right && in->below(4) ? 1 : in->real();
  int32_t status = tern_model_load_begin(model, role, layer, type, store, int32_t(s.rows), int32_t(s.cols), scale);
  check_status(status);
  if (status != TERN_OK) return false;
  const int64_t row_bytes = bytes_of_row(type, s.cols);
  FUZZ_REQUIRE(row_bytes > 0);  // or begin has refused it
  const int64_t rows = right ? s.rows : std::min<int64_t>(std::max(0, in->number()), kMostElements / s.cols);
  const int64_t bytes = right ? rows * row_bytes : std::min<int64_t>(std::max<int64_t>(0, rows * row_bytes + in->below(16) - 8), 1 << 20);
  const auto data = exact_bytes(*in, bytes);
  status = tern_model_load_rows(model, role, layer, int32_t(rows), data.get(), bytes);
  check_status(status);
  if (status == TERN_ERR_NOT_TERNARY && type != TERN_TYPE_HF_PACKED) {
    check_status(tern_model_load_begin(model, role, layer, type, TERN_STORE_DENSE, int32_t(s.rows), int32_t(s.cols), scale));
    status = tern_model_load_rows(model, role, layer, int32_t(rows), data.get(), bytes);
    check_status(status);
    FUZZ_REQUIRE(status != TERN_ERR_NOT_TERNARY);
  }
  return status == TERN_OK;
}

void some_weights(Input* in, tern_model* model, const tern_model_config& c) {
  for (int i = 0; i < 12 && in->left() > 0; i++) {
    const bool right = in->below(4) != 0;
    const int role = right ? in->below(TERN_ROLE_COUNT) : in->number();
    const int layer = right ? (role < TERN_ROLE_ATTN_NORM ? -1 : in->below(2)) : in->number();
    const Shape s = right ? shape_of(c, role) : Shape{dim(in), dim(in)};
    load(in, model, role, layer, s, weight_type(in), right);
    if (in->below(16) == 0) check_status(tern_model_seal(model));
  }
  check_status(tern_model_seal(model));
}

// One token through a model whose weights are what the input says.
void step(tern_model* model, Input* in) {
  const tern_engine_config config = {sizeof config, 1, in->below(2) ? TERN_TYPE_F16 : TERN_TYPE_F32, 2, 1, 2, 1, 2};
  tern_engine* engine = nullptr;
  FUZZ_REQUIRE(tern_engine_create(model, &config, &engine) == TERN_OK);
  int32_t token[2] = {0, in->below(4)}, slot[2] = {0, 1}, row_begin[2] = {0, 2}, segment_begin[2] = {0, 1}, zero = 0, two = 2,
          output = 1, target = -1, penalty[2] = {0, 0}, out_token = -7;
  int64_t pos[2] = {0, 1}, none[2] = {0, 0}, hi[2] = {0, 1}, index = 0, seed = 1, draw = 0;
  float temperature = 0, one = 1, off = 0, logprob = 0, logits[4];
  tern_batch b = {};
  b.struct_size = sizeof b;
  b.n_rows = 2, b.n_seqs = 1, b.n_segments = 1, b.n_rotations = 1, b.n_outputs = 1;
  b.token = token, b.slot = slot, b.rope_pos = pos, b.q_pos = pos, b.sink_end = none, b.lo = none, b.hi = hi;
  b.seq_row_begin = row_begin, b.seq_segment_begin = segment_begin;
  b.segment_slot = &zero, b.segment_len = &two, b.segment_index = &index, b.segment_rotation = &zero;
  b.output_row = &output, b.target = &target, b.temperature = &temperature, b.top_k = &zero, b.top_p = &one, b.min_p = &off;
  b.repeat_penalty = &one, b.seed = &seed, b.draw = &draw, b.penalty_begin = penalty, b.penalty_token = nullptr;
  b.out_token = &out_token, b.out_logprob = &logprob;
  FUZZ_REQUIRE(tern_step(engine, &b) == TERN_OK);
  FUZZ_REQUIRE(out_token >= -1 && out_token < 4);
  FUZZ_REQUIRE(tern_engine_logits(engine, 0, logits) == TERN_OK);
  tern_engine_destroy(engine);
}

void whole_model(Input* in, tern_model* model, const tern_model_config& c) {
  for (int role = 0; role < TERN_ROLE_COUNT; role++) {
    const bool sub_norm = role == TERN_ROLE_ATTN_SUB_NORM || role == TERN_ROLE_FFN_SUB_NORM;
    const bool head_norm = role == TERN_ROLE_ATTN_Q_NORM || role == TERN_ROLE_ATTN_K_NORM;
    if (sub_norm ? !c.sub_norms : head_norm || role == TERN_ROLE_ROPE_FREQS) continue;
    for (int layer = role < TERN_ROLE_ATTN_NORM ? -1 : 0; layer < (role < TERN_ROLE_ATTN_NORM ? 0 : c.n_layers); layer++) {
      const Shape s = shape_of(c, role);
      int32_t type = weight_type(in);
      if (bytes_of_row(type, s.cols) == 0) type = TERN_TYPE_F32;
      if (!load(in, model, role, layer, s, type, true)) return;
    }
  }
  const int32_t status = tern_model_seal(model);
  check_status(status);
  if (status == TERN_OK) step(model, in);
}

// The kernels on their own, which take what load_rows takes.
void ops(Input* in) {
  const int32_t type = weight_type(in), store = in->below(3), n_out = in->below(20), n_in = dim(in), n_rows = 1 + in->below(3);
  if (n_in < 1 || n_in > 1024) return;
  const int64_t bytes = std::max<int64_t>(0, n_out * bytes_of_row(type, n_in) + (in->below(8) ? 0 : in->below(16) - 8));
  const auto weight = exact_bytes(*in, bytes);
  std::vector<float> x(size_t(n_rows) * size_t(n_in)), out(size_t(n_rows) * size_t(n_out));
  for (float& v : x) v = float(in->byte()) - 128;
  check_status(tern_op_matmul(cpu(), type, store, weight.get(), bytes, n_out, n_in, x.data(), n_rows, out.data()));
  const int32_t ids[3] = {in->number(), in->below(20), 0};
  std::vector<float> rows(3 * size_t(n_in));
  check_status(tern_op_embed(cpu(), type, weight.get(), bytes, n_out, n_in, ids + in->below(3), 1, rows.data()));
}

}  // namespace
}  // namespace tern_fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace tern_fuzz;
  cpu();
  const int64_t before = tern_native_bytes();
  Input in(data, size);
  const int mode = in.below(8);
  if (mode == 0) {
    ops(&in);
  } else {
    const tern_model_config c = config(&in);
    tern_model* model = nullptr;
    const int32_t status = tern_model_create(cpu(), &c, &model);
    check_status(status);
    FUZZ_REQUIRE((status == TERN_OK) == (model != nullptr));
    if (model) {
      const bool small = c.hidden_dim == 256 && c.ffn_dim == 8 && c.vocab_size == 4;
      if (mode < 4 && small)
        whole_model(&in, model, c);
      else
        some_weights(&in, model, c);
      tern_model_destroy(model);
    }
  }
  FUZZ_REQUIRE(tern_native_bytes() == before);
  return 0;
}
