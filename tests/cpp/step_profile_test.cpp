// The profile of steps: it changes no bit, counts every op and every byte, and is refused where it must be.
#include <gtest/gtest.h>

#include <cstring>

#include "oracle/compare.h"
#include "oracle/transformer_oracle.h"
#include "step_fixture.h"

namespace tern {
namespace {

constexpr int kLayers = 3, kKvHeads = 2, kHeadDim = 16, kVocab = 61;

tern_model_config config(int sub_norms) {
  tern_model_config c = {};
  c.struct_size = sizeof c;
  c.n_layers = kLayers, c.n_heads = 4, c.n_kv_heads = kKvHeads, c.head_dim = kHeadDim;
  c.hidden_dim = 48, c.ffn_dim = 80, c.vocab_size = kVocab, c.rope_dim = 16;
  c.rope_style = TERN_ROPE_HALVES, c.gate = TERN_GATE_RELU2, c.sub_norms = sub_norms;
  c.norm_eps = 1e-5f, c.rope_freq_base = 10000;
  return c;
}

tern_profile part(tern_engine* engine, int op) {
  tern_profile p = {};
  p.struct_size = sizeof p;
  ok(tern_engine_profile(engine, op, &p));
  return p;
}

std::vector<int32_t> tokens_up_to(int n) {
  std::vector<int32_t> tokens;
  for (int i = 0; i < n; i++) tokens.push_back(i * 7 % kVocab);
  return tokens;
}

TEST(StepProfile, ChangesNoBitAndCountsEveryOpAndByte) {
  for (bool ternary : {false, true})
    for (bool head_norms : {false, true}) {
      const oracle::Transformer t = oracle::random_transformer(config(1), oracle::seed(), head_norms);
      const std::vector<int32_t> tokens = tokens_up_to(70);
      ModelOnCpu plain(t, 2, 4, TERN_TYPE_F16, ternary), timed(t, 2, 4, TERN_TYPE_F16, ternary);
      ok(tern_engine_set_profiling(timed.engine, 1));
      const std::vector<float> expected = plain.run(tokens, 1, 0, 1000), out = timed.run(tokens, 1, 0, 1000);
      ASSERT_EQ(std::memcmp(expected.data(), out.data(), out.size() * sizeof(float)), 0);

      const int64_t steps = 70;
      const std::map<int, int64_t> calls = {
          {TERN_PROFILE_EMBED, steps},
          {TERN_PROFILE_ROPE_TABLE, 2 * steps},
          {TERN_PROFILE_NORM, steps * (kLayers * (3 + 2 * head_norms) + 1)},
          {TERN_PROFILE_QKV, steps * kLayers},
          {TERN_PROFILE_ROPE_APPEND, steps * kLayers},
          {TERN_PROFILE_ATTENTION, steps * kLayers},
          {TERN_PROFILE_ATTN_OUT, steps * kLayers},
          {TERN_PROFILE_GATE_UP, steps * kLayers},
          {TERN_PROFILE_GATE_NORM, steps * kLayers},
          {TERN_PROFILE_DOWN, steps * kLayers},
          {TERN_PROFILE_GATHER, steps},
          {TERN_PROFILE_HEAD, steps},
          {TERN_PROFILE_SAMPLE, steps},
          {TERN_PROFILE_STEP, steps}};
      ASSERT_EQ(calls.size(), size_t(TERN_PROFILE_COUNT));
      int64_t products = 0, nanos = 0;
      for (const auto& op : calls) {
        const tern_profile p = part(timed.engine, op.first);
        EXPECT_EQ(p.calls, op.second) << tern_profile_name(op.first);
        if (op.first != TERN_PROFILE_STEP) nanos += p.nanos;
        if (op.first != TERN_PROFILE_EMBED && op.first != TERN_PROFILE_ATTENTION) products += p.bytes;
      }
      EXPECT_LE(nanos, part(timed.engine, TERN_PROFILE_STEP).nanos);  // parts do not overlap
      // What a token reads of the weights, less the vectors.
      const int64_t vectors = kLayers * (48 + 48 + 64 + 80 + head_norms * 2 * kHeadDim) + 48;
      EXPECT_EQ(products, steps * (tern_model_decode_bytes(timed.model) - vectors * 4));
      EXPECT_EQ(part(timed.engine, TERN_PROFILE_ATTENTION).bytes, steps * (steps + 1) / 2 * kLayers * 2 * kKvHeads * kHeadDim * 2);
      EXPECT_EQ(part(timed.engine, TERN_PROFILE_EMBED).bytes, steps * 48 * 4);

      ok(tern_engine_set_profiling(timed.engine, 1));  // from zero
      EXPECT_EQ(part(timed.engine, TERN_PROFILE_STEP).calls, 0);
    }
}

TEST(StepProfile, RefusesWhatItCannotTell) {
  const oracle::Transformer t = oracle::random_transformer(config(0), oracle::seed());
  ModelOnCpu cpu(t, 1, 4, TERN_TYPE_F32);
  tern_profile p = {};
  p.struct_size = sizeof p;
  EXPECT_EQ(tern_engine_profile(cpu.engine, TERN_PROFILE_STEP, &p), TERN_ERR_INVALID_ARGUMENT);  // off at first
  ok(tern_engine_set_profiling(cpu.engine, 1));
  EXPECT_EQ(tern_engine_profile(cpu.engine, TERN_PROFILE_COUNT, &p), TERN_ERR_INVALID_ARGUMENT);
  EXPECT_EQ(tern_engine_profile(cpu.engine, -1, &p), TERN_ERR_INVALID_ARGUMENT);
  EXPECT_EQ(tern_engine_profile(cpu.engine, 0, nullptr), TERN_ERR_INVALID_ARGUMENT);
  EXPECT_EQ(tern_engine_set_profiling(cpu.engine, 2), TERN_ERR_INVALID_ARGUMENT);
  p.struct_size = 8;
  EXPECT_EQ(tern_engine_profile(cpu.engine, 0, &p), TERN_ERR_INVALID_ARGUMENT);
  p.struct_size = sizeof p;
  tern_batch empty = {};
  EXPECT_EQ(tern_step(cpu.engine, &empty), TERN_ERR_INVALID_ARGUMENT);
  ok(tern_engine_profile(cpu.engine, TERN_PROFILE_STEP, &p));
  EXPECT_EQ(p.calls, 0);  // a step that was refused is none
  ok(tern_engine_set_profiling(cpu.engine, 0));
  EXPECT_EQ(tern_engine_profile(cpu.engine, TERN_PROFILE_STEP, &p), TERN_ERR_INVALID_ARGUMENT);
  for (int op = 0; op < TERN_PROFILE_COUNT; op++) EXPECT_STRNE(tern_profile_name(op), "");
  EXPECT_EQ(tern_profile_name(TERN_PROFILE_COUNT), nullptr);
  EXPECT_EQ(tern_profile_name(-1), nullptr);
}

}  // namespace
}  // namespace tern
