// The single kernels through the ABI: right numbers on a small case each, and every bad argument refused. The kernels
// themselves are tested in files of their own.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "core/half.h"
#include "tern.h"

namespace tern {
namespace {

class Ops : public ::testing::Test {
 protected:
  void SetUp() override {
    before_ = tern_native_bytes();
    ASSERT_EQ(tern_device_open("cpu", 2, &device), TERN_OK) << tern_last_error();
  }
  void TearDown() override {
    tern_device_destroy(device);
    EXPECT_EQ(tern_native_bytes(), before_);
  }
  tern_device* device = nullptr;

 private:
  int64_t before_ = 0;
};

void refused(int32_t status, const char* what) {
  EXPECT_EQ(status, TERN_ERR_INVALID_ARGUMENT) << what;
  EXPECT_STRNE(tern_last_error(), "") << what;
}

TEST_F(Ops, Rmsnorm) {
  const float x[] = {3, 4, 0, 0, -1, 1, -1, 1}, w[] = {1, 2, 3, 4};
  float out[8];
  ASSERT_EQ(tern_op_rmsnorm(device, x, w, 1e-30f, 2, 4, out), TERN_OK);
  const float expected[] = {1.2f, 3.2f, 0, 0, -1, 2, -3, 4};
  for (int i = 0; i < 8; i++) EXPECT_NEAR(out[i], expected[i], 1e-6f);
  refused(tern_op_rmsnorm(nullptr, x, w, 1, 2, 4, out), "device");
  refused(tern_op_rmsnorm(device, nullptr, w, 1, 2, 4, out), "x");
  refused(tern_op_rmsnorm(device, x, w, 1, 0, 4, out), "rows");
  refused(tern_op_rmsnorm(device, x, w, 1, 2, -4, out), "dim");
}

TEST_F(Ops, RmsnormQuantize) {
  const float x[] = {0.5f, -1, 0.25f, 127.f / 127, 2, -2, 1, 0};
  int8_t q[8];
  float scale[2];
  int32_t sum[2];
  ASSERT_EQ(tern_op_rmsnorm_quantize(device, x, nullptr, 1, 2, 4, q, scale, sum), TERN_OK);
  const int8_t expected[] = {64, -127, 32, 127, 127, -127, 64, 0};  // 63.5 and 31.75 round to even and to nearest
  for (int i = 0; i < 8; i++) EXPECT_EQ(q[i], expected[i]) << i;
  EXPECT_FLOAT_EQ(scale[0], 1 / 127.f);
  EXPECT_FLOAT_EQ(scale[1], 2 / 127.f);
  EXPECT_EQ(sum[0], 96);
  EXPECT_EQ(sum[1], 64);
  refused(tern_op_rmsnorm_quantize(device, x, nullptr, 1, 2, 4, nullptr, scale, sum), "q");
}

TEST_F(Ops, Gate) {
  const float g[] = {-1, 0, 2}, u[] = {5, 5, 5};
  float out[3];
  ASSERT_EQ(tern_op_gate(device, TERN_GATE_RELU2, g, u, 3, out), TERN_OK);
  EXPECT_EQ(out[0], 0);
  EXPECT_EQ(out[1], 0);
  EXPECT_EQ(out[2], 20);
  ASSERT_EQ(tern_op_gate(device, TERN_GATE_SILU, g, u, 3, out), TERN_OK);
  EXPECT_NEAR(out[2], 10 / (1 + std::exp(-2.0)), 1e-6);
  refused(tern_op_gate(device, 2, g, u, 3, out), "kind");
  refused(tern_op_gate(device, 0, g, u, 0, out), "n");
}

TEST_F(Ops, Rope) {
  const float x[] = {1, 0, 0, 1};
  const int64_t pos = 1;
  float out[4];
  ASSERT_EQ(tern_op_rope(device, x, &pos, nullptr, 10000, TERN_ROPE_ADJACENT, 1, 1, 4, 4, out), TERN_OK);
  EXPECT_NEAR(out[0], std::cos(1.0), 1e-7);
  EXPECT_NEAR(out[1], std::sin(1.0), 1e-7);
  EXPECT_NEAR(out[2], -std::sin(0.01), 1e-7);
  EXPECT_NEAR(out[3], std::cos(0.01), 1e-7);
  refused(tern_op_rope(device, x, &pos, nullptr, 10000, TERN_ROPE_ADJACENT, 1, 1, 4, 3, out), "rope_dim");
  refused(tern_op_rope(device, x, &pos, nullptr, NAN, TERN_ROPE_ADJACENT, 1, 1, 4, 4, out), "base");
  refused(tern_op_rope(device, x, &pos, nullptr, 10000, 9, 1, 1, 4, 4, out), "style");
}

TEST_F(Ops, AttentionOfOneVisibleKeyIsItsValue) {
  const int n_slots = 64, dim = 8;
  std::vector<float> q(dim, 1), k(n_slots * dim, NAN), v(n_slots * dim, NAN), out(dim, NAN);
  for (int d = 0; d < dim; d++) k[5 * dim + d] = 0.5f, v[5 * dim + d] = float(d);
  const int32_t slot = 5, len = 1, rotation = 0;
  const int64_t index = 5, sink_end = 0, lo = 0, hi = 5, nothing = -1;
  const auto run = [&](int64_t last) {
    return tern_op_attention(device, q.data(), k.data(), v.data(), TERN_TYPE_F32, n_slots, 1, 1, 1, dim, 1, 1, &slot, &len,
                             &index, &rotation, &sink_end, &lo, &last, out.data());
  };
  ASSERT_EQ(run(hi), TERN_OK) << tern_last_error();
  for (int d = 0; d < dim; d++) EXPECT_EQ(out[d], float(d));
  ASSERT_EQ(run(nothing), TERN_OK);
  for (int d = 0; d < dim; d++) EXPECT_EQ(out[d], 0);
  const int32_t bad_slot = 64, bad_len = 60;
  refused(tern_op_attention(device, q.data(), k.data(), v.data(), TERN_TYPE_F32, n_slots, 1, 1, 1, dim, 1, 1, &bad_slot, &len,
                            &index, &rotation, &sink_end, &lo, &hi, out.data()),
          "slot");
  refused(tern_op_attention(device, q.data(), k.data(), v.data(), TERN_TYPE_F32, n_slots, 1, 1, 1, dim, 1, 1, &slot, &bad_len,
                            &index, &rotation, &sink_end, &lo, &hi, out.data()),
          "len");
  refused(tern_op_attention(device, q.data(), k.data(), v.data(), TERN_TYPE_F32, 63, 1, 1, 1, dim, 1, 1, &slot, &len, &index,
                            &rotation, &sink_end, &lo, &hi, out.data()),
          "n_slots");
  refused(tern_op_attention(device, q.data(), k.data(), v.data(), TERN_TYPE_F32, n_slots, 1, 3, 2, dim, 1, 1, &slot, &len,
                            &index, &rotation, &sink_end, &lo, &hi, out.data()),
          "heads");
}

TEST_F(Ops, MatmulDenseAndTernary) {
  const float w[] = {1, 0, -1, 0, 1, 1}, x[] = {1, 0.5f, -1};
  float out[2];
  ASSERT_EQ(tern_op_matmul(device, TERN_TYPE_F32, TERN_STORE_DENSE, w, sizeof w, 2, 3, x, 1, out), TERN_OK);
  EXPECT_FLOAT_EQ(out[0], 2);
  EXPECT_FLOAT_EQ(out[1], -0.5f);
  ASSERT_EQ(tern_op_matmul(device, TERN_TYPE_F32, TERN_STORE_TERNARY, w, sizeof w, 2, 3, x, 1, out), TERN_OK);
  EXPECT_FLOAT_EQ(out[0], 254 / 127.f);
  EXPECT_FLOAT_EQ(out[1], (64 - 127) / 127.f);
  refused(tern_op_matmul(device, TERN_TYPE_F32, TERN_STORE_DENSE, w, 4, 2, 3, x, 1, out), "bytes");
  refused(tern_op_matmul(device, TERN_TYPE_TQ2_0, TERN_STORE_DENSE, w, sizeof w, 2, 3, x, 1, out), "block");
  refused(tern_op_matmul(device, 12345, TERN_STORE_DENSE, w, sizeof w, 2, 3, x, 1, out), "type");
  refused(tern_op_matmul(device, TERN_TYPE_F32, 7, w, sizeof w, 2, 3, x, 1, out), "store");
  const float mixed[] = {1, 0, -2, 0, 1, 1};
  EXPECT_EQ(tern_op_matmul(device, TERN_TYPE_F32, TERN_STORE_TERNARY, mixed, sizeof mixed, 2, 3, x, 1, out),
            TERN_ERR_NOT_TERNARY);
}

TEST_F(Ops, MatmulOfRowsPackedByFour) {
  // Two bytes a row, rows 0, 2, 4, 6 of the codes of one byte and 1, 3, 5, 7 of the other.
  const int8_t trits[8][2] = {{1, 0}, {-1, -1}, {0, 0}, {0, 1}, {-1, 1}, {1, 1}, {1, -1}, {-1, 0}};
  uint8_t packed[4][2][2] = {};  // as often as there are quarters
  for (auto& quarter : packed)
    for (int r = 0; r < 8; r++)
      for (int c = 0; c < 2; c++) quarter[r % 2][c] |= uint8_t((trits[r][c] + 1) << r / 2 * 2);
  const float x[] = {1, -127};
  float out[8];
  ASSERT_EQ(tern_op_matmul(device, TERN_TYPE_HF_PACKED, TERN_STORE_TERNARY, packed, sizeof packed, 8, 2, x, 1, out), TERN_OK) << tern_last_error();
  for (int r = 0; r < 8; r++) EXPECT_EQ(out[r], float(trits[r][0] - 127 * trits[r][1])) << r;
  refused(tern_op_matmul(device, TERN_TYPE_HF_PACKED, TERN_STORE_DENSE, packed, sizeof packed, 8, 2, x, 1, out), "ternary only");
  refused(tern_op_matmul(device, TERN_TYPE_HF_PACKED, TERN_STORE_TERNARY, packed, 12, 6, 2, x, 1, out), "packed by four");
  const int32_t id = 0;
  refused(tern_op_embed(device, TERN_TYPE_HF_PACKED, packed, sizeof packed, 8, 2, &id, 1, out), "ternary only");
  packed[2][1][0] |= 3 << 4;  // row 5
  EXPECT_EQ(tern_op_matmul(device, TERN_TYPE_HF_PACKED, TERN_STORE_TERNARY, packed, sizeof packed, 8, 2, x, 1, out), TERN_ERR_NOT_TERNARY);
  EXPECT_NE(std::string(tern_last_error()).find("row 5"), std::string::npos) << tern_last_error();
}

TEST_F(Ops, Ternary) {
  const int8_t w[] = {1, -1, 0, 1, 1, 1}, q[] = {127, -128, 5, 1, 2, 3};
  int32_t out[4];
  ASSERT_EQ(tern_op_ternary(device, nullptr, w, 2, 3, q, 2, out), TERN_OK) << tern_last_error();
  EXPECT_EQ(out[0], 255);
  EXPECT_EQ(out[1], 4);
  EXPECT_EQ(out[2], -1);
  EXPECT_EQ(out[3], 6);
  const int8_t two[] = {2, 0, 0, 0, 0, 0};
  refused(tern_op_ternary(device, nullptr, two, 2, 3, q, 2, out), "weight 2");
  EXPECT_NE(tern_op_ternary(device, "no such kernel", w, 2, 3, q, 2, out), TERN_OK);
}

TEST_F(Ops, EmbedF16) {
  uint16_t table[6];
  for (int i = 0; i < 6; i++) table[i] = half_from_float(i * 0.5f);
  const int32_t ids[] = {1, 0, 1}, bad[] = {0, 2, 0};
  float out[9];
  ASSERT_EQ(tern_op_embed(device, TERN_TYPE_F16, table, sizeof table, 2, 3, ids, 3, out), TERN_OK);
  const float expected[] = {1.5f, 2, 2.5f, 0, 0.5f, 1, 1.5f, 2, 2.5f};
  EXPECT_EQ(std::memcmp(out, expected, sizeof out), 0);
  refused(tern_op_embed(device, TERN_TYPE_F16, table, sizeof table, 2, 3, bad, 3, out), "id");
}

TEST_F(Ops, Sample) {
  const float inf = std::numeric_limits<float>::infinity();
  const float logits[] = {1, 3, 3, 2}, none[] = {-inf, -inf};
  int32_t token;
  float logprob;
  ASSERT_EQ(tern_op_sample(device, logits, 4, 0, 0, 1, 0, 1, nullptr, 0, 1, 0, &token, &logprob), TERN_OK);
  EXPECT_EQ(token, 1);
  const int32_t seen[] = {1, 1};
  ASSERT_EQ(tern_op_sample(device, logits, 4, 0, 0, 1, 0, 2, seen, 2, 1, 0, &token, &logprob), TERN_OK);
  EXPECT_EQ(token, 2);
  ASSERT_EQ(tern_op_sample(device, none, 2, 0, 0, 1, 0, 1, nullptr, 0, 1, 0, &token, &logprob), TERN_OK);
  EXPECT_EQ(token, -1);
  refused(tern_op_sample(device, logits, 4, -1, 0, 1, 0, 1, nullptr, 0, 1, 0, &token, &logprob), "temperature");
  const int32_t bad[] = {4};
  refused(tern_op_sample(device, logits, 4, 0, 0, 1, 0, 1, bad, 1, 1, 0, &token, &logprob), "penalty token");
}

TEST_F(Ops, BandwidthAndDescription) {
  double rate = 0;
  ASSERT_EQ(tern_op_read_bandwidth(device, 8 << 20, 2, &rate), TERN_OK);
  EXPECT_GT(rate, 0);
  refused(tern_op_read_bandwidth(device, 0, 2, &rate), "bytes");
  const char* json = nullptr;
  ASSERT_EQ(tern_device_describe(device, &json), TERN_OK);
  EXPECT_NE(std::string(json).find("\"backend\": \"cpu\""), std::string::npos);
  EXPECT_EQ(tern_device_n_threads(device), 2);
  ASSERT_EQ(tern_device_set_threads(device, 1), TERN_OK);
  EXPECT_EQ(tern_device_n_threads(device), 1);
  refused(tern_device_set_threads(device, 0), "threads");
}

}  // namespace
}  // namespace tern
