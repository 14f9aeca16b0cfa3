#include <gtest/gtest.h>

#include <cmath>

#include "cpu/dense.h"
#include "oracle/compare.h"
#include "oracle/dense_oracle.h"

namespace tern::cpu {
namespace {

std::vector<Isa> isas() {
  std::vector<Isa> all;
  for (Isa isa : {Isa::scalar, Isa::avx2, Isa::avx512})
    if (isa <= isa_supported()) all.push_back(isa);
  return all;
}

DenseWeight table_of(int type, int n_rows, int n_cols, const std::vector<uint8_t>& bytes) {
  DenseWeight table = {Buffer(static_cast<int64_t>(bytes.size()), "a test table"), type, n_rows, n_cols};
  std::memcpy(table.data.as<uint8_t>(), bytes.data(), bytes.size());
  return table;
}

TEST(Embed, rows_are_exact) {
  SCOPED_TRACE(oracle::seed());
  std::mt19937_64 random(oracle::seed());
  for (int type : {TERN_TYPE_F32, TERN_TYPE_F16, TERN_TYPE_BF16, TERN_TYPE_Q8_0, TERN_TYPE_Q4_0, TERN_TYPE_Q2_0, TERN_TYPE_Q6_K})
    for (int n_cols : {1, 15, 16, 17, 31, 32, 33, 64, 172, 288, 2560}) {
      if (n_cols % oracle::dense_layout(type).block) continue;
      const int n_rows = 11;
      const std::vector<uint8_t> bytes = oracle::random_rows(type, n_rows, n_cols, random);
      const DenseWeight table = table_of(type, n_rows, n_cols, bytes);
      const std::vector<int32_t> ids = {10, 0, 3, 3, 7};
      for (Isa isa : isas()) {
        std::vector<float> out(ids.size() * n_cols + 2, -7.5f);
        embed(isa, table, ids.data(), static_cast<int>(ids.size()), &out[1]);
        for (size_t i = 0; i < ids.size(); i++)
          for (int c = 0; c < n_cols; c++)
            ASSERT_EQ(out[1 + i * n_cols + c], oracle::element(type, bytes.data(), n_cols, ids[i], c))
                << isa_name(isa) << ", type " << type << ", id " << ids[i] << ", column " << c;
        EXPECT_EQ(out.front(), -7.5f);
        EXPECT_EQ(out.back(), -7.5f);
      }
    }
}

TEST(Embed, every_half_is_exact) {
  std::vector<uint8_t> bytes(2 << 16);
  for (int h = 0; h < 1 << 16; h++) {
    const uint16_t half = static_cast<uint16_t>(h);
    std::memcpy(&bytes[2 * h], &half, 2);
  }
  const DenseWeight table = table_of(TERN_TYPE_F16, 1, 1 << 16, bytes);
  std::vector<float> out(1 << 16);
  const int32_t id = 0;
  for (Isa isa : isas()) {
    embed(isa, table, &id, 1, out.data());
    for (int h = 0; h < 1 << 16; h++) {
      const int exponent = h >> 10 & 31, fraction = h & 1023;
      const double sign = h & 0x8000 ? -1 : 1;
      if (exponent == 31 && fraction)
        ASSERT_TRUE(std::isnan(out[h])) << h;
      else if (exponent == 31)
        ASSERT_EQ(out[h], sign * INFINITY) << h;
      else
        ASSERT_EQ(out[h], sign * (exponent ? std::ldexp(1024 + fraction, exponent - 25) : std::ldexp(fraction, -24))) << h;
    }
  }
}

}  // namespace
}  // namespace tern::cpu
