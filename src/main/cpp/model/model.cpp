#include "model/model.h"

#include <cmath>

#include "core/checked.h"
#include "cpu/rope.h"
#include "ternary/decode.h"

namespace tern {
namespace {

const char* const kRoleNames[TERN_ROLE_COUNT] = {
    "token_embd", "output", "output_norm", "rope_freqs", "attn_norm", "attn_sub_norm", "attn_q", "attn_k",
    "attn_v", "attn_output", "ffn_norm", "ffn_sub_norm", "ffn_gate", "ffn_up", "ffn_down", "attn_q_norm", "attn_k_norm"};

constexpr int kGlobalRoles = 4;  // roles before attn_norm are not in a layer
constexpr int kLayerRoles = TERN_ROLE_COUNT - kGlobalRoles;

bool is_head_norm(int role) { return role == TERN_ROLE_ATTN_Q_NORM || role == TERN_ROLE_ATTN_K_NORM; }

bool is_vector(int role) {
  return role == TERN_ROLE_OUTPUT_NORM || role == TERN_ROLE_ROPE_FREQS || role == TERN_ROLE_ATTN_NORM ||
         role == TERN_ROLE_ATTN_SUB_NORM || role == TERN_ROLE_FFN_NORM || role == TERN_ROLE_FFN_SUB_NORM || is_head_norm(role);
}

bool is_optional(int role, const ModelConfig& config) {
  if (role == TERN_ROLE_OUTPUT || role == TERN_ROLE_ROPE_FREQS) return true;
  return (role == TERN_ROLE_ATTN_SUB_NORM || role == TERN_ROLE_FFN_SUB_NORM) && !config.sub_norms;
}

void in_range(const char* name, int64_t value, int64_t low, int64_t high) {
  TERN_CHECK_ARG(value >= low && value <= high, "%s is %lld, it must be %lld to %lld", name, static_cast<long long>(value),
                 static_cast<long long>(low), static_cast<long long>(high));
}

// One NaN of a weight makes every logit NaN. Ternary rows are refused as not ternary, and then come here as dense ones.
void check_finite(int role, int type, int n_cols, int n_rows, const void* data, int64_t n_bytes) {
  const int64_t stride = row_bytes(type, n_cols);
  if (n_rows < 0 || n_bytes != checked_mul(stride, n_rows)) return;  // append_rows refuses that
  for (int r = 0; r < n_rows; r++)
    TERN_CHECK_ARG(finite_row(type, static_cast<const uint8_t*>(data) + stride * r, n_cols),
                   "%s: a value or scale is NaN or infinite: the file is damaged, or was not made right", kRoleNames[role]);
}

}  // namespace

void check_config(const ModelConfig& c) {
  TERN_CHECK_ARG(c.struct_size == sizeof(ModelConfig), "tern_model_config of another version: %u bytes, expected %zu",
                 c.struct_size, sizeof(ModelConfig));
  in_range("n_layers", c.n_layers, 1, 1024);
  in_range("n_heads", c.n_heads, 1, 1024);
  in_range("n_kv_heads", c.n_kv_heads, 1, c.n_heads);
  TERN_CHECK_ARG(c.n_heads % c.n_kv_heads == 0, "n_heads %d is not a multiple of n_kv_heads %d", c.n_heads, c.n_kv_heads);
  in_range("head_dim", c.head_dim, 8, 256);
  TERN_CHECK_ARG(c.head_dim % 8 == 0, "head_dim %d is not a multiple of 8", c.head_dim);
  in_range("hidden_dim", c.hidden_dim, 1, 1 << 20);
  in_range("ffn_dim", c.ffn_dim, 1, 1 << 20);
  in_range("vocab_size", c.vocab_size, 1, 1 << 24);
  in_range("rope_dim", c.rope_dim, 2, c.head_dim);
  TERN_CHECK_ARG(c.rope_dim % 2 == 0, "rope_dim %d is odd", c.rope_dim);
  in_range("rope_style", c.rope_style, TERN_ROPE_ADJACENT, TERN_ROPE_HALVES);
  in_range("gate", c.gate, TERN_GATE_SILU, TERN_GATE_RELU2);
  in_range("sub_norms", c.sub_norms, 0, 1);
  TERN_CHECK_ARG(std::isfinite(c.norm_eps) && c.norm_eps > 0, "norm_eps %g is not a positive number", double(c.norm_eps));
  TERN_CHECK_ARG(std::isfinite(c.rope_freq_base) && c.rope_freq_base >= 1, "rope_freq_base %g is not a number from 1 on",
                 c.rope_freq_base);
}

Model::Model(std::shared_ptr<Device> device, const ModelConfig& config) : device_(std::move(device)), config_(config) {
  check_config(config_);
  slots_.resize(kGlobalRoles + static_cast<size_t>(kLayerRoles) * config_.n_layers);
}

size_t Model::slot_of(int role, int layer) const {
  TERN_CHECK_ARG(role >= 0 && role < TERN_ROLE_COUNT, "weight role %d is not one", role);
  if (role < kGlobalRoles) {
    TERN_CHECK_ARG(layer == -1, "%s takes layer -1, not %d", kRoleNames[role], layer);
    return static_cast<size_t>(role);
  }
  TERN_CHECK_ARG(layer >= 0 && layer < config_.n_layers, "%s: layer %d of %d", kRoleNames[role], layer, config_.n_layers);
  return static_cast<size_t>(kGlobalRoles + layer * kLayerRoles + role - kGlobalRoles);
}

void Model::check_shape(int role, int n_rows, int n_cols) const {
  const ModelConfig& c = config_;
  const int q_dim = c.n_heads * c.head_dim, kv_dim = c.n_kv_heads * c.head_dim;
  int rows = 1, cols = c.hidden_dim;
  switch (role) {
    case TERN_ROLE_TOKEN_EMBD:
    case TERN_ROLE_OUTPUT: rows = c.vocab_size; break;
    case TERN_ROLE_ROPE_FREQS: cols = c.rope_dim / 2; break;
    case TERN_ROLE_ATTN_SUB_NORM: cols = q_dim; break;
    case TERN_ROLE_ATTN_Q_NORM:
    case TERN_ROLE_ATTN_K_NORM: cols = c.head_dim; break;
    case TERN_ROLE_WQ: rows = q_dim; break;
    case TERN_ROLE_WK:
    case TERN_ROLE_WV: rows = kv_dim; break;
    case TERN_ROLE_WO: rows = c.hidden_dim, cols = q_dim; break;
    case TERN_ROLE_FFN_SUB_NORM: cols = c.ffn_dim; break;
    case TERN_ROLE_W_GATE:
    case TERN_ROLE_W_UP: rows = c.ffn_dim; break;
    case TERN_ROLE_W_DOWN: rows = c.hidden_dim, cols = c.ffn_dim; break;
    default: break;
  }
  TERN_CHECK_ARG(n_rows == rows && n_cols == cols, "%s is [%d, %d], the model's shape asks for [%d, %d]", kRoleNames[role],
                 n_rows, n_cols, rows, cols);
}

void Model::load_begin(int role, int layer, int type, int store, int n_rows, int n_cols, float scale) {
  TERN_CHECK_ARG(!sealed_, "the model is sealed");
  const size_t slot = slot_of(role, layer);
  check_shape(role, n_rows, n_cols);
  TERN_CHECK_ARG(!((role == TERN_ROLE_ATTN_SUB_NORM || role == TERN_ROLE_FFN_SUB_NORM) && !config_.sub_norms),
                 "%s in a model without sub-norms", kRoleNames[role]);
  TERN_CHECK_ARG(std::isfinite(scale), "%s: scale %g", kRoleNames[role], double(scale));
  const bool embedding = role == TERN_ROLE_TOKEN_EMBD;
  TERN_CHECK_ARG(!(store == TERN_STORE_TERNARY && (embedding || is_vector(role))), "%s cannot be kept as ternary",
                 kRoleNames[role]);
  slots_[slot].reset();  // before the new one is made: never both in memory
  slots_[slot] = backend().create_weight(type, store, n_rows, n_cols, scale, is_vector(role));
}

void Model::load_rows(int role, int layer, int n_rows, const void* data, int64_t n_bytes) {
  TERN_CHECK_ARG(!sealed_, "the model is sealed");
  Weight* weight = slots_[slot_of(role, layer)].get();
  TERN_CHECK_ARG(weight, "%s: rows before load_begin", kRoleNames[role]);
  if (!weight->ternary()) check_finite(role, weight->type(), weight->n_cols(), n_rows, data, n_bytes);
  weight->append_rows(n_rows, data, n_bytes);
}

void Model::seal() {
  TERN_CHECK_ARG(!sealed_, "the model is sealed already");
  for (int role = 0; role < TERN_ROLE_COUNT; role++) {
    const bool in_layers = role >= kGlobalRoles;
    for (int layer = in_layers ? 0 : -1; layer < (in_layers ? config_.n_layers : 0); layer++) {
      const Weight* w = weight(role, layer);
      if (!w && is_head_norm(role) && !weight(TERN_ROLE_ATTN_Q_NORM, 0)) continue;
      if (!w && is_optional(role, config_)) continue;
      TERN_CHECK_ARG(!w || !is_head_norm(role) || weight(TERN_ROLE_ATTN_Q_NORM, 0), "%s of layer %d, but no attn_q_norm of layer 0",
                     kRoleNames[role], layer);
      TERN_CHECK_ARG(w && w->complete(), "%s of layer %d is %s", kRoleNames[role], layer, w ? "not whole" : "missing");
    }
  }
  const int half = config_.rope_dim / 2;
  std::vector<float> factors;
  if (const Weight* w = weight(TERN_ROLE_ROPE_FREQS)) {
    factors.resize(static_cast<size_t>(half));
    backend().download(factors.data(), w->vector(), half * static_cast<int64_t>(sizeof(float)));
    for (int i = 0; i < half; i++)
      TERN_CHECK_ARG(std::isfinite(factors[i]) && factors[i] > 0, "rope_freqs[%d] is %g", i, double(factors[i]));
  }
  std::vector<double> inv_freq(static_cast<size_t>(half));
  cpu::rope_inv_freq(config_.rope_freq_base, factors.empty() ? nullptr : factors.data(), config_.rope_dim, inv_freq.data());
  inv_freq_ = backend().allocate(half * static_cast<int64_t>(sizeof(double)), "RoPE frequencies");
  backend().upload(inv_freq_.as<void>(), inv_freq.data(), inv_freq_.size());
  sealed_ = true;
}

int64_t Model::bytes() const {
  int64_t n = 0;
  for (const auto& w : slots_)
    if (w) n += w->bytes();
  return n;
}

int64_t Model::decode_bytes() const {
  const Weight* table = weight(TERN_ROLE_TOKEN_EMBD);
  const bool tied = !weight(TERN_ROLE_OUTPUT);
  return bytes() - (table && !tied ? table->bytes() : 0);
}

}  // namespace tern
