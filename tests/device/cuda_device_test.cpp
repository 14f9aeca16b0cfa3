// The whole CUDA backend behind the ABI, emulated or on a GPU: TERN_CUDA_LIBRARY names which. Steps against the fp64 transformer, bits
// that must not change, the CPU's text, and what happens when the device fails.
#include <dlfcn.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <map>
#include <random>

#include "core/half.h"
#include "cpp/step_fixture.h"
#include "oracle/compare.h"
#include "oracle/transformer_oracle.h"

namespace tern {
namespace {

tern_model_config config(int style, int gate, int sub_norms) {
  tern_model_config c = {};
  c.struct_size = sizeof c;
  c.n_layers = 2, c.n_heads = 4, c.n_kv_heads = 2, c.head_dim = 16;
  c.hidden_dim = 48, c.ffn_dim = 80, c.vocab_size = 61, c.rope_dim = 16;
  c.rope_style = style, c.gate = gate, c.sub_norms = sub_norms;
  c.norm_eps = 1e-5f, c.rope_freq_base = 10000;
  return c;
}

std::vector<int32_t> random_tokens(int n, int vocab_size, uint64_t seed) {
  std::mt19937_64 rng(seed);
  std::vector<int32_t> tokens(static_cast<size_t>(n));
  for (int32_t& t : tokens) t = static_cast<int32_t>(rng() % static_cast<uint64_t>(vocab_size));
  return tokens;
}

// The emulator's controls, null on a GPU.
template <class F>
F* control(const char* name) {
  const char* path = std::getenv("TERN_CUDA_LIBRARY");
  void* const library = path ? dlopen(path, RTLD_NOW | RTLD_NOLOAD) : nullptr;
  return library ? reinterpret_cast<F*>(dlsym(library, name)) : nullptr;
}

class CudaDevice : public ::testing::Test {
 protected:
  void SetUp() override {
    tern_device* device = nullptr;
    const char* const library = std::getenv("TERN_CUDA_LIBRARY");
    const bool emulated = library && std::strstr(library, "simt");  // which is always there
    if (tern_device_open("cuda", 0, &device) == TERN_ERR_UNAVAILABLE && !emulated) GTEST_SKIP() << tern_last_error();
    ASSERT_NE(device, nullptr) << tern_last_error();
    tern_device_destroy(device);
    bytes_ = tern_native_bytes();
  }
  void TearDown() override {
    EXPECT_EQ(tern_native_bytes(), bytes_);
    for (const char* name : {"tern_simt_live_allocations", "tern_simt_live_handles"})
      if (auto* n = control<size_t()>(name)) {
        EXPECT_EQ(n(), 0u) << name;
      }
  }

