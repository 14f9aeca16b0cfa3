// The order of a pass: every product is announced by its first weight before the one ahead of it ends, so that waiting threads fetch the right one.
#include "model/forward.h"

#include <gtest/gtest.h>

#include <deque>

#include "api/handles.h"
#include "oracle/compare.h"
#include "oracle/transformer_oracle.h"
#include "step_fixture.h"

namespace tern {
namespace {

// Computes nothing: notes which weights are expected, and compares them with the products that come.
class Recorder final : public StepOps {
 public:
  std::deque<const Weight*> expected;
  std::vector<const Weight*> unexpected, products;

  void expect(const Weight& weight, int n_rows) override {
    EXPECT_EQ(n_rows, 1);
    expected.push_back(&weight);
  }
  void matmul(const Projection* projections, int, const Activations&, int, Span) override {
    products.push_back(projections[0].weight);
    if (expected.empty()) {
      unexpected.push_back(projections[0].weight);
      return;
    }
    EXPECT_EQ(expected.front(), projections[0].weight) << "product " << products.size();
    expected.pop_front();
  }
  Activations activations(const ActivationsSource&, int, int, bool, bool, const ActivationsBuffer&) override { return {}; }
  void embed(const Weight&, const int32_t*, int, float*) override {}
  void rope_table(const int64_t*, int, const double*, int, float*) override {}
  void rope_append(const KvLayerSpan&, const HeadShape&, const RopeAppend&) override {}
  void attention(const KvLayerSpan&, const HeadShape&, const Step&, const void*, float*, Span) override {}
  void gather(const float*, const int32_t*, int, int, float*) override {}
  void sample(const float*, int, const tern_batch&, Span) override {}
};

TEST(Forward, NamesTheNextProductBeforeItComes) {
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

      for (int step = 0; step < 2; step++) forward(context, {batch.view(), nullptr, nullptr});
      std::vector<const Weight*> products;
      for (int step = 0; step < 2; step++) {
        for (int layer = 0; layer < n_layers; layer++)
          for (int role : {TERN_ROLE_WQ, TERN_ROLE_WO, TERN_ROLE_W_GATE, TERN_ROLE_W_DOWN}) products.push_back(model.weight(role, layer));
        products.push_back(&model.head());
      }
      EXPECT_EQ(ops.products, products);
      EXPECT_EQ(ops.unexpected, std::vector<const Weight*>{model.weight(TERN_ROLE_WQ, 0)});  // only the first of all
      EXPECT_EQ(ops.expected, std::deque<const Weight*>{model.weight(TERN_ROLE_WQ, 0)});     // of a third step
    }
}

}  // namespace
}  // namespace tern
