// The order of a pass: every product's weights are expected before what comes ahead of it, a product or attention, begins; at its end threads
// wait and fetch.
#include "model/forward.h"

#include <gtest/gtest.h>

#include <vector>

#include "api/handles.h"
#include "oracle/compare.h"
#include "oracle/transformer_oracle.h"
#include "step_fixture.h"

namespace tern {
namespace {

struct Event {
  char kind;  // 'e': expected, 'm': a product begins, 'a': attention
  std::vector<const Weight*> weights;
  bool operator==(const Event& other) const { return kind == other.kind && weights == other.weights; }
};

// Computes nothing: notes what is asked for.
class Recorder final : public StepOps {
 public:
  std::vector<Event> events;

  void expect(std::initializer_list<const Weight*> weights, int n_rows) override {
    EXPECT_EQ(n_rows, 1);
    events.push_back({'e', weights});
  }
  void matmul(const Projection* projections, int n, const Activations&, int, Span) override {
    events.push_back({'m', {}});
    for (int i = 0; i < n; i++) events.back().weights.push_back(projections[i].weight);
  }
  void attention(const KvLayerSpan&, const HeadShape&, const Step&, const void*, float*, Span) override {
    events.push_back({'a', {}});
  }
  Activations activations(const ActivationsSource&, int, int, bool, bool, const ActivationsBuffer&) override { return {}; }
  void embed(const Weight&, const int32_t*, int, float*) override {}
  void rope_table(const int64_t*, int, const double*, int, float*) override {}
  void rope_append(const KvLayerSpan&, const HeadShape&, const RopeAppend&) override {}
  void gather(const float*, const int32_t*, int, int, float*) override {}
  void sample(const float*, int, const tern_batch&, Span) override {}
};

TEST(Forward, ExpectsEachProductBeforeTheOneAheadOfItBegins) {
  for (int n_layers : {1, 3})
    for (bool head_norms : {false, true}) {
      tern_model_config config = {};
      config.struct_size = sizeof config;
      config.n_layers = n_layers, config.n_heads = 4, config.n_kv_heads = 2, config.head_dim = 16;
      config.hidden_dim = 48, config.ffn_dim = 80, config.vocab_size = 61, config.rope_dim = 16;
      config.rope_style = TERN_ROPE_HALVES, config.gate = TERN_GATE_RELU2, config.sub_norms = 1;
      config.norm_eps = 1e-5f, config.rope_freq_base = 10000;
      ModelOnCpu cpu(oracle::random_transformer(config, oracle::seed(), head_norms), 1, 1, TERN_TYPE_F32);
      const Model& model = *cpu.model->model;
      Recorder ops;
      const ForwardContext context = {model, ops, {4, 2, 16, TERN_TYPE_F32}, {}, {}, 1};
      BatchArrays batch;
      RollingSequence(&cpu.free_pages, 0, 64).append({5}, &batch);

      forward(context, {batch.view(), nullptr, nullptr});
      const std::vector<const Weight*> head = {&model.head()};
      const auto qkv = [&](int layer) {
        return std::vector<const Weight*>{model.weight(TERN_ROLE_WQ, layer), model.weight(TERN_ROLE_WK, layer),
                                          model.weight(TERN_ROLE_WV, layer)};
      };
      std::vector<Event> events;
      for (int layer = 0; layer < n_layers; layer++) {
        const std::vector<const Weight*> wo = {model.weight(TERN_ROLE_WO, layer)}, down = {model.weight(TERN_ROLE_W_DOWN, layer)};
        const std::vector<const Weight*> gate_up = {model.weight(TERN_ROLE_W_GATE, layer), model.weight(TERN_ROLE_W_UP, layer)};
        const std::vector<const Weight*> after = layer + 1 < n_layers ? qkv(layer + 1) : head;
        for (const Event& e : {Event{'m', qkv(layer)}, {'e', wo}, {'a', {}}, {'e', gate_up}, {'m', wo}, {'e', down},
                               {'m', gate_up}, {'e', after}, {'m', down}})
          events.push_back(e);
      }
      events.push_back({'e', qkv(0)});
      events.push_back({'m', head});
      EXPECT_EQ(ops.events.size(), events.size());
      EXPECT_TRUE(ops.events == events);
    }
}

}  // namespace
}  // namespace tern