 private:
  int64_t bytes_ = 0;
};

float round_f16(float x) { return float_from_half(half_from_float(x)); }
float round_bf16(float x) {
  uint32_t bits;
  std::memcpy(&bits, &x, 4);
  bits = (bits + 0x7fff + (bits >> 16 & 1)) & 0xffff0000;
  std::memcpy(&x, &bits, 4);
  return x;
}

// A plain evaluation of the cache's precision.
oracle::Rounding<float> rounding_of(int kv_type) {
  const auto half = kv_type == TERN_TYPE_BF16 ? round_bf16 : round_f16;
  if (kv_type != TERN_TYPE_I8)
    return {[half](float* head, int dim) {
              for (int i = 0; i < dim; i++) head[i] = half(head[i]);
            },
            half};
  return {[](float* head, int dim) {
            float most = 0;
            for (int i = 0; i < dim; i++) most = std::max(most, std::fabs(head[i]));
            const float scale = most > 0 ? most / 127 : 1;
            for (int i = 0; i < dim; i++) head[i] = std::nearbyint(head[i] / scale) * scale;
          },
          half};
}

TEST_F(CudaDevice, RollingCacheEqualsTheDenseReferenceOfItsPolicy) {
  for (int variant = 0; variant < 4; variant++) {
    const tern_model_config c = config(variant & 1, variant >> 1, variant & 1);
    const oracle::Transformer t = oracle::random_transformer(c, oracle::seed() + variant);
    const std::vector<int32_t> tokens = random_tokens(90, c.vocab_size, oracle::seed() + 10);
    const int kv_type = variant == 1 ? TERN_TYPE_BF16 : variant == 2 ? TERN_TYPE_I8 : TERN_TYPE_F16;
    ModelOnDevice cuda("cuda", t, 0, 12, kv_type, false);
    const int64_t policies[][2] = {{4, 32}, {0, 20}, {0, 0}, {70, 13}, {4, 1000}};
    for (const auto& p : policies) {
      const oracle::Policy policy = oracle::sinks_policy(p[0], p[1]);
      const std::vector<double> ref64 = oracle::Reference<double>(t, policy).logits(tokens);
      const std::vector<float> same = oracle::Reference<float>(t, policy, rounding_of(kv_type)).logits(tokens);
      for (int chunk : {1, 7, 90}) {
        const std::vector<float> out = cuda.run(tokens, chunk, p[0], p[1]);
        // One bound for the run: in rows of one or two keys the reference's own error is small by luck.
        EXPECT_EQ(oracle::mismatch(out.data(), ref64.data(), same.data(), 1, int64_t(out.size())), "")
            << "variant " << variant << ", sinks " << p[0] << ", window " << p[1] << ", chunk " << chunk
            << ", TERN_SEED=" << oracle::seed();
      }
    }
  }
}

TEST_F(CudaDevice, BatchMatesAndRepetitionChangeNoBit) {
  for (bool ternary : {false, true}) {
    const tern_model_config c = config(TERN_ROPE_HALVES, TERN_GATE_RELU2, 1);
    const oracle::Transformer t = oracle::random_transformer(c, oracle::seed());
    const std::vector<int32_t> tokens = random_tokens(80, c.vocab_size, oracle::seed() + 1);
    ModelOnDevice cuda("cuda", t, 0, 24, TERN_TYPE_F16, ternary);
    const std::vector<float> first = cuda.run(tokens, 1, 4, 40);
    const std::vector<float> again = cuda.run(tokens, 1, 4, 40);
    EXPECT_EQ(std::memcmp(first.data(), again.data(), first.size() * sizeof(float)), 0) << "again";

    // In the company of others that come and go: every step decodes, in buckets of 1 to 8 rows.
    RollingSequence a(&cuda.free_pages, 4, 40);
    std::vector<RollingSequence> mates;
    for (int m = 0; m < 6; m++) mates.emplace_back(&cuda.free_pages, m % 3, 9 + m);
    std::vector<float> out;
    for (size_t i = 0; i < tokens.size(); i++) {
      BatchArrays arrays;
      const size_t n = i % 7;
      for (size_t m = 0; m < n; m++) mates[m].append({tokens[(i * 5 + m) % tokens.size()]}, &arrays);
      a.append({tokens[i]}, &arrays);
      const tern_batch view = arrays.view();
      ok(tern_step(cuda.engine, &view));
      const std::vector<float> l = cuda.logits(view.n_outputs);
      out.insert(out.end(), l.end() - c.vocab_size, l.end());
      a.evict(cuda.engine);
      for (size_t m = 0; m < n; m++) mates[m].evict(cuda.engine);
    }
    EXPECT_EQ(std::memcmp(first.data(), out.data(), out.size() * sizeof(float)), 0) << (ternary ? "ternary" : "dense");
  }
}

// Rows of a prompt, that is of chunks of several rows, have the same bits whatever the chunks.
TEST_F(CudaDevice, ChunksOfAPromptChangeNoBit) {
  for (bool ternary : {false, true})
    for (int kv_type : {TERN_TYPE_F16, TERN_TYPE_I8}) {
      const tern_model_config c = config(TERN_ROPE_HALVES, TERN_GATE_RELU2, 1);
      const oracle::Transformer t = oracle::random_transformer(c, oracle::seed());
      const std::vector<int32_t> tokens = random_tokens(72, c.vocab_size, oracle::seed() + 2);
      ModelOnDevice cuda("cuda", t, 0, 24, kv_type, ternary);
      const std::vector<float> whole = cuda.run(tokens, 72, 4, 40);
      for (int chunk : {2, 9, 24}) {
        const std::vector<float> parts = cuda.run(tokens, chunk, 4, 40);
        EXPECT_EQ(std::memcmp(whole.data(), parts.data(), whole.size() * sizeof(float)), 0)
            << (ternary ? "ternary" : "dense") << ", type " << kv_type << ", chunk " << chunk;
      }
    }
}

TEST_F(CudaDevice, DecodeStepsAreGraphs) {
  auto* const launches = control<uint64_t()>("tern_simt_graph_launches");
  if (!launches) GTEST_SKIP() << "a GPU does not count graph launches";
  const tern_model_config c = config(TERN_ROPE_HALVES, TERN_GATE_RELU2, 1);
  const oracle::Transformer t = oracle::random_transformer(c, 1);
  ModelOnDevice cuda("cuda", t, 0, 4, TERN_TYPE_F16, true);
  const uint64_t before = launches();
  cuda.run(random_tokens(20, c.vocab_size, 2), 1, 0, 100);
  EXPECT_EQ(launches() - before, 20u);
  cuda.run(random_tokens(20, c.vocab_size, 2), 10, 0, 100);
  EXPECT_EQ(launches() - before, 20u) << "prompts are launched directly";
}

TEST_F(CudaDevice, ADecodeStepCallsNothingButItsGraphTwoCopiesAndOneWait) {
  auto* const calls = control<uint64_t(const char*)>("tern_simt_calls");
  if (!calls) GTEST_SKIP() << "a GPU does not count calls";
  const tern_model_config c = config(TERN_ROPE_HALVES, TERN_GATE_RELU2, 1);
  const oracle::Transformer t = oracle::random_transformer(c, 1);
  for (bool ternary : {true, false}) {
    ModelOnDevice cuda("cuda", t, 0, 6, TERN_TYPE_F16, ternary);
    RollingSequence seq(&cuda.free_pages, 4, 20);
    for (int i = 0; i < 60; i++) {
      BatchArrays b;
      seq.append({i % c.vocab_size}, &b);
      const tern_batch view = b.view();
      std::map<std::string, uint64_t> before;
      const char* const names[] = {"", "cudaSetDevice", "cudaMemcpyAsync", "cudaGraphLaunch", "cudaStreamSynchronize", "pageable copy"};
      for (const char* name : names) before[name] = calls(name);
      ok(tern_step(cuda.engine, &view));
      const auto made = [&](const char* name) { return calls(name) - before[name]; };
      if (i >= 40) {  // the window is full, and its graph known
        EXPECT_EQ(made("cudaSetDevice"), 1u) << i;
        EXPECT_EQ(made("cudaMemcpyAsync"), 2u) << i;
        EXPECT_EQ(made("cudaGraphLaunch"), 1u) << i;
        EXPECT_EQ(made("cudaStreamSynchronize"), 1u) << i;
        EXPECT_EQ(made(""), 5u) << "no allocation, no launch, nothing else, step " << i;
      }
      seq.evict(cuda.engine);
    }
  }
}

TEST_F(CudaDevice, TernaryModelsAgreeWithTheCpu) {
  // Ternary products are exact on both; what differs is the precision of the cache.
  const tern_model_config c = config(TERN_ROPE_HALVES, TERN_GATE_RELU2, 1);
  const oracle::Transformer t = oracle::random_transformer(c, oracle::seed());
  const std::vector<int32_t> tokens = random_tokens(60, c.vocab_size, oracle::seed() + 3);
  ModelOnDevice cuda("cuda", t, 0, 4, TERN_TYPE_F16, true);
  ModelOnCpu exact(t, 1, 4, TERN_TYPE_F32, true), same(t, 1, 4, TERN_TYPE_F16, true);
  const std::vector<float> ref = exact.run(tokens, 60, 0, 100), half = same.run(tokens, 60, 0, 100);
  const std::vector<double> ref64(ref.begin(), ref.end());
  // Rounding to int8 activations turns a last bit into a whole step now and then: the CPU's own F16 cache shows how much that is.
  double scale = 0;
  for (size_t i = 0; i < ref.size(); i++) scale = std::max(scale, double(std::fabs(half[i] - ref[i])));
  for (int chunk : {1, 60}) {
    const std::vector<float> out = cuda.run(tokens, chunk, 0, 100);
    double error = 0;
    for (size_t i = 0; i < ref.size(); i++) error = std::max(error, std::fabs(out[i] - ref64[i]));
    EXPECT_LE(error, 2 * scale) << "chunk " << chunk;
  }
}

TEST_F(CudaDevice, OutOfMemoryNamesNeededAndFree) {
  auto* const set_memory = control<void(size_t)>("tern_simt_set_memory");
  if (!set_memory) GTEST_SKIP() << "only the emulator's memory can be made small";
  const tern_model_config c = config(TERN_ROPE_HALVES, TERN_GATE_RELU2, 1);
  const oracle::Transformer t = oracle::random_transformer(c, 1);
  {
    ModelOnDevice cuda("cuda", t, 0, 4, TERN_TYPE_F16, true);
    set_memory(64 << 20);
    tern_engine_config big = cuda.engine_config;
    big.n_pages = 1 << 16;
    tern_engine* engine = nullptr;
    EXPECT_EQ(tern_engine_create(cuda.model, &big, &engine), TERN_ERR_OUT_OF_MEMORY);
    const std::string text = tern_last_error();
    EXPECT_NE(text.find("KV arena: lower the window"), std::string::npos) << text;
    EXPECT_NE(text.find("free"), std::string::npos) << text;
    cuda.run(random_tokens(5, c.vocab_size, 2), 1, 0, 100);  // goes on
  }
  set_memory(size_t(8) << 30);
}

TEST_F(CudaDevice, ALostDeviceFailsItsEnginesAndNothingElse) {
  auto* const fail_next = control<void(int, const char*, int)>("tern_simt_fail_next");
  if (!fail_next) GTEST_SKIP() << "only the emulator's device can be lost";
  auto* const reset = control<void()>("tern_simt_reset");
  constexpr int kIllegalAddress = 700;
  const tern_model_config c = config(TERN_ROPE_HALVES, TERN_GATE_RELU2, 1);
  const oracle::Transformer t = oracle::random_transformer(c, 1);
  ModelOnCpu cpu(t, 1, 4, TERN_TYPE_F32, true);
  for (int chunk : {1, 8}) {  // in a graph, and launched directly
    {
      ModelOnDevice cuda("cuda", t, 0, 4, TERN_TYPE_F16, true);
      cuda.run(random_tokens(9, c.vocab_size, 2), chunk, 0, 100);
      fail_next(kIllegalAddress, "activations_kernel", 3);
      RollingSequence seq(&cuda.free_pages, 0, 100);
      BatchArrays b;
      seq.append(random_tokens(chunk, c.vocab_size, 2), &b);
      const tern_batch view = b.view();
      EXPECT_EQ(tern_step(cuda.engine, &view), TERN_ERR_DEVICE_LOST);
      EXPECT_NE(std::string(tern_last_error()).find("illegal"), std::string::npos) << tern_last_error();
      EXPECT_EQ(tern_step(cuda.engine, &view), TERN_ERR_DEVICE_LOST);
      EXPECT_NE(std::string(tern_last_error()).find("lost earlier"), std::string::npos) << tern_last_error();
      float logits[61];
      EXPECT_EQ(tern_engine_logits(cuda.engine, 0, logits), TERN_ERR_INVALID_ARGUMENT) << "there was no last step";
      cpu.run(random_tokens(9, c.vocab_size, 2), chunk, 0, 100);
    }
    reset();
  }
  ModelOnDevice cuda("cuda", t, 0, 4, TERN_TYPE_F16, true);  // a new context works
  cuda.run(random_tokens(9, c.vocab_size, 2), 3, 0, 100);
}

TEST_F(CudaDevice, OpsThroughTheAbi) {
  tern_device* device = nullptr;
  ok(tern_device_open("cuda:0", 0, &device));
  const float x[] = {3, 4, 0, 0, -1, 1, -1, 1}, w[] = {1, 2, 3, 4};
  float out[8];
  ok(tern_op_rmsnorm(device, x, w, 1e-30f, 2, 4, out));
  const float expected[] = {1.2f, 3.2f, 0, 0, -1, 2, -3, 4};
  for (int i = 0; i < 8; i++) EXPECT_NEAR(out[i], expected[i], 1e-6f);
  int8_t q[8];
  float scale[2];
  int32_t sum[2];
  ok(tern_op_rmsnorm_quantize(device, x, nullptr, 1, 2, 4, q, scale, sum));
  EXPECT_EQ(q[1], 127);
  EXPECT_EQ(sum[1], 0);
  ok(tern_op_gate(device, TERN_GATE_RELU2, x, x, 8, out));
  EXPECT_EQ(out[1], 64);
  EXPECT_EQ(out[4], 0);
  const int64_t pos[] = {5, 1 << 20};
  ok(tern_op_rope(device, x, pos, nullptr, 10000, TERN_ROPE_HALVES, 2, 1, 4, 4, out));
  EXPECT_NEAR(out[0], 3 * std::cos(5.), 1e-6);
  ok(tern_op_matmul(device, TERN_TYPE_F32, TERN_STORE_DENSE, w, sizeof w, 1, 4, x, 2, out));
  EXPECT_EQ(out[0], 11);
  EXPECT_EQ(out[1], 2);
  // Rows 0 and 1, 2 and 3, 4 and 5, 6 and 7 are the four quarters: two bytes of codes, as often as there are quarters.
  const int8_t trits[8] = {1, -1, 0, 1, -1, 0, 1, 1};
  uint8_t packed[8] = {};
  for (int r = 0; r < 8; r++)
    for (int quarter = 0; quarter < 4; quarter++) packed[2 * quarter + r % 2] |= uint8_t((trits[r] + 1) << r / 2 * 2);
  const float one = 127;
  ok(tern_op_matmul(device, TERN_TYPE_HF_PACKED, TERN_STORE_TERNARY, packed, sizeof packed, 8, 1, &one, 1, out));
  for (int r = 0; r < 8; r++) EXPECT_EQ(out[r], 127.f * trits[r]) << r;
  const int8_t t[] = {1, -1, 0, 1};
  int32_t product[1];
  for (const char* kernel : {"dp4a", "lookup", "mma", "gemm"}) {
    ok(tern_op_ternary(device, kernel, t, 1, 4, q, 1, product));
    EXPECT_EQ(product[0], q[0] - q[1] + q[3]) << kernel;
  }
  const int32_t ids[] = {1, 0};
  ok(tern_op_embed(device, TERN_TYPE_F32, x, sizeof x, 2, 4, ids, 2, out));
  EXPECT_EQ(out[0], -1);
  int32_t token;
  float logprob;
  ok(tern_op_sample(device, x, 4, 0, 0, 1, 0, 1, nullptr, 0, 1, 0, &token, &logprob));
  EXPECT_EQ(token, 1);
  double bandwidth = 0;
  ok(tern_op_read_bandwidth(device, 1 << 20, 2, &bandwidth));
  const char* json = nullptr;
  ok(tern_device_describe(device, &json));
  EXPECT_NE(std::string(json).find("\"backend\": \"cuda\""), std::string::npos);
  EXPECT_EQ(tern_device_set_threads(device, 2), TERN_ERR_INVALID_ARGUMENT);
  tern_device_destroy(device);
}

TEST_F(CudaDevice, WhatIsNotThereIsSaidByName) {
  tern_device* device = nullptr;
  EXPECT_EQ(tern_device_open("cuda:99", 0, &device), TERN_ERR_UNAVAILABLE);
  EXPECT_NE(std::string(tern_last_error()).find("cuda:99"), std::string::npos);
  EXPECT_EQ(tern_device_open("cuda:x", 0, &device), TERN_ERR_UNAVAILABLE);
  EXPECT_EQ(tern_device_open("cuda", 3, &device), TERN_ERR_INVALID_ARGUMENT);
  const tern_model_config c = config(TERN_ROPE_HALVES, TERN_GATE_RELU2, 1);
  const oracle::Transformer t = oracle::random_transformer(c, 1);
  ModelOnDevice cuda("cuda", t, 0, 4, TERN_TYPE_F16, true);
  tern_engine_config f32 = cuda.engine_config;
  f32.kv_type = TERN_TYPE_F32;
  tern_engine* engine = nullptr;
  EXPECT_EQ(tern_engine_create(cuda.model, &f32, &engine), TERN_ERR_INVALID_ARGUMENT);
  EXPECT_NE(std::string(tern_last_error()).find("F16, BF16 or I8"), std::string::npos);
}

}  // namespace
}  // namespace tern
