// The whole step against the dense fp64 transformer, and against itself in other chunks, batches and threads.
#include <gtest/gtest.h>

#include <cstring>
#include <random>

#include "oracle/compare.h"
#include "oracle/transformer_oracle.h"
#include "step_fixture.h"

namespace tern {
namespace {

tern_model_config small_config(int style, int gate, int sub_norms) {
  tern_model_config c = {};
  c.struct_size = sizeof c;
  c.n_layers = 3, c.n_heads = 4, c.n_kv_heads = 2, c.head_dim = 16;
  c.hidden_dim = 48, c.ffn_dim = 80, c.vocab_size = 61, c.rope_dim = 16;
  c.rope_style = style, c.gate = gate, c.sub_norms = sub_norms;
  c.norm_eps = 1e-5f, c.rope_freq_base = 10000;
  return c;
}

std::vector<int32_t> random_tokens(int n, int vocab_size, uint64_t seed) {
  std::mt19937_64 rng(seed);
  std::vector<int32_t> tokens(static_cast<size_t>(n));
  for (int32_t& t : tokens) t = static_cast<int32_t>(rng() % vocab_size);
  return tokens;
}

TEST(Step, RollingCacheEqualsTheDenseReferenceOfItsPolicy) {
  for (int variant = 0; variant < 5; variant++) {  // the last: norms of heads, as in qwen3
    const tern_model_config c = small_config(variant & 1 || variant == 4, variant >> 1 & 1, variant & 1);
    const oracle::Transformer t = oracle::random_transformer(c, oracle::seed() + variant, variant == 4);
    const std::vector<int32_t> tokens = random_tokens(220, c.vocab_size, oracle::seed() + 10);
    ModelOnCpu cpu(t, 2, 12, TERN_TYPE_F32);
    const int64_t policies[][2] = {{4, 32}, {0, 32}, {1, 0}, {0, 0}, {70, 33}, {4, 1000}};
    for (const auto& p : policies) {
      // A plain float evaluation sets the scale of the tolerance.
      const oracle::Policy policy = oracle::sinks_policy(p[0], p[1]);
      const std::vector<double> ref64 = oracle::Reference<double>(t, policy).logits(tokens);
      const std::vector<float> ref32 = oracle::Reference<float>(t, policy).logits(tokens);
      for (int chunk : {1, 7, 16, 50, 220}) {
        const std::vector<float> out = cpu.run(tokens, chunk, p[0], p[1]);
        EXPECT_EQ(oracle::mismatch(out.data(), ref64.data(), ref32.data(), int64_t(tokens.size()), c.vocab_size), "")
            << "variant " << variant << ", sinks " << p[0] << ", window " << p[1] << ", chunk " << chunk
            << ", TERN_SEED=" << oracle::seed();
      }
    }
  }
}

TEST(Step, ChunksThreadsAndBatchMatesChangeNoBit) {
  for (bool ternary : {false, true})
    for (int kv_type : {TERN_TYPE_F32, TERN_TYPE_F16}) {
      tern_model_config c = small_config(TERN_ROPE_HALVES, TERN_GATE_RELU2, 1);
      const oracle::Transformer t = oracle::random_transformer(c, oracle::seed());
      const std::vector<int32_t> tokens = random_tokens(200, c.vocab_size, oracle::seed() + 1);
      std::vector<float> first;
      for (int threads : {1, 2, 3})
        for (int chunk : {1, 7, 16, 50, 200}) {
          ModelOnCpu cpu(t, threads, 12, kv_type, ternary);
          const std::vector<float> out = cpu.run(tokens, chunk, 4, 40);
          if (first.empty()) first = out;
          EXPECT_EQ(std::memcmp(first.data(), out.data(), out.size() * sizeof(float)), 0)
              << (ternary ? "ternary" : "dense") << ", " << threads << " threads, chunk " << chunk;
        }

      // The same stream in the company of two others, each in its own rhythm.
      ModelOnCpu cpu(t, 2, 24, kv_type, ternary);
      RollingSequence a(&cpu.free_pages, 4, 40), b(&cpu.free_pages, 0, 9), d(&cpu.free_pages, 2, 100);
      const std::vector<int32_t> other = random_tokens(400, c.vocab_size, oracle::seed() + 2);
      std::vector<float> out;
      for (size_t at = 0, round = 0; at < tokens.size(); round++) {
        const size_t n = std::min(tokens.size() - at, round % 3 == 0 ? size_t(13) : size_t(1));
        BatchArrays arrays;
        b.append({other[round]}, &arrays);
        a.append({tokens.begin() + at, tokens.begin() + at + n}, &arrays);
        d.append({other[2 * round], other[2 * round + 1]}, &arrays);
        const tern_batch view = arrays.view();
        ok(tern_step(cpu.engine, &view));
        const std::vector<float> l = cpu.logits(view.n_outputs);
        out.insert(out.end(), l.begin() + c.vocab_size, l.begin() + int64_t(1 + n) * c.vocab_size);
        a.evict(cpu.engine), b.evict(cpu.engine), d.evict(cpu.engine);
        at += n;
      }
      EXPECT_EQ(std::memcmp(first.data(), out.data(), out.size() * sizeof(float)), 0) << "in company";
    }
}

TEST(Step, LogitsDoNotDependOnWhereTheStreamStands) {
  // The same window far down the stream: positions shifted by 4,194,304 everywhere.
  const tern_model_config c = small_config(TERN_ROPE_ADJACENT, TERN_GATE_SILU, 0);
  const oracle::Transformer t = oracle::random_transformer(c, oracle::seed());
  const std::vector<int32_t> tokens = random_tokens(100, c.vocab_size, oracle::seed());
  ModelOnCpu cpu(t, 1, 4, TERN_TYPE_F32);
  std::vector<float> near;
  for (int64_t shift : {int64_t(0), int64_t(4194304)}) {
    std::deque<int32_t> pages = {0, 1, 2, 3};
    RollingSequence seq(&pages, 0, 1000);
    BatchArrays b;
    seq.append(tokens, &b);
    for (auto* v : {&b.rope_pos, &b.lo, &b.hi, &b.segment_index, &b.q_pos})
      for (int64_t& p : *v) p += shift;
    const tern_batch view = b.view();
    ok(tern_step(cpu.engine, &view));
    const std::vector<float> out = cpu.logits(100);
    if (shift == 0) {
      near = out;
      continue;
    }
    float scale = 0, error = 0;
    for (size_t i = 0; i < out.size(); i++) {
      scale = std::max(scale, std::fabs(near[i]));
      error = std::max(error, std::fabs(near[i] - out[i]));
    }
    EXPECT_LE(error, 1e-5f * scale);
  }
}

TEST(Step, TargetsGiveTheLogProbabilityOfTheToken) {
  const tern_model_config c = small_config(TERN_ROPE_HALVES, TERN_GATE_SILU, 0);
  const oracle::Transformer t = oracle::random_transformer(c, oracle::seed());
  ModelOnCpu cpu(t, 2, 4, TERN_TYPE_F32);
  RollingSequence seq(&cpu.free_pages, 0, 1000);
  BatchArrays b;
  const std::vector<int32_t> tokens = random_tokens(20, c.vocab_size, 3);
  seq.append(tokens, &b);
  for (int i = 0; i + 1 < 20; i++) b.target[i] = tokens[i + 1];
  const tern_batch view = b.view();
  ok(tern_step(cpu.engine, &view));
  const std::vector<float> l = cpu.logits(20);
  for (int i = 0; i < 20; i++) {
    double sum = 0, best = -1e300;
    int arg = -1;
    for (int j = 0; j < c.vocab_size; j++) {
      sum += std::exp(double(l[i * c.vocab_size + j]));
      if (l[i * c.vocab_size + j] > best) best = l[i * c.vocab_size + j], arg = j;
    }
    EXPECT_EQ(b.out_token[i], i < 19 ? tokens[i + 1] : arg);
    EXPECT_NEAR(b.out_logprob[i], l[i * c.vocab_size + b.out_token[i]] - std::log(sum), 1e-5);
  }
}

// Every field of a batch, broken in turn: an error that leaves the engine as it was.
TEST(Step, RefusesBrokenBatchesAndGoesOn) {
  const tern_model_config c = small_config(TERN_ROPE_HALVES, TERN_GATE_SILU, 0);
  const oracle::Transformer t = oracle::random_transformer(c, oracle::seed());
  ModelOnCpu cpu(t, 1, 4, TERN_TYPE_F32);
  using Break = void (*)(BatchArrays*, tern_batch*);
  const std::pair<const char*, Break> breaks[] = {
      {"struct_size", [](BatchArrays*, tern_batch* v) { v->struct_size = 8; }},
      {"no rows", [](BatchArrays*, tern_batch* v) { v->n_rows = 0; }},
      {"negative rows", [](BatchArrays*, tern_batch* v) { v->n_rows = -1; }},
      {"too many rows", [](BatchArrays*, tern_batch* v) { v->n_rows = 257; }},
      {"no seqs", [](BatchArrays*, tern_batch* v) { v->n_seqs = 0; }},
      {"too many seqs", [](BatchArrays*, tern_batch* v) { v->n_seqs = 17; }},
      {"too many segments", [](BatchArrays*, tern_batch* v) { v->n_segments = 65; }},
      {"negative segments", [](BatchArrays*, tern_batch* v) { v->n_segments = INT32_MIN; }},
      {"rotations 0", [](BatchArrays*, tern_batch* v) { v->n_rotations = 0; }},
      {"rotations 3", [](BatchArrays*, tern_batch* v) { v->n_rotations = 3; }},
      {"too many outputs", [](BatchArrays*, tern_batch* v) { v->n_outputs = 257; }},
      {"token -1", [](BatchArrays* b, tern_batch*) { b->token[2] = -1; }},
      {"token vocab", [](BatchArrays* b, tern_batch*) { b->token[2] = 61; }},
      {"token INT_MIN", [](BatchArrays* b, tern_batch*) { b->token[2] = INT32_MIN; }},
      {"slot -1", [](BatchArrays* b, tern_batch*) { b->slot[1] = -1; }},
      {"slot beyond", [](BatchArrays* b, tern_batch*) { b->slot[1] = 256; }},
      {"slot twice", [](BatchArrays* b, tern_batch*) { b->slot[1] = b->slot[0]; }},
      {"rope_pos -1", [](BatchArrays* b, tern_batch*) { b->rope_pos[0] = -1; }},
      {"rope_pos huge", [](BatchArrays* b, tern_batch*) { b->rope_pos[0] = INT64_MAX; }},
      {"q_pos huge", [](BatchArrays* b, tern_batch*) { b->q_pos[3] = INT64_MAX; }},
      {"sink_end -1", [](BatchArrays* b, tern_batch*) { b->sink_end[0] = -1; }},
      {"lo -1", [](BatchArrays* b, tern_batch*) { b->lo[0] = -1; }},
      {"hi -2", [](BatchArrays* b, tern_batch*) { b->hi[0] = -2; }},
      {"row offsets", [](BatchArrays* b, tern_batch*) { b->seq_row_begin[0] = 1; }},
      {"row offsets end", [](BatchArrays* b, tern_batch*) { b->seq_row_begin[1] = 99; }},
      {"segment offsets", [](BatchArrays* b, tern_batch*) { b->seq_segment_begin[1] = -5; }},
      {"segment slot", [](BatchArrays* b, tern_batch*) { b->segment_slot[0] = -64; }},
      {"segment beyond", [](BatchArrays* b, tern_batch*) { b->segment_slot[0] = 256; }},
      {"segment len 0", [](BatchArrays* b, tern_batch*) { b->segment_len[0] = 0; }},
      {"segment len huge", [](BatchArrays* b, tern_batch*) { b->segment_len[0] = INT32_MAX; }},
      {"segment phase", [](BatchArrays* b, tern_batch*) { b->segment_index[1] += 1; }},
      {"segment order", [](BatchArrays* b, tern_batch*) { b->segment_index[0] += 6400; }},
      {"segment index", [](BatchArrays* b, tern_batch*) { b->segment_index[0] = INT64_MIN; }},
      {"segment rotation", [](BatchArrays* b, tern_batch*) { b->segment_rotation[0] = 2; }},
      {"output row", [](BatchArrays* b, tern_batch*) { b->output_row[0] = 10; }},
      {"output order", [](BatchArrays* b, tern_batch*) { b->output_row[1] = 0; }},
      {"target", [](BatchArrays* b, tern_batch*) { b->target[0] = 61; }},
      {"temperature NaN", [](BatchArrays* b, tern_batch*) { b->temperature[0] = NAN; }},
      {"temperature -1", [](BatchArrays* b, tern_batch*) { b->temperature[0] = -1; }},
      {"top_k -1", [](BatchArrays* b, tern_batch*) { b->top_k[0] = -1; }},
      {"top_p 0", [](BatchArrays* b, tern_batch*) { b->top_p[0] = 0; }},
      {"top_p NaN", [](BatchArrays* b, tern_batch*) { b->top_p[0] = NAN; }},
      {"min_p 2", [](BatchArrays* b, tern_batch*) { b->min_p[0] = 2; }},
      {"penalty 0", [](BatchArrays* b, tern_batch*) { b->repeat_penalty[0] = 0; }},
      {"penalty offsets", [](BatchArrays* b, tern_batch*) { b->penalty_begin[1] = 5; }},
      {"penalty negative", [](BatchArrays* b, tern_batch*) { b->penalty_begin.back() = -1; }},
      {"null tokens", [](BatchArrays*, tern_batch* v) { v->token = nullptr; }},
      {"null segments", [](BatchArrays*, tern_batch* v) { v->segment_len = nullptr; }},
      {"null outputs", [](BatchArrays*, tern_batch* v) { v->out_logprob = nullptr; }},
  };
  const auto fill = [](BatchArrays* b) {
    std::deque<int32_t> pages = {0, 1, 2, 3};
    RollingSequence(&pages, 4, 100).append({1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, b);
  };
  BatchArrays good;
  fill(&good);
  const tern_batch view = good.view();
  ok(tern_step(cpu.engine, &view));
  const std::vector<float> before = cpu.logits(10);
  for (const auto& [name, breaker] : breaks) {
    BatchArrays b;
    fill(&b);
    tern_batch v = b.view();  // points into b: a breaker may change either
    breaker(&b, &v);
    EXPECT_EQ(tern_step(cpu.engine, &v), TERN_ERR_INVALID_ARGUMENT) << name;
    EXPECT_NE(std::string(tern_last_error()), "") << name;
  }
  ok(tern_step(cpu.engine, &view));
  const std::vector<float> after = cpu.logits(10);
  EXPECT_EQ(std::memcmp(before.data(), after.data(), before.size() * sizeof(float)), 0);
}

TEST(Step, ModelsThatAreNotWholeAreRefused) {
  const tern_model_config c = small_config(TERN_ROPE_HALVES, TERN_GATE_SILU, 0);
  const int64_t before = tern_native_bytes();
  tern_device* device = nullptr;
  tern_model* model = nullptr;
  ok(tern_device_open("cpu", 1, &device));
  ok(tern_model_create(device, &c, &model));
  EXPECT_EQ(tern_model_seal(model), TERN_ERR_INVALID_ARGUMENT);
  EXPECT_NE(std::string(tern_last_error()).find("token_embd"), std::string::npos);
  EXPECT_EQ(tern_model_load_begin(model, TERN_ROLE_WQ, 0, TERN_TYPE_F32, 0, 63, 48, 1), TERN_ERR_INVALID_ARGUMENT);
  EXPECT_EQ(tern_model_load_begin(model, TERN_ROLE_WQ, 3, TERN_TYPE_F32, 0, 64, 48, 1), TERN_ERR_INVALID_ARGUMENT);
  EXPECT_EQ(tern_model_load_begin(model, 99, 0, TERN_TYPE_F32, 0, 64, 48, 1), TERN_ERR_INVALID_ARGUMENT);
  EXPECT_EQ(tern_model_load_begin(model, TERN_ROLE_WQ, 0, 7777, 0, 64, 48, 1), TERN_ERR_INVALID_ARGUMENT);
  EXPECT_EQ(tern_model_load_begin(model, TERN_ROLE_WQ, 0, TERN_TYPE_F32, 0, 64, 48, NAN), TERN_ERR_INVALID_ARGUMENT);
  std::vector<float> w(64 * 48, 0.1f);
  w[100] = 0.25f;
  ok(tern_model_load_begin(model, TERN_ROLE_WQ, 0, TERN_TYPE_F32, TERN_STORE_TERNARY, 64, 48, 1));
  EXPECT_EQ(tern_model_load_rows(model, TERN_ROLE_WQ, 0, 64, w.data(), 64 * 48 * 4), TERN_ERR_NOT_TERNARY);
  EXPECT_EQ(tern_model_load_rows(model, TERN_ROLE_WQ, 0, 64, w.data(), 5), TERN_ERR_INVALID_ARGUMENT);
  tern_engine* engine = nullptr;
  const tern_engine_config e = {sizeof e, 1, TERN_TYPE_F32, 1, 1, 1, 1, 1};
  EXPECT_EQ(tern_engine_create(model, &e, &engine), TERN_ERR_INVALID_ARGUMENT);
  EXPECT_EQ(engine, nullptr);
  tern_model_destroy(model);
  tern_device_destroy(device);
  EXPECT_EQ(tern_native_bytes(), before);
}

}  // namespace
}  // namespace tern
